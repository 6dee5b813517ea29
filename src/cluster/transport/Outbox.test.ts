/** Outboxes: what leaves first, what is refused, and what is dropped. */
import { describe, expect, it } from "vitest"
import * as Frame from "./Frame.ts"
import type { Lane } from "./Lane.ts"
import { Outbox } from "./Outbox.ts"
import * as Settings from "./Settings.ts"

/** Three frames with 100 bytes between them. */
const lane = { creditBytes: 100 + 3 * Frame.headerBytes, waitMicros: 1_000 }
const settings: Settings.Settings = {
  ...Settings.defaults,
  lanes: { system: { ...lane, waitMicros: 500 }, normal: lane, requests: lane, bulk: lane },
  writeBytesMax: 60
}

/** Writes until nothing waits; each as `lane:number` of its frames, which have a number and are of `sizeBytes`. */
const drain = (outbox: Outbox, nowMicros = 0, reader = new Frame.Reader()): ReadonlyArray<ReadonlyArray<string>> => {
  const writes: Array<ReadonlyArray<string>> = []
  for (;;) {
    const bytes = outbox.gather(nowMicros)
    if (bytes === undefined) return writes
    const frames: Array<string> = []
    expect(reader.read(bytes, (lane, payload) => frames.push(`${lane}:${payload[0]}`) > 0)).toBe(undefined)
    writes.push(frames)
  }
}

const frame = (number: number, sizeBytes = 1): Uint8Array => new Uint8Array(sizeBytes).fill(number)

const filled = (frames: ReadonlyArray<readonly [Lane, number, number?]>): Outbox => {
  const outbox = new Outbox(settings)
  for (const [lane, number, sizeBytes] of frames) expect(outbox.add(lane, frame(number, sizeBytes), 0)).toBe(true)
  return outbox
}

describe("an outbox", () => {
  it("gathers lanes by their rank, and each in its order", () => {
    const outbox = filled([
      ["bulk", 1],
      ["requests", 5],
      ["normal", 2],
      ["system", 3],
      ["normal", 4]
    ])
    expect(drain(outbox).flat()).toEqual(["0:3", "1:2", "1:4", "2:5", "3:1"])
    expect(outbox.isEmpty).toBe(true)
  })

  it("fills a write up to its bound, and lets no small frame pass a large one that does not fit", () => {
    const outbox = filled([
      ["system", 1, 20],
      ["normal", 2, 30],
      ["bulk", 3, 1]
    ])
    expect(drain(outbox)).toEqual([["0:1"], ["1:2", "3:3"]])
  })

  it("gives a frame that is larger than the bound a write of its own", () => {
    const outbox = filled([
      ["normal", 1, 90],
      ["bulk", 2]
    ])
    expect(drain(outbox)).toEqual([["1:1"], ["3:2"]])
  })

  it("takes no more than a lane's credit, whatever other lanes have, and any frame in an empty lane", () => {
    const outbox = filled([
      ["normal", 1, 60],
      ["normal", 2, 40],
      ["bulk", 3, 500]
    ])
    expect([outbox.add("normal", frame(4), 0), outbox.add("bulk", frame(5), 0)]).toEqual([false, false])
    expect(outbox.add("system", frame(6), 0)).toBe(true)
  })

  it("has a bound on empty frames, too", () => {
    const outbox = new Outbox(settings)
    let taken = 0
    while (outbox.add("normal", frame(0, 0), 0)) taken++
    expect(taken).toBe(Math.floor(lane.creditBytes / Frame.headerBytes))
  })

  it("names a lane that refused a frame once, when half of its credit is there again", () => {
    const outbox = filled([
      ["normal", 1, 40],
      ["normal", 2, 20],
      ["normal", 3, 40]
    ])
    expect(outbox.relieved()).toEqual([])
    expect(outbox.add("normal", frame(4), 0)).toBe(false)
    outbox.gather(0)
    expect(outbox.relieved()).toEqual([])
    outbox.gather(0)
    expect([outbox.relieved(), outbox.relieved()]).toEqual([["normal"], []])
  })

  it("drops what has waited longer than its lane allows, and counts it", () => {
    const outbox = filled([
      ["system", 1],
      ["normal", 2]
    ])
    expect([outbox.dueMicros, outbox.droppedCount]).toEqual([500, 0])
    expect(drain(outbox, 500)).toEqual([["1:2"]])
    expect([outbox.dueMicros, outbox.droppedCount]).toEqual([Number.POSITIVE_INFINITY, 1])
  })

  it("numbers frames and signs of life together, through thousands of them, and anew after `clear`", () => {
    const outbox = new Outbox(settings)
    const reader = new Frame.Reader()
    for (let round = 0; round < 2_000; round++) {
      for (const number of [1, 2, 3]) outbox.add("normal", frame(number, 30), 0)
      expect(drain(outbox, 0, reader)).toEqual([["1:1"], ["1:2"], ["1:3"]])
      expect(reader.read(outbox.keepAlive(), () => true)).toBe(undefined)
    }
    expect(reader.number).toBe(8_000)
    outbox.add("bulk", frame(9), 0)
    outbox.clear()
    expect(drain(outbox)).toEqual([])
    outbox.add("bulk", frame(9), 0)
    expect(drain(outbox)).toEqual([["3:9"]])
  })
})
