/** TestTrail: trails of decisions for tests, and as files. */
import * as AuditChain from "./AuditChain.ts"
import * as AuditEntry from "./AuditEntry.ts"
import { AuditStreamWriter } from "./AuditStream.ts"

export interface Written {
  readonly bytes: Uint8Array
  readonly head: AuditChain.Head
}

const verdicts: ReadonlyArray<AuditEntry.Verdict> = [
  { kind: "transaction", outcome: "committed" },
  { kind: "lock", outcome: "granted" },
  { kind: "saga", outcome: "compensated" },
  { kind: "membership", outcome: "removed" },
  { kind: "transaction", outcome: "aborted" }
]

export const decision = (index: number): AuditEntry.Decision => ({
  ...verdicts[index % verdicts.length],
  ...AuditEntry.touched(Array.from({ length: index % 3 }, (_, key) => Uint8Array.of(0x21, index, key, 255))),
  atMicros: 1_700_000_000_000_000 + 250_000 * index,
  actor: `teller ${index % 4}`,
  subject: `transfer ${index}`
})

/** The first entries of a chain. */
export const chain = (number: number, entries: number): ReadonlyArray<Written> => {
  const written: Array<Written> = []
  let head = AuditChain.genesisOf(number)
  for (let index = 0; index < entries; index++) {
    const next = AuditChain.append(head, decision(index))
    if (next instanceof AuditChain.AuditRefused) throw next
    written.push(next)
    head = next.head
  }
  return written
}

/** The bytes of a stream of entries. */
export const streamOf = (written: ReadonlyArray<Written>): Uint8Array => {
  const writer = new AuditStreamWriter()
  const parts = [writer.header()]
  for (const { bytes, head } of written) parts.push(...writer.entry(bytes, head))
  parts.push(...writer.end())
  const stream = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    stream.set(part, at)
    at += part.length
  }
  return stream
}
