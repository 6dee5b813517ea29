import * as fc from "fast-check"
import { expect, it } from "vitest"
import * as Cursors from "./Cursors.ts"

const places = fc.record({ slot: fc.nat(16_383), tag: fc.nat(262_138), position: fc.nat(0x7fff_ffff) })

it("is a number of less than 64 bits that says all that a scan needs, and 0 where it begins", () => {
  fc.assert(
    fc.property(places, (place) => {
      const text = Cursors.textOf(place)
      expect(BigInt(text) < 2n ** 63n).toBe(true)
      expect(Cursors.ofSlots(Cursors.parse(text)!)).toEqual(place)
    })
  )
  expect(Cursors.textOf({ slot: 0, tag: 0, position: 0 })).toBe("0")
  expect(Cursors.ofSlots(Cursors.parse("")!)).toEqual({ slot: 0, tag: 0, position: 0 })
})

it("is kept by who takes it for a double, while a slot has less than two million keys", () => {
  const text = Cursors.textOf({ slot: 16_383, tag: 262_138, position: 2_000_000 })
  expect(String(Number(text))).toBe(text)
})

it("is read as strtoul reads it, and is not what has more than 64 bits", () => {
  expect(Cursors.parse("18446744073709551615")).toBe(2n ** 64n - 1n)
  expect(Cursors.parse("-1")).toBe(2n ** 64n - 1n)
  for (const text of ["18446744073709551616", "x", "1.0", " 1"]) expect(Cursors.parse(text)).toBe(undefined)
})
