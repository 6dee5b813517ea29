/**
 * AuditLineage: whether the chains of a trail come from and into each other as they say. A chain that a split began names the entry of its parent's
 * chain that tells of the split, and that one names the chain; an entry that tells of a merge names the last entry of the chain that ended. Of a
 * chain that is not in the trail, or not yet as far, nothing can be said: the other ranges of a store may be elsewhere, or behind.
 */
import * as Bytes from "#base/Bytes.ts"
import * as Limits from "#base/Limits.ts"
import * as AuditChain from "./AuditChain.ts"
import * as AuditEntry from "./AuditEntry.ts"

/** Something is wrong with how a chain begins or ends. */
export interface Objection {
  readonly chain: number
  readonly sequence: number
  readonly message: string
}

const areSame = (left: AuditChain.Head, right: AuditChain.Head): boolean =>
  left.chain === right.chain && left.sequence === right.sequence && AuditEntry.areEqual(left.hash, right.hash)

export class AuditLineage {
  /** By the chain that came of it: the entry that tells of the split. */
  private readonly splits = new Map<number, AuditChain.Head>()
  /** By the chain: which entry it says that it came from. */
  private readonly parents = new Map<number, AuditChain.Head>()
  /** By the chain: its last entry, as whoever took its range in says; and where that is said. */
  private readonly ends = new Map<number, { readonly head: AuditChain.Head; readonly by: AuditEntry.Place }>()
  private readonly objections: Array<Objection> = []

  /** An entry whose hash is that of its bytes. */
  add({ chain, hash, kind, outcome, previous, sequence, subject }: AuditEntry.Entry): void {
    if (kind !== "range") return
    const [named] = AuditChain.allIn(subject)
    if (outcome === "begun") {
      if (sequence !== 1) this.objections.push({ chain, sequence, message: "a chain begins with its first entry" })
      else if (named !== undefined) this.note(this.parents, chain, named)
    } else if (outcome === "split") this.note(this.splits, Number(subject), { chain, sequence, hash: Bytes.copy(hash) })
    else if (named !== undefined) this.note(this.ends, named.chain, { head: named, by: { chain, sequence, previous } })
  }

  private note<A>(notes: Map<number, A>, chain: number, note: A): void {
    if (notes.has(chain) || notes.size < Limits.auditChainsMax) notes.set(chain, note)
  }

  /** `last`: the last entry of each chain that is in the trail. */
  finish(last: ReadonlyMap<number, AuditChain.Head>): ReadonlyArray<Objection> {
    const { ends, objections, parents, splits } = this
    for (const [chain, named] of parents) {
      const split = splits.get(chain)
      // Its parent is not there, or has not come so far.
      if ((last.get(named.chain)?.sequence ?? 0) < named.sequence) continue
      if (split !== undefined && areSame(split, named)) continue
      const message = `it says that it began with entry ${named.sequence} of chain ${named.chain}, which does not say so, or is another one now`
      objections.push({ chain, sequence: 1, message })
    }
    for (const [chain, split] of splits) {
      if (!last.has(chain) || parents.has(chain)) continue
      const message = `entry ${split.sequence} of chain ${split.chain} says that it began there, and it does not say so`
      objections.push({ chain, sequence: 1, message })
    }
    for (const [chain, { by, head }] of ends) {
      const found = last.get(chain)
      if (found === undefined || areSame(found, head)) continue
      const message = `entry ${by.sequence} of chain ${by.chain} says that it ended with entry ${head.sequence}, and it ends with ${found.sequence === head.sequence ? "another one" : `entry ${found.sequence}`}`
      objections.push({ chain, sequence: Math.min(found.sequence, head.sequence), message })
    }
    return objections
  }
}
