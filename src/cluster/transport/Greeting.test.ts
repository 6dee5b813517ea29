/** Greetings: what two ends say of themselves, and who belongs to whom. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Greeting from "./Greeting.ts"

const cluster = "0123456789abcdef0123456789abcdef"
const greeting: Greeting.Greeting = {
  versionMin: 3,
  versionMax: 3,
  cluster,
  store: 7,
  epoch: 2 ** 40 + 3,
  to: 2,
  dial: 5,
  verdict: "welcome"
}
const self: Greeting.Identity = { cluster, store: 2, epoch: 1 }

describe("a greeting", () => {
  it("comes back from its bytes as it was", () => {
    const greetings = fc.record({
      versionMin: fc.nat(255),
      versionMax: fc.nat(255),
      cluster: fc.stringMatching(/^[0-9a-f]{32}$/),
      store: fc.nat(65_535),
      epoch: fc.maxSafeNat(),
      to: fc.nat(65_535),
      dial: fc.nat(0xffff_ffff),
      verdict: fc.constantFrom(...Greeting.verdicts)
    })
    fc.assert(
      fc.property(greetings, (each) => {
        expect(Greeting.decode(Greeting.encode(each))).toEqual(each)
      })
    )
  })

  it("is found out when any bit of it is flipped", () => {
    const bytes = Greeting.encode(greeting)
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const flipped = bytes.slice()
      flipped[bit >> 3] ^= 1 << (bit & 7)
      expect(Greeting.decode(flipped)).toBe(bit < 64 ? "magic" : "checksum")
    }
  })

  it("is judged by what makes two ends belong together", () => {
    const judged = (change: Partial<Greeting.Greeting>) => Greeting.judge(self, { ...greeting, ...change })
    expect(judged({})).toBe("welcome")
    expect(judged({ versionMin: 4, versionMax: 9 })).toBe("version")
    expect(judged({ versionMin: 0, versionMax: 2 })).toBe("version")
    expect(judged({ versionMin: 0, versionMax: 9 })).toBe("welcome")
    expect(judged({ cluster: "f".repeat(32) })).toBe("cluster")
    expect(judged({ to: 3 })).toBe("wrong-store")
  })

  it("is newer by its epoch, then by its dial", () => {
    const seen = { epoch: 4, dial: 9 }
    const newer = [
      { epoch: 5, dial: 1 },
      { epoch: 4, dial: 10 }
    ]
    const older = [seen, { epoch: 4, dial: 8 }, { epoch: 3, dial: 99 }]
    expect(newer.map((each) => Greeting.isNewer(each, seen))).toEqual([true, true])
    expect(older.map((each) => Greeting.isNewer(each, seen))).toEqual([false, false, false])
    expect(Greeting.isNewer(seen, undefined)).toBe(true)
  })
})
