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

/** Bytes written a step: a step handles a leaf or as many bytes of records, several times what was written. */
const stepBytes = 4_096
const reclaimStepBytes = 16_384
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

  constructor(tree: OrderedTree, snapshots: Snapshots) {
    this.tree = tree
    this.snapshots = snapshots
  }

  /** Steps that were taken so far. */
  get count(): number {
    return this.steps
  }

  /** A range was deleted at the tree's sequence number. */
  rangeDeleted(from: Uint8Array, to: Uint8Array): void {
    if (this.tree.ranges.isEmpty) return
    this.jobs.push({ from: Bytes.copy(from), to: Bytes.copy(to), sequence: this.tree.sequence })
    this.owedBytes += stepBytes
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

  /** One leaf; false: nothing to do. */
  private sweep(): boolean {
    if (this.running === undefined && !this.begin()) return false
    const job = this.running!
    this.at = this.tree.sweep(this.at!, job.to, job.sequence)
    if (this.at !== undefined) return true
    this.running = undefined
    if (job.to !== undefined) this.tree.ranges.remove(job.from, job.to, job.sequence)
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

  /** Some records of a slab; false: nothing to do. */
  private reclaim(): boolean {
    const { arena } = this.tree
    if (this.record === Arena.none) {
      if (arena.garbageBytes < idleBytesMax || arena.garbageBytes * 4 < arena.usedBytes) return false
      this.record = arena.beginReclaim()
      if (this.record === Arena.none) return false
    }
    for (let left = reclaimStepBytes; left > 0 && this.record !== Arena.none;) {
      const record = this.record
      left -= arena.sizeBytes(record)
      this.record = arena.next(record)
      if (!arena.isDropped(record)) this.tree.move(record)
    }
    if (this.record === Arena.none) arena.endReclaim()
    return true
  }
}
