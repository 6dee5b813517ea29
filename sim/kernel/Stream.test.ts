import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { prngOf, Streams } from "./Stream.ts"

/** A way to ask: which stream, whether for a number or a chance, and its bound. */
const questions = fc.array(
  fc.record({
    stream: fc.constantFrom("net/a>b/delay", "schedule/pick", "disk/a/error"),
    kind: fc.constantFrom("below", "chance"),
    bound: fc.integer({ min: 1, max: 1_000 })
  }),
  { maxLength: 200 }
)
type Questions = typeof questions extends fc.Arbitrary<infer A> ? A : never

const ask = (streams: Streams, asked: Questions): ReadonlyArray<number | boolean> =>
  asked.map(({ bound, kind, stream }) =>
    kind === "below" ? streams.get(stream).below(bound) : streams.get(stream).chance(1, bound)
  )

describe("streams", () => {
  it("draw the same under the same seed and name, and otherwise under another", () => {
    const draws = (seed: string, name: string): ReadonlyArray<number> => {
      const stream = new Streams({ seed }).get(name)
      return Array.from({ length: 20 }, () => stream.below(1_000_000))
    }
    expect(draws("1", "a")).toEqual(draws("1", "a"))
    expect(draws("1", "a")).not.toEqual(draws("2", "a"))
    expect(draws("1", "a")).not.toEqual(draws("1", "b"))
    // Neither can slide into the other.
    expect(draws("1", "1a")).not.toEqual(draws("11", "a"))
  })

  it("do not move each other: a draw more in one leaves the others as they were", () => {
    fc.assert(
      fc.property(questions, fc.nat(199), (asked, at) => {
        const plain = new Streams({ seed: "s" })
        const disturbed = new Streams({ seed: "s" })
        const expected = ask(plain, asked)
        const found = asked.flatMap((question, index) => {
          if (index === at) disturbed.get("another").below(10)
          return ask(disturbed, [question])
        })
        expect(found).toEqual(expected)
      }),
      { seed: 3, numRuns: 100 }
    )
  })

  it("draw the same whether or not it is written down", () => {
    fc.assert(
      fc.property(questions, (asked) => {
        expect(ask(new Streams({ seed: "s", journal: true }), asked)).toEqual(ask(new Streams({ seed: "s" }), asked))
      }),
      { seed: 4, numRuns: 50 }
    )
  })

  it("keep to their bounds, and chances to their odds", () => {
    const stream = new Streams({ seed: "s" }).get("odds")
    let hits = 0
    for (let draw = 0; draw < 10_000; draw++) {
      expect(stream.below(7)).toBeLessThan(7)
      if (stream.chance(1, 8)) hits++
    }
    expect(hits).toBeGreaterThan(1_100)
    expect(hits).toBeLessThan(1_400)
    expect(stream.chance(0, 8)).toBe(false)
    expect(stream.chance(8, 8)).toBe(true)
  })

  it("of different names are not related", () => {
    const [one, two] = [prngOf("s", "one"), prngOf("s", "two")]
    let equal = 0
    for (let draw = 0; draw < 10_000; draw++) if (one.below(100) === two.below(100)) equal++
    expect(equal).toBeGreaterThan(50)
    expect(equal).toBeLessThan(200)
  })
})

describe("a journal", () => {
  it("replays every decision, and is written anew the same", () => {
    fc.assert(
      fc.property(questions, fc.string(), (asked, seed) => {
        const recording = new Streams({ seed, journal: true })
        const drawn = ask(recording, asked)
        const replaying = new Streams({ seed: "another", replay: recording.decisions(), journal: true })
        expect(ask(replaying, asked)).toEqual(drawn)
        expect(replaying.decisions()).toEqual(recording.decisions())
      }),
      { seed: 5, numRuns: 200 }
    )
  })

  it("leaves out what is calm, and is sorted by name", () => {
    const streams = new Streams({ seed: "s", journal: true })
    for (const name of ["z", "b", "a"]) streams.get(name).below(1_000_000)
    streams.get("calm").below(1)
    streams.get("never").chance(0, 5)
    expect(Object.keys(streams.decisions()!)).toEqual(["a", "b", "z"])
  })

  it("is calm where nothing was written: the least number, and no chance", () => {
    const streams = new Streams({ seed: "s", replay: { known: [1, 5] } })
    const known = streams.get("known")
    expect([known.below(10), known.below(10), known.below(10)]).toEqual([0, 5, 0])
    expect(streams.get("unknown").below(10)).toBe(0)
    expect(streams.get("unknown").chance(9, 10)).toBe(false)
    expect(streams.get("toString").below(10)).toBe(0)
  })

  it("does not lose its place when a chance of none is asked for", () => {
    const streams = new Streams({ seed: "s", replay: { loss: [0, 1] } })
    const loss = streams.get("loss")
    expect([loss.chance(0, 10), loss.chance(0, 10), loss.chance(5, 10)]).toEqual([false, false, true])
  })

  it("whose numbers no longer fit their bounds gives the largest that does", () => {
    expect(new Streams({ seed: "s", replay: { a: [0, 50] } }).get("a").below(10)).toBe(9)
  })

  it("is not written where nobody asked for it", () => {
    const streams = new Streams({ seed: "s" })
    streams.get("a").below(10)
    expect(streams.decisions()).toBeUndefined()
  })
})
