/**
 * RangeTrail: the audit chain of a range, as its replicas write it: each entry is put into the batch of the command that it tells of, so all
 * replicas have the same chain, and an entry is there exactly where what it tells of is. O(1) an entry, whatever the chain's length.
 *
 * A chain has its range's number. It begins with an entry that says so; where a split made the range, that one names the entry of the
 * parent's chain that tells of the split. A range that takes in its right neighbour names the last entry of that one's chain, and has its
 * entries from then on. So from any chain one comes to all that it came from, and into it (`AuditVerification`).
 */
import type { ConfState } from "#consensus/Configuration.ts"
import { storeOf, type GroupId, type StoreId } from "#consensus/Replica.ts"
import type { Batch } from "#storage/Batch.ts"
import * as Key from "../Key.ts"
import type { Span } from "../Request.ts"
import * as AuditChain from "./AuditChain.ts"
import * as AuditEntry from "./AuditEntry.ts"

/** What a range's state has of its chain: its last entry, and the latest time that an entry had. */
export interface Trail {
  readonly sequence: number
  readonly hash: Uint8Array
  readonly atMicros: number
}

/** Where an entry goes, and when it was if it has no time of its own. */
export interface Place {
  readonly batch: Batch
  readonly range: GroupId
  readonly atMicros: number
}

const headOf = (range: GroupId, { hash, sequence }: Trail): AuditChain.Head => ({ chain: range, sequence, hash })

/** Puts the entry of an encoded decision. */
export const add = ({ batch, range }: Omit<Place, "atMicros">, trail: Trail, decision: Uint8Array): Trail => {
  const { bytes, head } = AuditChain.next(headOf(range, trail), decision)
  batch.put(Key.audit(range, range, head.sequence), bytes)
  return { sequence: head.sequence, hash: head.hash, atMicros: Math.max(trail.atMicros, AuditEntry.atOf(decision)) }
}

type Own = AuditEntry.Verdict & { readonly subject: string; readonly keys: ReadonlyArray<Uint8Array> }

/** What a range decides about itself. */
const own = (place: Place, trail: Trail, { keys, ...verdict }: Own): Trail =>
  add(
    place,
    trail,
    AuditEntry.encodeDecision({
      ...verdict,
      ...AuditEntry.touched(keys),
      actor: `range ${place.range}`,
      atMicros: Math.max(trail.atMicros, place.atMicros)
    })
  )

/** A new chain. `parent`: the entry of the split that made the range. */
export const begin = (place: Place, { from, to }: Span, parent?: AuditChain.Head): Trail => {
  const { hash, sequence } = AuditChain.genesisOf(place.range)
  const subject = parent === undefined ? "" : AuditChain.textOf(parent)
  return own(place, { sequence, hash, atMicros: 0 }, { kind: "range", outcome: "begun", subject, keys: [from, to] })
}

/** The range was split at the key: its chain, and the right half's. */
export const split = (
  place: Place,
  trail: Trail,
  { right, to }: { readonly right: GroupId; readonly to: Span }
): { readonly left: Trail; readonly right: Trail } => {
  const left = own(place, trail, { kind: "range", outcome: "split", subject: String(right), keys: [to.from] })
  return { left, right: begin({ ...place, range: right }, to, headOf(place.range, left)) }
}

/** The range has taken in its right neighbour, whose chain ends. */
export const merged = (
  place: Place,
  trail: Trail,
  right: { readonly range: GroupId; readonly trail: Trail | undefined; readonly span: Span }
): Trail => {
  const subject = right.trail === undefined ? String(right.range) : AuditChain.textOf(headOf(right.range, right.trail))
  return own(place, trail, { kind: "range", outcome: "merged", subject, keys: [right.span.from, right.span.to] })
}

type Standing = "voter" | "learner"

const standings = ({ learners, learnersNext, voters }: ConfState): ReadonlyMap<StoreId, Standing> =>
  new Map([
    ...voters.map((replica) => [storeOf(replica), "voter"] as const),
    ...[...learners, ...learnersNext].map((replica) => [storeOf(replica), "learner"] as const)
  ])

const verdictOf = (
  before: Standing | undefined,
  after: Standing | undefined
): AuditEntry.Verdict & { readonly kind: "membership" } => {
  const kind = "membership"
  if (after === undefined) return { kind, outcome: "removed" }
  if (before === undefined) return { kind, outcome: "added" }
  return { kind, outcome: after === "voter" ? "promoted" : "demoted" }
}

/** Other stores have replicas of the range, or a vote, from now on: an entry each. Who goes by a joint configuration goes when it begins. */
export const members = (place: Place, trail: Trail, before: ConfState, after: ConfState): Trail => {
  const [was, is] = [standings(before), standings(after)]
  const stores = [...new Set([...was.keys(), ...is.keys()])].sort((left, right) => left - right)
  let last = trail
  for (const store of stores) {
    const [old, now] = [was.get(store), is.get(store)]
    if (old !== now) last = own(place, last, { ...verdictOf(old, now), subject: `store ${store}`, keys: [] })
  }
  return last
}
