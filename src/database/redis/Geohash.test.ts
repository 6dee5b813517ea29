import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Geohash from "./Geohash.ts"

const places = fc.record({
  longitude: fc.double({ min: -180, max: 180, noNaN: true }),
  latitude: fc.double({ min: -85.05112878, max: 85.05112878, noNaN: true })
})

/** Within some degrees of a place, on the map. */
const near = ({ latitude, longitude }: Geohash.Place, degrees: number): fc.Arbitrary<Geohash.Place> =>
  fc.record({
    longitude: fc.double({ min: longitude - degrees, max: longitude + degrees, noNaN: true }),
    latitude: fc.double({ min: latitude - degrees, max: latitude + degrees, noNaN: true })
  })

/** A shape away from poles and the antimeridian, where squares do not reach, and places around it. */
const searches = fc
  .record({
    longitude: fc.double({ min: -120, max: 120, noNaN: true }),
    latitude: fc.double({ min: -55, max: 55, noNaN: true })
  })
  .chain((center) =>
    fc.nat(5).chain((power) => {
      const meters = fc.double({ min: 0, max: Number(`1e${power}`), noNaN: true })
      const shape: fc.Arbitrary<Geohash.Shape> = fc.oneof(
        fc.record({ type: fc.constant("circle" as const), center: fc.constant(center), radius: meters }),
        fc.record({ type: fc.constant("box" as const), center: fc.constant(center), width: meters, height: meters })
      )
      return fc.record({ shape, around: fc.array(near(center, Number(`1e${power}`) / 50_000), { maxLength: 20 }) })
    })
  )

describe("a geohash", () => {
  it("stands for a place less than a meter away, and no place is another's score", () => {
    fc.assert(
      fc.property(places, (place) => {
        const score = Geohash.scoreOf(place)
        const middle = Geohash.placeOf(score)
        expect(Geohash.distance(place, middle)).toBeLessThan(1)
        fc.pre(Math.abs(place.longitude) < 179.999 && Math.abs(place.latitude) < 85.05)
        expect([Geohash.scoreOf(middle), Number.isSafeInteger(score)]).toEqual([score, true])
      }),
      { numRuns: 2_000 }
    )
  })

  it("has every place of a circle or a box in the ranges that cover it", () => {
    fc.assert(
      fc.property(searches, ({ around, shape }) => {
        const ranges = Geohash.rangesOf(shape)
        expect(ranges.length).toBeLessThanOrEqual(9)
        for (const place of around) {
          const score = Geohash.scoreOf(place)
          const isWithin = Geohash.distanceWithin(shape, Geohash.placeOf(score)) !== undefined
          expect(isWithin && !ranges.some(({ from, to }) => score >= from && score < to)).toBe(false)
        }
      }),
      { numRuns: 3_000 }
    )
  })

  it("has no place in two ranges, also where the whole map is searched", () => {
    for (const radius of [0, 1, 1e3, 1e6, 5e6, 1e7, 3e7]) {
      const shape = { type: "circle", center: { longitude: 179.9, latitude: -80 }, radius } as const
      const ranges = Geohash.rangesOf(shape).toSorted((left, right) => left.from - right.from)
      for (let i = 1; i < ranges.length; i++) expect(ranges[i].from).toBeGreaterThanOrEqual(ranges[i - 1].to)
    }
  })

  it("gives the texts that Redis documents", () => {
    const palermo = Geohash.placeOf(Geohash.scoreOf({ longitude: 13.361389, latitude: 38.115556 }))
    const catania = Geohash.placeOf(Geohash.scoreOf({ longitude: 15.087269, latitude: 37.502669 }))
    expect([Geohash.textOf(palermo), Geohash.textOf(catania)]).toEqual(["sqc8b49rny0", "sqdtr74hyu0"])
    expect(Geohash.distance(palermo, catania).toFixed(4)).toBe("166274.1516")
  })
})
