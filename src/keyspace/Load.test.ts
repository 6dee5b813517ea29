import { describe, expect, it } from "vitest"
import { Draw } from "#sim/kernel/Draw.ts"
import { prngOf } from "#sim/kernel/Stream.ts"
import { Load } from "./Load.ts"

const second = 1_000_000
const key = (number: number): Uint8Array => Uint8Array.of(number >> 8, number & 255)

type Asked = readonly [first: number, last: number]

/** So many seconds of so many requests each; answers the key at which it is cut, or undefined, and after how many seconds. */
const run = (
  load: Load,
  { from = 0, perSecond, seconds }: { readonly from?: number; readonly perSecond: number; readonly seconds: number },
  ask: (index: number) => Asked
): { readonly at: number; readonly after: number } | undefined => {
  for (let window = 1; window <= seconds; window++) {
    for (let index = 0; index < perSecond; index++) {
      const [first, last] = ask(index)
      if (load.count()) load.asked(key(first), key(last))
    }
    const found = load.look((from + window) * second)
    if (found !== undefined) return { at: found[0] * 256 + found[1], after: window }
  }
  return undefined
}

const make = (seed: number, perSecondMax = 100): { readonly load: Load; readonly draw: Draw } => {
  const draw = new Draw(prngOf(String(seed), "load"))
  const load = new Load({ perSecondMax, below: (bound) => draw.below(bound) })
  load.look(0)
  return { load, draw: new Draw(prngOf(String(seed), "keys")) }
}

describe("a range that is asked too much", () => {
  it("is cut where about half of what is asked is on either side, however it is spread", () => {
    for (let seed = 0; seed < 40; seed++) {
      const { draw, load } = make(seed)
      // Three quarters of it are about an eighth of the keys.
      const one = (): number => (draw.chance(3, 4) ? draw.below(125) : draw.below(1_000))
      const found = run(load, { perSecond: 300, seconds: 30 }, () => {
        const asked = one()
        return [asked, asked]
      })
      expect(found?.after).toBe(11)
      // Half of the requests are about keys below 80.
      expect(found?.at).toBeGreaterThan(50)
      expect(found?.at).toBeLessThan(115)
    }
  })

  it("is left whole where all ask for one key, or for keys on both sides at once", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { draw, load } = make(seed)
      expect(run(load, { perSecond: 300, seconds: 100 }, () => [7, 7])).toBeUndefined()
      const both = (): Asked => [draw.below(100), 900 + draw.below(100)]
      expect(run(load, { from: 100, perSecond: 300, seconds: 100 }, both)).toBeUndefined()
    }
  })

  it("is left whole where that does not last, or is no more than the bound", () => {
    const { draw, load } = make(1)
    const ask = (): Asked => {
      const asked = draw.below(1_000)
      return [asked, asked]
    }
    for (let round = 0; round < 10; round++) {
      expect(run(load, { from: round * 11, perSecond: 300, seconds: 9 }, ask)).toBeUndefined()
      expect(run(load, { from: round * 11 + 9, perSecond: 90, seconds: 2 }, ask)).toBeUndefined()
    }
    expect(run(load, { from: 110, perSecond: 100, seconds: 50 }, ask)).toBeUndefined()
    expect(load.perSecond).toBe(100)
    expect(load.isHigh).toBe(true)
    expect(run(load, { from: 160, perSecond: 50, seconds: 2 }, ask)).toBeUndefined()
    expect(load.isHigh).toBe(false)
  })
})
