/** Frames in the bytes of a connection: whole and in their places, however the bytes come, or found to be wrong. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Bytes from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import * as Limits from "#base/Limits.ts"
import * as Frame from "./Frame.ts"

interface Sent {
  readonly lane: number
  readonly payload: Uint8Array
}

const sent: fc.Arbitrary<ReadonlyArray<Sent>> = fc.array(
  fc.oneof(
    fc.record({ lane: fc.nat(3), payload: fc.uint8Array({ maxLength: 150 }) }),
    fc.constant({ lane: Frame.keepAlive, payload: new Uint8Array(0) })
  ),
  { minLength: 1, maxLength: 6 }
)

const encode = (frames: ReadonlyArray<Sent>, first = 0): Uint8Array => {
  const bytes = new Uint8Array(frames.reduce((sum, { payload }) => sum + Frame.headerBytes + payload.length, 0))
  let at = 0
  frames.forEach(({ lane, payload }, index) => {
    Frame.put(bytes, at, { lane, number: first + index, payload })
    at += Frame.headerBytes + payload.length
  })
  return bytes
}

const cut = (bytes: Uint8Array, sizes: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const end = Math.min(bytes.length, at + sizes[index % sizes.length])
    chunks.push(bytes.subarray(at, end))
    at = end
  }
  return chunks
}

const read = (chunks: ReadonlyArray<Uint8Array>) => {
  const reader = new Frame.Reader()
  const frames: Array<Sent> = []
  let problem: Frame.Problem | undefined
  for (const chunk of chunks) {
    problem ??= reader.read(chunk, (lane, payload) => frames.push({ lane, payload }) > 0)
  }
  return { frames, problem }
}

describe("a stream of frames", () => {
  it("gives every frame whole and in its place, however it is cut", () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 9 })
    fc.assert(
      fc.property(sent, cuts, (frames, sizes) => {
        expect(read(cut(encode(frames), sizes))).toEqual({ frames, problem: undefined })
      }),
      { numRuns: 500 }
    )
  })

  it("gives nothing of a frame whose end is missing", () => {
    const frames = [
      { lane: 0, payload: Uint8Array.of(1, 2, 3) },
      { lane: 1, payload: Uint8Array.of(4, 5, 6) }
    ]
    const bytes = encode(frames)
    for (let length = 0; length < bytes.length; length++) {
      const whole = length < 16 ? 0 : 1
      expect(read([bytes.subarray(0, length)])).toEqual({ frames: frames.slice(0, whole), problem: undefined })
    }
  })

  it("gives only frames that were sent, from the first on, when any bit is flipped, and the flip is found", () => {
    fc.assert(
      fc.property(sent, fc.nat(), fc.nat(7), (frames, place, bit) => {
        const bytes = encode(frames)
        const at = place % bytes.length
        bytes[at] ^= 1 << bit
        const { frames: found, problem } = read([bytes])
        expect(found).toEqual(frames.slice(0, found.length))
        expect([found.length < frames.length, problem]).toEqual([true, expect.stringMatching(/header|payload/)])
      }),
      { numRuns: 1_000 }
    )
  })

  it("is refused where a frame is missing, comes twice, or is of another place", () => {
    const frames = Array.from({ length: 3 }, (_, index) => ({ lane: 1, payload: Uint8Array.of(index) }))
    const [first, second, third] = frames.map((frame, index) => encode([frame], index))
    expect(read([first, third])).toEqual({ frames: [frames[0]], problem: "header" })
    expect(read([first, second, second])).toEqual({ frames: frames.slice(0, 2), problem: "header" })
    expect(read([second])).toEqual({ frames: [], problem: "header" })
  })

  it("is refused for a length over the bound before so many bytes come, and for a lane that nobody has", () => {
    const head = (lane: number, length: number): Uint8Array => {
      const bytes = encode([{ lane: 0, payload: new Uint8Array(0) }])
      Bytes.putU32(bytes, 4, length)
      bytes[8] = lane
      Bytes.putU32(bytes, 0, crc32c(bytes, 4, 0, Frame.headerBytes))
      return bytes
    }
    expect(read([head(2, Limits.frameBytesMax)]).problem).toBe(undefined)
    expect(read([head(2, Limits.frameBytesMax + 1)]).problem).toBe("length")
    expect(read([head(5, 0)]).problem).toBe("lane")
    expect(read([head(Frame.keepAlive, 1)]).problem).toBe("lane")
  })

  it("is read no further once its reader wants no more", () => {
    const reader = new Frame.Reader()
    const lanes: Array<number> = []
    reader.read(
      encode([0, 1, 2].map((lane) => ({ lane, payload: Uint8Array.of(lane) }))),
      (lane) => lanes.push(lane) < 2
    )
    expect(lanes).toEqual([0, 1])
  })

  it("has frames without a copy, where they came in one chunk", () => {
    const bytes = encode([{ lane: 0, payload: Uint8Array.of(1, 2, 3) }])
    expect(read([bytes]).frames[0].payload.buffer).toBe(bytes.buffer)
  })
})
