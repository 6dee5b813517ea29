import fc from "fast-check"
import { expect, it } from "vitest"
import { Fenwick } from "./Fenwick.ts"

it("finds the n-th of all things as going through all places does", () => {
  const change = fc.record({ place: fc.nat(15), count: fc.integer({ min: -3, max: 5 }) })
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const fenwick = new Fenwick(16)
      const counts = Array.from({ length: 16 }, () => 0)
      for (const { count, place } of changes) {
        const added = Math.max(count, -counts[place])
        counts[place] += added
        fenwick.add(place, added)
      }
      const all = counts.flatMap((count, place) => Array.from({ length: count }, (_, rank) => ({ place, rank })))
      expect(fenwick.total).toBe(all.length)
      expect(all.map((_, n) => fenwick.find(n))).toEqual(all)
    })
  )
})
