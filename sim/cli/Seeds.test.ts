import { expect, test } from "vitest"
import * as Seeds from "./Seeds.ts"

const first = (from: string): ReadonlyArray<string> => [0, 1, 2].map((index) => Seeds.at(from, index))

test("a number counts up", () => {
  expect(first("7")).toEqual(["7", "8", "9"])
  expect(first("0")).toEqual(["0", "1", "2"])
})

test("any other text gets a counter of its own", () => {
  expect(first("main")).toEqual(["main/1", "main/2", "main/3"])
  expect(first("007")).toEqual(["007/1", "007/2", "007/3"])
})

test("a hash that happens to be all digits is a text: no number is rounded", () => {
  expect(Seeds.at("1234567890123456789012345678901234567890", 1)).toBe("1234567890123456789012345678901234567890/2")
})

test("a drawn seed is a number that counts up", () => {
  const drawn = Seeds.draw()
  expect(Seeds.at(drawn, 1)).toBe(String(Number(drawn) + 1))
})
