/** A sender and a receiver of one snapshot, with a wire between them that loses, repeats and breaks. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { prngOf } from "#sim/kernel/Stream.ts"
import { Refused } from "#storage/StorageError.ts"
import { emptyState } from "./Configuration.ts"
import type { Chunk, ChunkAnswer } from "./Envelope.ts"
import type { Message } from "./Message.ts"
import { SnapshotReceiver } from "./SnapshotReceiver.ts"
import { SnapshotSender } from "./SnapshotSender.ts"
import type { Restore } from "./StateMachine.ts"

const applied = { index: 9, term: 3, configuration: { ...emptyState, voters: [1, 2] } }
const options = { chunkBytes: 10, windowChunks: 3, retryTicks: 2, patienceTicks: 30 }

class Wire {
  readonly content: Uint8Array
  readonly taken: Array<number> = []
  readonly ends: Array<string> = []
  label: Message | undefined
  wasAbandoned = false
  isRefusing = false
  private tick = 0
  private readonly chunks: Array<Chunk> = []
  private readonly answers: Array<ChunkAnswer> = []
  private receiver: SnapshotReceiver | undefined
  readonly sender: SnapshotSender

  constructor(sizeBytes: number) {
    this.content = Uint8Array.from({ length: sizeBytes }, (_, i) => i)
    let at = 0
    this.sender = new SnapshotSender({
      group: 1,
      from: 1,
      to: 2,
      term: 4,
      tick: 0,
      options,
      snapshot: {
        applied,
        next: (count, done) => {
          const bytes = this.content.slice(at, at + count)
          at += bytes.length
          done(undefined, bytes)
        },
        close: () => this.ends.push("closed")
      },
      send: (chunk) => this.chunks.push(chunk),
      mayRead: () => true,
      ended: (outcome) => this.ends.push(outcome),
      unread: () => this.ends.push("unread")
    })
  }

  private restore(): Restore {
    return {
      take: (bytes, done) => {
        if (this.isRefusing) return done(new Refused({ reason: "no-space", message: "" }), undefined)
        this.taken.push(...bytes)
        done(undefined, undefined)
      },
      finish: (done) => done(undefined, undefined),
      abandon: () => {
        this.wasAbandoned = true
      }
    }
  }

  /** Forgets what it has taken, as a crash does. */
  restart(): void {
    this.receiver = undefined
    this.taken.length = 0
  }

  step(loses: () => boolean): void {
    this.tick++
    for (const chunk of this.chunks.splice(0)) {
      if (loses()) continue
      if (this.receiver === undefined && chunk.offset > 0) {
        const { from, group, index, term, to } = chunk
        this.answers.push({ type: "chunk-answer", group, from: to, to: from, term, index, offset: 0, outcome: "taken" })
        continue
      }
      this.receiver ??= new SnapshotReceiver(chunk, this.restore(), this.tick, {
        answer: (answer) => this.answers.push(answer),
        complete: (message, _, ended) => {
          this.label = message
          ended(true)
        },
        failed: () => {}
      })
      this.receiver.take(chunk, this.tick)
      if (!loses()) this.receiver.take(chunk, this.tick)
    }
    for (const answer of this.answers.splice(0)) if (!loses()) this.sender.answered(answer, this.tick)
    this.sender.tick(this.tick)
  }
}

describe("a snapshot on its way", () => {
  it("arrives whole and in order, once, whatever is lost and repeated", () => {
    fc.assert(
      fc.property(fc.nat(300), fc.integer(), fc.nat(6), (sizeBytes, seed, lost) => {
        const prng = prngOf(String(seed), "wire")
        const wire = new Wire(sizeBytes)
        wire.sender.advance()
        for (let i = 0; i < 2_000 && wire.label === undefined; i++)
          wire.step(() => prng.below(10) < lost && i % 20 < 15)
        expect(wire.taken).toEqual([...wire.content.map((byte) => byte & 255)])
        expect(wire.label?.snapshot).toMatchObject({ index: 9, term: 3, configuration: applied.configuration })
      }),
      { numRuns: 200, seed: 1 }
    )
  })

  it("is finished for its sender when it is in place", () => {
    const wire = new Wire(35)
    wire.sender.advance()
    for (let i = 0; i < 10; i++) wire.step(() => false)
    expect(wire.ends).toEqual(["closed", "finished"])
  })

  it("fails when the receiver has lost what it had, when it refuses, and when nobody answers", () => {
    const restarted = new Wire(200)
    restarted.sender.advance()
    for (let i = 0; i < 3; i++) restarted.step(() => false)
    restarted.restart()
    for (let i = 0; i < 5; i++) restarted.step(() => false)
    const refused = new Wire(200)
    refused.isRefusing = true
    refused.sender.advance()
    for (let i = 0; i < 5; i++) refused.step(() => false)
    const silent = new Wire(200)
    silent.sender.advance()
    for (let i = 0; i < 40; i++) silent.step(() => true)
    expect([restarted.ends, refused.ends, silent.ends]).toEqual(Array(3).fill(["closed", "failed"]))
    expect(refused.wasAbandoned).toBe(true)
  })
})
