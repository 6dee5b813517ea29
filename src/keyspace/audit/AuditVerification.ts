/**
 * AuditVerification: whether the entries of a trail, in the order in which they stand there, are what was written. Chains may be mixed. It
 * keeps a chain's last hash and its gaps, no entries, so trails of any length go through.
 *
 * What it can know: without a known head, that the entries fit each other from the first one on; whoever can write the trail can leave the
 * last ones out, or make all hashes from some entry on anew. With a head that was kept elsewhere, that all entries up to
 * it are those that were there then (Crosby and Wallach, "Efficient Data Structures for Tamper-Evident Logging", USENIX Security 2009,
 * have proofs without reading everything; chains of ours are read whole).
 *
 * Fields of an entry whose hash does not match are not believed: it counts in place of the entry that was due, or of a missing one.
 */
import * as Bytes from "#base/Bytes.ts"
import * as Limits from "#base/Limits.ts"
import * as AuditChain from "./AuditChain.ts"
import * as AuditEntry from "./AuditEntry.ts"
import { AuditLineage } from "./AuditLineage.ts"

/**
 * - `changed`: not what was written; also where only the entry behind tells, because its hash was made anew.
 * - `missing`: the entries from `sequence` to `last` are not there, though later ones are.
 * - `reordered`: it stands behind a later one.
 * - `repeated`: its number was there before.
 * - `truncated`: the chain ends before a known head: the entries from `sequence` to `last` are not there.
 * - `replaced`: the entry at a known head is another one: it, or one before and all hashes since.
 * - `unconnected`: a chain does not begin, or end, where another one says (`AuditLineage`).
 * - `unreadable`: a newer program wrote it, or it is no entry at all. What only a newer program understands is verified all the same.
 */
export interface Finding {
  readonly type:
    | "changed"
    | "missing"
    | "reordered"
    | "repeated"
    | "truncated"
    | "replaced"
    | "unconnected"
    | "unreadable"
  /** Undefined: the bytes do not tell. */
  readonly chain: number | undefined
  readonly sequence: number | undefined
  readonly last: number | undefined
  /** Where in the trail it was noticed; undefined: at its end. */
  readonly offsetBytes: number | undefined
  readonly message: string
}

export interface ChainReport {
  readonly chain: number
  readonly entries: number
  /** The last entry that is there. */
  readonly head: AuditChain.Head
}

export interface Report {
  /** By their numbers. */
  readonly chains: ReadonlyArray<ChainReport>
  readonly entries: number
  /** By chain and sequence. */
  readonly findings: ReadonlyArray<Finding>
  /** Findings over the bound, which are not listed. */
  readonly unlisted: number
}

/** Entries that have not been met; what stood around them says what they have to be. */
interface Gap {
  readonly from: number
  readonly to: number
  readonly before: Uint8Array | undefined
  readonly after: Uint8Array | undefined
  readonly offsetBytes: number
}

interface Chain {
  entries: number
  head: AuditChain.Head
  /** What the next entry has to name as the one before it; undefined: that one was changed, so nobody knows. */
  previous: Uint8Array | undefined
  /** By sequence. */
  gaps: Array<Gap>
}

/** What ties an entry to its chain. */
type Link = AuditEntry.Place & { readonly hash: Uint8Array }

interface Noticed {
  readonly type: Finding["type"]
  readonly chain: number | undefined
  readonly sequence?: number
  readonly last?: number
  readonly offsetBytes?: number
  readonly message: string
}

const differ = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a !== undefined && b !== undefined && !AuditEntry.areEqual(a, b)

const between = (from: number, to: number): string => (from === to ? `entry ${from}` : `entries ${from} to ${to}`)

export class AuditVerification {
  private readonly chains = new Map<number, Chain>()
  /** By chain. */
  private readonly known = new Map<number, Array<AuditChain.Head>>()
  private readonly findings: Array<Finding> = []
  private readonly lineage = new AuditLineage()
  private unlisted = 0

  /** `known`: heads that were kept elsewhere. */
  constructor(known: ReadonlyArray<AuditChain.Head> = []) {
    for (const head of known) {
      const heads = this.known.get(head.chain)
      if (heads === undefined) this.known.set(head.chain, [head])
      else heads.push(head)
    }
  }

