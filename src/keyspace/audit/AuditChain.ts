/**
 * AuditChain: what comes next in a chain of the audit trail. Pure: the range whose chain it is keeps the head, and writes the entry together with
 * the decision, in one batch, so that neither is ever there without the other.
 */
import * as Data from "effect/Data"
import * as Bytes from "#base/Bytes.ts"
import * as Hex from "#base/Hex.ts"
import * as AuditEntry from "./AuditEntry.ts"

/** The last entry of a chain. Kept elsewhere, it proves what the chain was. */
export interface Head {
  readonly chain: number
  /** 0: the chain is empty. */
  readonly sequence: number
  readonly hash: Uint8Array
}

/** The decision does not fit into an entry: say it in shorter words, and decide again. */
export class AuditRefused extends Data.TaggedError("AuditRefused")<{ readonly message: string }> {}

/** What the first entry follows. */
export const genesisOf = (chain: number): Head => ({
  chain,
  sequence: 0,
  hash: new Uint8Array(AuditEntry.hashBytes)
})

/** The entry of a decision, and the head that it makes. */
export const append = (
  { chain, hash, sequence }: Head,
  decision: AuditEntry.Decision
): { readonly bytes: Uint8Array; readonly head: Head } | AuditRefused => {
  const objection = AuditEntry.objection(decision)
  if (objection !== undefined) return new AuditRefused({ message: objection })
  return next({ chain, sequence, hash }, AuditEntry.encodeDecision(decision))
}

/** The same of a decision that was encoded, and so has no objection. */
export const next = (
  { chain, hash, sequence }: Head,
  decision: Uint8Array
): { readonly bytes: Uint8Array; readonly head: Head } => {
  const bytes = AuditEntry.entryOf(decision, { chain, sequence: sequence + 1, previous: hash })
  return { bytes, head: { chain, sequence: sequence + 1, hash: Bytes.copy(AuditEntry.hashIn(bytes)) } }
}

/** For people to keep, and in entries that name another chain's: `CHAIN:SEQUENCE:HASH`. */
export const textOf = ({ chain, hash, sequence }: Head): string => `${chain}:${sequence}:${Hex.of(hash)}`

/** All heads in a text, whatever stands around them. */
export const allIn = (text: string): ReadonlyArray<Head> =>
  [...text.matchAll(/(?<![\w:])(\d{1,10}):(\d{1,15}):([0-9a-f]{64})(?!\w)/g)].map(([, chain, sequence, hash]) => ({
    chain: Number(chain),
    sequence: Number(sequence),
    hash: Hex.bytesOf(hash)
  }))
