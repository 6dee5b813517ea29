import { expect, test } from "vitest"
import * as Suggest from "./Suggest.ts"

const scenarios = ["register/lease", "counter/durable", "echo/stream", "canary/double-grant"]

test("the distance counts insertions, deletions, replacements and swaps of neighbours", () => {
  expect(Suggest.distance("", "abc")).toBe(3)
  expect(Suggest.distance("lease", "lease")).toBe(0)
  expect(Suggest.distance("laese", "lease")).toBe(1)
  expect(Suggest.distance("partion", "partition")).toBe(2)
})

test.each([
  ["register/leese", "register/lease"],
  ["lease", "register/lease"],
  ["double-grant", "canary/double-grant"],
  ["Echo/Stream", "echo/stream"],
  ["count", "counter/durable"]
])("%s suggests %s", (typed, meant) => {
  expect(Suggest.nearest(typed, scenarios)).toBe(meant)
})

test("what is near nothing suggests nothing", () => {
  expect(Suggest.nearest("zookeeper", scenarios)).toBeUndefined()
  expect(Suggest.sentence("zookeeper", scenarios)).toBe("")
})
