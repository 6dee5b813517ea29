import { expect, test } from "vitest"
import * as Format from "./Format.ts"

test("whole numbers have their thousands apart", () => {
  expect([0, 999, 1_000, 1_234_567].map(Format.whole)).toEqual(["0", "999", "1,000", "1,234,567"])
})

test("rates keep three figures", () => {
  expect([0, 0.1234, 12.34, 950, 12_345, 2_850_000].map(Format.rate)).toEqual([
    "0",
    "0.123",
    "12.3",
    "950",
    "12.3 k",
    "2.85 M"
  ])
})

test("durations read like a clock", () => {
  const read = [0.5, 12.34, 250, 59_940, 60_000, 605_000, 5_400_000].map(Format.duration)
  expect(read).toEqual(["0.50 ms", "12.3 ms", "0.25 s", "59.9 s", "1 m 00 s", "10 m 05 s", "1 h 30 m"])
})

test("columns are aligned by what is seen, not by the codes of colours", () => {
  expect(
    Format.table([
      ["\u001b[31ma\u001b[0m", "x"],
      ["bcd", "y"]
    ])
  ).toBe("  \u001b[31ma\u001b[0m    x\n  bcd  y")
})

test("a word that a shell would take apart is quoted", () => {
  expect(Format.shell("register/lease")).toBe("register/lease")
  expect(Format.shell("a b")).toBe("'a b'")
  expect(Format.shell("it's")).toBe("'it'\\''s'")
})
