/**
 * SegmentUnits: a segment of a log, record by record. A file alone cannot tell what was torn off by a crash from damage, so what does
 * not read is a `gap` without a judgement, unless records follow it; the log as a whole knows more (`Recovery`).
 */
import * as Effect from "effect/Effect"
import * as Format from "../wal/Format.ts"
import { Scanner } from "../wal/Scanner.ts"
import * as Operations from "./Operations.ts"
import type { Unit, Walk } from "./Unit.ts"

const names = ["gap", "append", "cut head", "cut tail", "mark", "carry", "table"]
const readBytes = 1_048_576

const fieldsOf = ({ epoch, group, kind, payloadBytes, position, stream }: Format.RecordHeader): Unit["fields"] => ({
  ...(kind === Format.kinds.mark || kind === Format.kinds.table ? {} : { stream, position, epoch }),
  group,
  payloadBytes
})

export const walk: Walk = Effect.fnUntraced(function* ({ handle, number, sizeBytes }, { unit, wantsEntries }) {
  const first = yield* handle.readAt(0, Format.segmentHeaderBytes)
  const header = Format.decodeSegmentHeader(first, number)
  const place = { offsetBytes: 0, sizeBytes: first.length, what: "header" }
  if (typeof header === "string") {
    // Without the log's identity no record is told from other bytes.
    return unit({ ...place, fields: {}, problem: header })
  }
  const { base, identity, previous, previousEnd } = header
  unit({ ...place, fields: { version: Format.version, segment: number, identity, base, previous, previousEnd } })
  const found: Array<Unit> = []
  let gap: Unit | undefined
  const scanner = new Scanner(Format.saltOf(identity, number), Format.segmentHeaderBytes, {
    record: (offsetBytes, record, isSound, table) => {
      if (gap !== undefined) found.push({ ...gap, problem: "nothing reads here, and records follow" })
      gap = undefined
      found.push({
        offsetBytes,
        sizeBytes: Format.recordHeaderBytes + record.payloadBytes,
        what: names[record.kind],
        fields: { ...fieldsOf(record), ...(table === undefined ? {} : { streams: Format.decodeTable(table).length }) },
        ...(isSound ? {} : { problem: "its payload does not match its checksum" })
      })
    },
    gap: (from, to, isBlank) => {
      gap = { offsetBytes: from, sizeBytes: to - from, what: isBlank ? "zeros" : "gap", fields: {} }
    }
  })
  const tell = Effect.fnUntraced(function* () {
    for (const each of found) {
      const hasPayload = each.what === names[Format.kinds.append] || each.what === names[Format.kinds.carry]
      if (!wantsEntries || !hasPayload || each.problem !== undefined) unit(each)
      else {
        const from = each.offsetBytes + Format.recordHeaderBytes
        const payload = yield* handle.readAt(from, each.sizeBytes - Format.recordHeaderBytes)
        const entries = Operations.read(payload, 0, payload.length)
        unit(entries === undefined ? each : { ...each, entries })
      }
    }
    found.length = 0
  })
  for (let at = Format.segmentHeaderBytes; at < sizeBytes;) {
    const bytes = yield* handle.readAt(at, Math.min(readBytes, sizeBytes - at))
    if (bytes.length === 0) break
    scanner.feed(bytes)
    at += bytes.length
    yield* tell()
  }
  scanner.finish()
  yield* tell()
  if (gap !== undefined) unit(gap)
})
