/**
 * Housekeeping: gives back the memory of a tree that is everything there is: what range deletes cover, what only snapshots that
 * were released held, and what dropped records leave in slabs that hold others too. Work is owed by the byte written, in
 * steps of a leaf or of some records, so no operation waits for all of it, and it is the same in each run.
 *
 * - A range delete is swept when no snapshot from before it is open: then all that it covers goes, and the range with it.
 * - All is swept when an eighth of what records hold is stale, and a snapshot was given up since the last time.
 * - Slabs are reclaimed, the one with the most garbage first, while a quarter of what records hold is garbage: so a byte that is
 *   dropped costs at most three that are moved, and far less where some slabs have more than others.
 */
import * as Bytes from "#base/Bytes.ts"
import * as Arena from "./Arena.ts"
import type { OrderedTree } from "./OrderedTree.ts"
import type { Snapshots } from "./Snapshots.ts"

/** Bytes written a step. A step handles several times as much: entries of leaves, or bytes of records. */
const stepBytes = 4_096
const sweptEntries = 128
const reclaimedBytes = 16_384
/** Steps that a range delete owes at once: most ranges are small and are gone with the operation. */
const rangeSteps = 8
/** Steps that somebody waits for who finds no room. */
const hurriedSteps = 64
/** Below this nothing is swept or reclaimed but what range deletes cover. */
const idleBytesMax = 65_536

interface Job {
  readonly from: Uint8Array
  readonly to: Uint8Array | undefined
  /** Versions below it go. */
  readonly sequence: number
}

const lowest = new Uint8Array(0)

export class Housekeeping {
  private readonly tree: OrderedTree
  private readonly snapshots: Snapshots
  /** Range deletes in the order of their sequence numbers. */
  private jobs: Array<Job> = []
  private running: Job | undefined = undefined
  private at: Uint8Array | undefined = undefined
  private releases = 0
  /** The next record of the slab that is being reclaimed. */
  private record: number = Arena.none
  private owedBytes = 0
  private steps = 0

  private readonly stepLeaves: number

  constructor(tree: OrderedTree, snapshots: Snapshots, fanOut: number) {
    this.tree = tree
    this.snapshots = snapshots
    this.stepLeaves = Math.ceil(sweptEntries / fanOut)
  }

  /** Steps that were taken so far. */
  get count(): number {
    return this.steps
  }

  /** A range was deleted at the tree's sequence number. */
  rangeDeleted(from: Uint8Array, to: Uint8Array): void {
    if (this.tree.ranges.isEmpty) return
    this.jobs.push({ from: Bytes.copy(from), to: Bytes.copy(to), sequence: this.tree.sequence })
    this.owedBytes += rangeSteps * stepBytes
  }

  /** The budget is used up: does more than is owed. */
  hurry(): void {
    this.written(hurriedSteps * stepBytes)
  }

  /** Does what is owed for so many bytes that were written. */
  written(sizeBytes: number): void {
    this.owedBytes += sizeBytes
    while (this.owedBytes >= stepBytes) {
      this.owedBytes -= stepBytes
      const isSweeping = this.sweep()
      const isReclaiming = this.reclaim()
      if (!isSweeping && !isReclaiming) {
        this.owedBytes %= stepBytes
        return
      }
      this.steps++
    }
  }

  /** Some leaves; false: nothing to do. */
  private sweep(): boolean {
    for (let leaves = 0; leaves < this.stepLeaves; leaves++) {
      if (this.running === undefined && !this.begin()) return leaves > 0
      const job = this.running!
      this.at = this.tree.sweep(this.at!, job.to, job.sequence)
      if (this.at !== undefined) continue
      this.running = undefined
      if (job.to !== undefined) this.tree.ranges.remove(job.from, job.to, job.sequence)
    }
    return true
  }

  private begin(): boolean {
    const { snapshots, tree } = this
    if (this.jobs.length > 0 && snapshots.oldest >= this.jobs[0].sequence) this.running = this.jobs.shift()
    else if (
      this.releases !== snapshots.releases &&
      tree.staleBytes > idleBytesMax &&
      tree.staleBytes * 8 > tree.arena.usedBytes
    ) {
      this.releases = snapshots.releases
      this.running = { from: lowest, to: undefined, sequence: 0 }
    } else return false
    this.at = this.running!.from
    return true
  }

  /** Some records, of one slab after the other: with small slabs one a step would not keep up with what is written. False: nothing to do. */
  private reclaim(): boolean {
    const { arena } = this.tree
    let left = reclaimedBytes
    while (left > 0) {
      if (this.record === Arena.none && !this.beginReclaim()) break
      while (left > 0 && this.record !== Arena.none) {
        const record = this.record
        left -= arena.slabBytesOf(record)
        this.record = arena.next(record)
        if (!arena.isDropped(record)) this.tree.move(record)
      }
      if (this.record === Arena.none) arena.endReclaim()
    }
    return left < reclaimedBytes
  }

  private beginReclaim(): boolean {
    const { arena } = this.tree
    if (arena.garbageBytes < idleBytesMax || arena.garbageBytes * 4 < arena.usedBytes) return false
    this.record = arena.beginReclaim()
    return this.record !== Arena.none
  }
}
