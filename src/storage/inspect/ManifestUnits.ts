/** ManifestUnits: a manifest of an LSM engine, edit by edit, and the file `CURRENT`. */
import * as Effect from "effect/Effect"
import * as Manifest from "../lsm/Manifest.ts"
import type { Unit, Walk } from "./Unit.ts"

/** What a unit is called that a crash has torn off. */
export const tornEnd = "torn end"

const fieldsOf = (payload: Uint8Array): Unit["fields"] | undefined => {
  if (payload[0] === Manifest.kinds.seal) return {}
  const edit = Manifest.readEdit(payload)
  if (edit === undefined) return undefined
  const { added, removed, state } = edit
  const tables = added.map(({ level, meta }) => `${level}:${meta.number}`).join(" ")
  return { ...state, added: tables, removed: removed.join(" ") }
}

/** Up to the first record that does not read: then nobody knows where the next one begins. */
export const walk: Walk = Effect.fnUntraced(function* ({ handle, number, sizeBytes }, { unit }) {
  const bytes = yield* handle.readAt(0, sizeBytes)
  const read = Manifest.read(bytes, number)
  const damage = "why" in read ? read : undefined
  const headerBytes = Math.min(Manifest.headerBytes, sizeBytes)
  const header = { offsetBytes: 0, sizeBytes: headerBytes, what: "header" }
  if (damage !== undefined && damage.damagedAt < headerBytes) {
    return unit({ ...header, fields: {}, problem: damage.why })
  }
  unit({ ...header, fields: { number } })
  let offsetBytes = headerBytes
  while (offsetBytes < bytes.length) {
    const payload = Manifest.payloadAt(bytes, number, offsetBytes)
    const fields = payload === undefined ? undefined : fieldsOf(payload)
    if (payload === undefined || fields === undefined) break
    const what = payload[0] === Manifest.kinds.seal ? "seal" : "edit"
    const recordBytes = Manifest.recordHeadBytes + payload.length
    unit({ offsetBytes, sizeBytes: recordBytes, what, fields })
    offsetBytes += recordBytes
  }
  const rest = { offsetBytes, sizeBytes: bytes.length - offsetBytes, fields: {} }
  if (damage !== undefined) unit({ ...rest, what: "rest", problem: damage.why })
  else if (rest.sizeBytes > 0) unit({ ...rest, what: tornEnd })
})

export const walkCurrent: Walk = Effect.fnUntraced(function* ({ handle, sizeBytes }, { unit }) {
  const number = Manifest.readCurrent(yield* handle.readAt(0, sizeBytes))
  const place = { offsetBytes: 0, sizeBytes, what: "current" }
  if (number === undefined) unit({ ...place, fields: {}, problem: "its bytes are not what was written" })
  else unit({ ...place, fields: { manifest: number } })
})