  /** The next entry of the trail, which begins at `offsetBytes` there. Answers the entry where its hash is that of its bytes. */
  add(bytes: Uint8Array, offsetBytes: number): AuditEntry.Entry | undefined {
    const place = AuditEntry.placeOf(bytes)
    const hash = AuditEntry.hashIn(bytes)
    if (place === undefined || !AuditEntry.areEqual(AuditEntry.hashOf(bytes), hash)) {
      this.changed(place, hash, offsetBytes)
      return undefined
    }
    this.placed({ ...place, hash: Bytes.copy(hash) }, offsetBytes)
    const entry = AuditEntry.decode(bytes)
    if (typeof entry !== "string") {
      this.lineage.add(entry)
      return entry
    }
    const { chain, sequence } = place
    this.notice({ type: "unreadable", chain, sequence, offsetBytes, message: entry })
    return undefined
  }

  /** A part of the trail that is no entry. */
  unreadable(offsetBytes: number, message: string): void {
    this.notice({ type: "unreadable", chain: undefined, offsetBytes, message })
  }

  /** What became of it. `written`: the heads that the trail itself says it ends with. */
  finish(written: ReadonlyArray<AuditChain.Head> = []): Report {
    for (const head of written) {
      const found = this.chains.get(head.chain)?.head
      if (found !== undefined && found.sequence === head.sequence) this.compare(head, found.hash)
    }
    for (const head of [...[...this.known.values()].flat(), ...written]) {
      const last = this.chains.get(head.chain)?.head.sequence ?? 0
      if (last < head.sequence) this.truncated(head, last)
    }
    for (const [number, { gaps }] of this.chains) for (const gap of gaps) this.missing(number, gap)
    const lasts = new Map([...this.chains].map(([chain, { head }]) => [chain, head]))
    for (const objection of this.lineage.finish(lasts)) this.notice({ type: "unconnected", ...objection })
    const chains = [...this.chains].map(([chain, { entries, head }]) => ({ chain, entries, head }))
    const key = ({ chain, sequence }: Finding): readonly [number, number] => [chain ?? -1, sequence ?? 0]
    return {
      chains: chains.sort((a, b) => a.chain - b.chain),
      entries: chains.reduce((sum, { entries }) => sum + entries, 0),
      findings: this.findings.sort((a, b) => key(a)[0] - key(b)[0] || key(a)[1] - key(b)[1]),
      unlisted: this.unlisted
    }
  }

  /** An entry whose hash is that of its bytes. */
  private placed(entry: Link, offsetBytes: number): void {
    const { chain: number, hash, previous, sequence } = entry
    const chain = this.chainOf(number)
    chain.entries++
    const due = chain.head.sequence + 1
    if (sequence < due) this.late(chain, entry, offsetBytes)
    else {
      if (sequence > due) this.skipped(chain, entry, offsetBytes)
      else if (differ(previous, chain.previous)) this.unlinked(number, sequence, offsetBytes)
      chain.head = { chain: number, sequence, hash }
      chain.previous = hash
    }
    for (const head of this.known.get(number) ?? []) {
      if (head.sequence === sequence) this.compare(head, hash, offsetBytes)
    }
  }

  private chainOf(number: number): Chain {
    const found = this.chains.get(number)
    if (found !== undefined) return found
    const head = AuditChain.genesisOf(number)
    const chain: Chain = { entries: 0, head, previous: head.hash, gaps: [] }
    this.chains.set(number, chain)
    return chain
  }

  private notice({ chain, last, message, offsetBytes, sequence, type }: Noticed): void {
    if (this.findings.length >= Limits.auditFindingsMax) this.unlisted++
    else this.findings.push({ type, chain, sequence, last, offsetBytes, message })
  }

  private compare(head: AuditChain.Head, hash: Uint8Array, offsetBytes?: number): void {
    if (AuditEntry.areEqual(head.hash, hash)) return
    const message =
      "it is not the entry that the known head names: it was replaced, or one before it with all hashes since"
    const { chain, sequence } = head
    this.notice({ type: "replaced", chain, sequence, message, ...(offsetBytes === undefined ? {} : { offsetBytes }) })
  }

