/** Slots of keys as text. */
import * as fc from "fast-check"
import { expect, it } from "vitest"
import * as Latin1 from "#base/Latin1.ts"
import * as SpacesRedis from "./SpacesRedis.ts"

it("is the slot that the keyspace has the key in, whatever bytes are in it and however many", () => {
  const char = fc.oneof(
    fc.constantFrom("{", "}"),
    fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code))
  )
  const key = fc.array(char, { maxLength: 30 }).map((chars) => chars.join(""))
  fc.assert(
    fc.property(key, fc.constantFrom(1, 1, 100, 1_000), (text, times) => {
      const long = text.repeat(times)
      expect(SpacesRedis.slotOfText(long)).toBe(SpacesRedis.slotOf(Latin1.encode(long)))
    })
  )
  expect([SpacesRedis.slotOfText("foo"), SpacesRedis.slotOfText("{user1000}.following")]).toEqual([12_182, 3_443])
})
