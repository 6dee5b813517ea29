import { describe, expect, it } from "vitest"
import * as Strikes from "./Strikes.ts"

const seconds = 1_000_000

const drawn = (seed: number, more: Partial<Strikes.Shape> = {}): ReadonlyArray<Strikes.Strike> =>
  Strikes.draw({ seed: String(seed), nodes: 3, durationMicros: 60 * seconds, kinds: Strikes.usual, ...more })

const seeds = Array.from({ length: 200 }, (_, seed) => seed)

describe("strikes", () => {
  it("are the seed's", () => {
    expect(drawn(7)).toEqual(drawn(7))
    expect(drawn(7)).not.toEqual(drawn(8))
  })

  it("begin in order, are over when the faults are to end, and hit nodes that there are", () => {
    for (const seed of seeds) {
      const strikes = drawn(seed)
      expect(strikes.length).toBeGreaterThan(5)
      expect(strikes.map(({ atMicros }) => atMicros)).toEqual(
        strikes.map(({ atMicros }) => atMicros).sort((left, right) => left - right)
      )
      for (const { atMicros, forMicros, nodes } of strikes) {
        expect(atMicros + forMicros).toBeLessThanOrEqual(60 * seconds)
        expect(nodes.length).toBeGreaterThan(0)
        expect(new Set(nodes).size).toBe(nodes.length)
        for (const node of nodes) expect(node).toBeLessThan(3)
      }
    }
  })

  it("bring each kind once before any comes twice", () => {
    for (const seed of seeds) {
      const kinds = drawn(seed, { kinds: ["crash", "pause", "partition"] }).map(({ kind }) => kind)
      for (let at = 0; at + 3 <= kinds.length; at += 3) expect(new Set(kinds.slice(at, at + 3)).size).toBe(3)
    }
  })

  it("leave some runs' nodes down for less than a lease, and some for longer", () => {
    const lengths = seeds.flatMap((seed) => drawn(seed, { kinds: ["pause"] }).map(({ forMicros }) => forMicros))
    expect(lengths.some((micros) => micros < seconds)).toBe(true)
    expect(lengths.some((micros) => micros > 6 * seconds)).toBe(true)
  })

  it("are none where there are no kinds, and never parts of a cluster of one", () => {
    expect(drawn(7, { kinds: [] })).toEqual([])
    for (const seed of seeds) {
      for (const { kind, nodes } of drawn(seed, { nodes: 1 })) {
        expect(kind).not.toBe("partial")
        expect(nodes).toEqual([0])
      }
    }
  })

  it("change the drawn node for the owner, and leave the others different", () => {
    const strike = { ...drawn(7)[0], nodes: [0, 1], isAtOwner: true }
    expect(Strikes.aim(strike, 2)).toEqual([2, 1])
    expect(Strikes.aim(strike, 1)).toEqual([1, 0])
    expect(Strikes.aim(strike, 0)).toEqual([0, 1])
    expect(Strikes.aim(strike, undefined)).toEqual([0, 1])
    expect(Strikes.aim({ ...strike, isAtOwner: false }, 2)).toEqual([0, 1])
  })
})