  private truncated({ chain, sequence: last }: AuditChain.Head, found: number): void {
    const message = `the chain ends with entry ${found}, and the known head is entry ${last}`
    this.notice({ type: "truncated", chain, sequence: found + 1, last, message })
  }

  private missing(chain: number, { from, offsetBytes, to }: Gap): void {
    const message = `${between(from, to)} should stand before the one here`
    this.notice({ type: "missing", chain, sequence: from, last: to, offsetBytes, message })
  }

  /** An entry names another one before it than the one that is there: that one is not what was written. */
  private unlinked(chain: number, sequence: number, offsetBytes: number): void {
    const isFirst = sequence === 1
    const message = isFirst
      ? "it names an entry before it, and there is none before the first"
      : `entry ${sequence} names another one before it: this one was replaced`
    this.notice({ type: "changed", chain, sequence: isFirst ? 1 : sequence - 1, offsetBytes, message })
  }

  private skipped(chain: Chain, { previous, sequence }: Link, offsetBytes: number): void {
    const [from, to] = [chain.head.sequence + 1, sequence - 1]
    this.remember(chain, { from, to, before: chain.previous, after: previous, offsetBytes })
  }

  private remember({ gaps, head }: Chain, gap: Gap): void {
    if (gaps.length >= Limits.auditGapsMax) this.missing(head.chain, gaps.shift()!)
    gaps.push(gap)
  }

  /** Takes an entry out of the gap that it belongs to; undefined: it belongs to none. */
  private fill(chain: Chain, sequence: number, entry: Link | undefined): Gap | undefined {
    const index = chain.gaps.findIndex(({ from, to }) => from <= sequence && sequence <= to)
    if (index < 0) return undefined
    const gap = chain.gaps[index]
    const rest: Array<Gap> = []
    if (gap.from < sequence) rest.push({ ...gap, to: sequence - 1, after: entry?.previous })
    if (sequence < gap.to) rest.push({ ...gap, from: sequence + 1, before: entry?.hash })
    chain.gaps.splice(index, 1, ...rest)
    return gap
  }

  /** An entry whose number is not above all those before. */
  private late(chain: Chain, entry: Link, offsetBytes: number): void {
    const { chain: number, hash, previous, sequence } = entry
    const gap = this.fill(chain, sequence, entry)
    if (gap === undefined) {
      const message = `entry ${sequence} was there before`
      this.notice({ type: "repeated", chain: number, sequence, offsetBytes, message })
      return
    }
    const message = `it stands behind entry ${chain.head.sequence}`
    this.notice({ type: "reordered", chain: number, sequence, offsetBytes, message })
    if (sequence === gap.from && differ(previous, gap.before)) this.unlinked(number, sequence, offsetBytes)
    if (sequence === gap.to && differ(hash, gap.after)) this.unlinked(number, sequence + 1, offsetBytes)
  }

  /** The chain of an entry whose claims may be wrong: one that is known, one that begins, or else the only one there is. */
  private believed({ chain, sequence }: AuditEntry.Place): number | undefined {
    return this.chains.size === 0 || this.chains.has(chain) || sequence === 1 ? chain : this.onlyChain()
  }

  private onlyChain(): number | undefined {
    return this.chains.size === 1 ? [...this.chains.keys()][0] : undefined
  }

  /** An entry whose hash is not that of its bytes. */
  private changed(claimed: AuditEntry.Place | undefined, hash: Uint8Array, offsetBytes: number): void {
    const message = "its bytes are not those that were hashed"
    const number = claimed === undefined ? this.onlyChain() : this.believed(claimed)
    if (number === undefined) {
      this.notice({ type: "changed", chain: undefined, offsetBytes, message })
      return
    }
    const chain = this.chainOf(number)
    chain.entries++
    const isLate = claimed !== undefined && this.fill(chain, claimed.sequence, undefined) !== undefined
    const sequence = isLate ? claimed.sequence : chain.head.sequence + 1
    this.notice({ type: "changed", chain: number, sequence, offsetBytes, message })
    if (isLate) return
    // The entry behind it may name the hash that it has now, or the one that it had.
    chain.head = { chain: number, sequence, hash: Bytes.copy(hash) }
    chain.previous = undefined
  }
}
