/**
 * Outbox: frames that wait for one peer, pure. Each lane has its credit: what it may have waiting, in bytes. `gather` makes the
 * next write of them, one lane before the other; within a lane in their order. A frame that has waited for longer than its lane
 * allows is dropped.
 */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import * as Frame from "./Frame.ts"
import { lanes, type Lane } from "./Lane.ts"
import type { LaneSettings, Settings } from "./Settings.ts"

/** Where so many frames were taken from the front of a queue, it is moved up. */
const takenMax = 256

const noBytes: Uint8Array = new Uint8Array(0)

class Queue {
  readonly settings: LaneSettings
  /** Frames with their headers: empty ones count, too. */
  waitingBytes = 0
  /** A frame was refused: its sender is to hear when there is room. */
  isWanted = false
  private readonly frames: Array<Uint8Array> = []
  private readonly since: Array<number> = []
  /** Those from `taken` up to, without, `filled` wait; the places of the others are used again. */
  private taken = 0
  private filled = 0

  constructor(settings: LaneSettings) {
    this.settings = settings
  }

  get isEmpty(): boolean {
    return this.taken === this.filled
  }

  /** The frame that has waited longest; there is one. */
  get first(): Uint8Array {
    return this.frames[this.taken]
  }

  /** When the first frame has waited too long. */
  get dueMicros(): number {
    return this.isEmpty ? Number.POSITIVE_INFINITY : this.since[this.taken] + this.settings.waitMicros
  }

  push(frame: Uint8Array, nowMicros: number): void {
    this.frames[this.filled] = frame
    this.since[this.filled++] = nowMicros
    this.waitingBytes += Frame.headerBytes + frame.length
  }

  shift(): void {
    this.waitingBytes -= Frame.headerBytes + this.first.length
    // Its memory is not kept until the queue is moved up.
    this.frames[this.taken] = noBytes
    this.taken++
    if (this.isEmpty) {
      this.taken = 0
      this.filled = 0
      // Mostly it has had one frame: to give that up each time costs more than the frame.
      if (this.frames.length > takenMax) this.clear()
    } else if (this.taken >= takenMax && 2 * this.taken >= this.filled) {
      this.frames.splice(0, this.taken)
      this.since.splice(0, this.taken)
      this.filled -= this.taken
      this.taken = 0
    }
  }

  clear(): void {
    this.frames.length = 0
    this.since.length = 0
    this.taken = 0
    this.filled = 0
    this.waitingBytes = 0
  }
}

const noLanes: ReadonlyArray<Lane> = []

/** Writes lie one behind the other in a slab: a write is a stretch of it, not a copy. */
const slabBytes = 262_144

export class Outbox {
  /** Frames that waited too long, since the outbox was made. */
  droppedCount = 0
  private readonly settings: Settings
  private readonly queues: ReadonlyArray<Queue>
  /** Frames of this connection that were gathered. */
  private number = 0
  private slab = new Uint8Array(0)
  private slabUsed = 0

  constructor(settings: Settings) {
    this.settings = settings
    this.queues = lanes.map((lane) => new Queue(settings.lanes[lane]))
  }

  get isEmpty(): boolean {
    return this.queues.every((queue) => queue.isEmpty)
  }

  /** When the first frame will have waited too long. */
  get dueMicros(): number {
    let due = Number.POSITIVE_INFINITY
    for (const queue of this.queues) due = Math.min(due, queue.dueMicros)
    return due
  }

  /** False: the lane's credit is used up. An empty lane takes any frame, so that a large one is not refused for ever. */
  add(lane: Lane, frame: Uint8Array, nowMicros: number): boolean {
    assert(frame.length <= Limits.frameBytesMax, "a frame has at most Limits.frameBytesMax bytes")
    const queue = this.queues[lanes.indexOf(lane)]
    const waitingBytes = queue.waitingBytes + Frame.headerBytes + frame.length
    if (!queue.isEmpty && waitingBytes > queue.settings.creditBytes) {
      queue.isWanted = true
      return false
    }
    queue.push(frame, nowMicros)
    return true
  }

  /** The next write; undefined: nothing waits. */
  gather(nowMicros: number): Uint8Array | undefined {
    this.expire(nowMicros)
    const first = this.queues.find((queue) => !queue.isEmpty)
    if (first === undefined) return undefined
    let waitingBytes = 0
    for (const queue of this.queues) waitingBytes += queue.waitingBytes
    const firstBytes = Frame.headerBytes + first.first.length
    const from = this.room(Math.max(firstBytes, Math.min(waitingBytes, this.settings.writeBytesMax)))
    this.slabUsed = this.fill(from, Math.max(from + firstBytes, from + this.settings.writeBytesMax))
    return this.slab.subarray(from, this.slabUsed)
  }

  /** Puts as many frames as fit before `end` from `at` on, and returns where they end. */
  private fill(from: number, end: number): number {
    let at = from
    for (let lane = 0; lane < lanes.length; lane++) {
      const queue = this.queues[lane]
      while (!queue.isEmpty) {
        const payload = queue.first
        const next = at + Frame.headerBytes + payload.length
        // What stands behind it waits, too: nothing of a lower lane goes first because it is small.
        if (next > end) return at
        Frame.put(this.slab, at, { lane, number: this.number++, payload })
        queue.shift()
        at = next
      }
    }
    return at
  }

  /** Where in the slab so many bytes may be put. */
  private room(sizeBytes: number): number {
    if (this.slabUsed + sizeBytes > this.slab.length) {
      this.slab = new Uint8Array(Math.max(slabBytes, sizeBytes))
      this.slabUsed = 0
    }
    return this.slabUsed
  }

  /** A frame that says nothing but that this side lives. */
  keepAlive(): Uint8Array {
    const bytes = new Uint8Array(Frame.headerBytes)
    Frame.put(bytes, 0, { lane: Frame.keepAlive, number: this.number++, payload: bytes.subarray(0, 0) })
    return bytes
  }

  /** Drops what has waited too long. */
  expire(nowMicros: number): void {
    for (const queue of this.queues) {
      while (queue.dueMicros <= nowMicros) {
        queue.shift()
        this.droppedCount++
      }
    }
  }

  /** Names the lanes that refused a frame and have room again, half of their credit; each once. */
  relieved(): ReadonlyArray<Lane> {
    if (!this.queues.some(({ isWanted }) => isWanted)) return noLanes
    const found: Array<Lane> = []
    for (let lane = 0; lane < lanes.length; lane++) {
      const queue = this.queues[lane]
      if (!queue.isWanted || 2 * queue.waitingBytes > queue.settings.creditBytes) continue
      queue.isWanted = false
      found.push(lanes[lane])
    }
    return found
  }

  /** Another connection begins: nothing waits, and frames are counted from 0 on. */
  clear(): void {
    for (const queue of this.queues) {
      queue.clear()
      queue.isWanted = false
    }
    this.number = 0
  }
}
