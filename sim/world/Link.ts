/** Link: the way from one machine to another, one direction, and what is wrong with it at present. */
import type { Kernel } from "#sim/kernel/Kernel.ts"
import type { Stream } from "#sim/kernel/Stream.ts"

/** Latency in microseconds: drawn from min to max for every datagram and segment. */
export interface NetTimes {
  readonly latencyMicrosMin: number
  readonly latencyMicrosMax: number
}

/** What is left of a segment once it is cut as finely as the fault says. */
const crumbledBytesMax = 1_024

/** Latency of a machine's way to itself. */
const loopbackMicros = 20

export class Link {
  readonly from: number
  readonly to: number
  /** Cut by this many faults at once; 0: open. */
  cuts = 0
  /** Clogged by this many faults: what arrives waits. */
  clogs = 0
  lossPerMille = 0
  duplicatePerMille = 0
  reorderPerMille = 0
  delayMicros = 0
  /** Bytes a millisecond; 0: no limit. */
  bytesPerMilli = 0
  /** Streams arrive in chunks of at most this many bytes; 0: as they were written. */
  fragmentBytes = 0
  /** What waits until the link is open again: datagrams that arrived while it was clogged, segments that could not pass. */
  readonly waiting: Array<() => void> = []

  private readonly kernel: Kernel
  private readonly times: NetTimes
  private readonly latency: Stream
  private readonly loss: Stream
  private readonly duplicate: Stream
  private readonly reorder: Stream
  private readonly fragment: Stream
  private busyUntil = 0

  constructor(
    kernel: Kernel,
    times: NetTimes,
    from: { index: number; name: string },
    to: { index: number; name: string }
  ) {
    this.kernel = kernel
    this.times = times
    this.from = from.index
    this.to = to.index
    const stream = (purpose: string): Stream => kernel.streams.get(`net/${from.name}>${to.name}/${purpose}`)
    this.latency = stream("latency")
    this.loss = stream("loss")
    this.duplicate = stream("duplicate")
    this.reorder = stream("reorder")
    this.fragment = stream("fragment")
  }

  get isOpen(): boolean {
    return this.cuts === 0 && this.clogs === 0
  }

  loses(): boolean {
    return this.loss.chance(this.lossPerMille, 1_000)
  }

  duplicates(): boolean {
    return this.duplicate.chance(this.duplicatePerMille, 1_000)
  }

  /** When a datagram or segment of this size, sent now, arrives. */
  arrival(sizeBytes: number): number {
    const now = this.kernel.now
    if (this.from === this.to) return now + loopbackMicros
    const { latencyMicrosMin, latencyMicrosMax } = this.times
    let micros = latencyMicrosMin + this.latency.below(latencyMicrosMax - latencyMicrosMin + 1)
    if (this.delayMicros > 0) micros += this.latency.below(this.delayMicros)
    if (this.bytesPerMilli > 0) {
      this.busyUntil = Math.max(this.busyUntil, now) + Math.ceil((sizeBytes * 1_000) / this.bytesPerMilli)
      micros += this.busyUntil - now
    }
    return now + micros
  }

  /** Extra microseconds by which a datagram is held back, so that later ones overtake it. */
  heldBack(): number {
    if (!this.reorder.chance(this.reorderPerMille, 1_000)) return 0
    return 1 + this.reorder.below(4 * (this.times.latencyMicrosMax + this.delayMicros))
  }

  /** How many of `available` bytes of a stream arrive as one chunk. */
  chunkBytes(available: number): number {
    if (this.fragmentBytes === 0 || available <= 1) return available
    // A large segment ends in crumbs, and does not consist of them: a megabyte of single bytes shows no more, for minutes.
    const largest = available > crumbledBytesMax ? Math.max(this.fragmentBytes, available >> 5) : this.fragmentBytes
    // The calm draw, 0, is the largest chunk.
    return Math.min(available, largest - this.fragment.below(largest))
  }

  /** Opens for what waits, if nothing closes it any more. */
  release(): void {
    if (!this.isOpen) return
    for (const go of this.waiting.splice(0)) go()
  }

  heal(): void {
    this.cuts = 0
    this.clogs = 0
    this.lossPerMille = 0
    this.duplicatePerMille = 0
    this.reorderPerMille = 0
    this.delayMicros = 0
    this.bytesPerMilli = 0
    this.fragmentBytes = 0
    this.release()
  }
}
