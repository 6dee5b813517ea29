/** Decisions: what the audit trail is told of a transaction's end, where it is decided: that it was, then what the transaction itself says. */
import * as Limits from "#base/Limits.ts"
import type { Outcome, Txn } from "../Request.ts"
import * as AuditEntry from "./AuditEntry.ts"

/** A name that an entry can hold: a long one is cut. */
export const named = (name: string): string => {
  const text = name.toWellFormed()
  // A unit of UTF-16 has three bytes of UTF-8 at most.
  const charsMax = Math.floor(Limits.auditNameBytesMax / 3)
  return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1).toWellFormed()}…`
}

/** Encoded, in their order; a text says what cannot be written down. */
export const of = (
  { anchor, id }: Txn,
  outcome: Outcome,
  keys: ReadonlyArray<Uint8Array>,
  told: AuditEntry.Told | undefined
): ReadonlyArray<Uint8Array> | string => {
  const { actor = "", notes = [] } = told ?? {}
  if (notes.length > Limits.auditNotesMax) return `a transaction has at most ${Limits.auditNotesMax} notes`
  // What was aborted has no time but that of its beginning.
  const atMicros = outcome.type === "committed" ? outcome.at : id
  const touched = AuditEntry.touched(keys.length === 0 ? [anchor] : keys)
  const all: Array<AuditEntry.Decision> = [
    { kind: "transaction", outcome: outcome.type, ...touched, atMicros, actor, subject: String(id) },
    ...notes.map((note) => ({ ...note, keys: [], keysTotal: 0, atMicros }))
  ]
  const encoded: Array<Uint8Array> = []
  for (const decision of all) {
    const objection = AuditEntry.objection(decision)
    if (objection !== undefined) return objection
    encoded.push(AuditEntry.encodeDecision(decision))
  }
  return encoded
}
