import { describe, expect, test } from "vitest"
import { UsageError } from "./CliError.ts"
import * as Parse from "./Parse.ts"

const refusal = (attempt: () => unknown): string => {
  try {
    attempt()
  } catch (error) {
    if (error instanceof UsageError) return error.message
    throw error
  }
  throw new Error("nothing was refused")
}

describe("durations", () => {
  test.each([
    ["1us", 1],
    ["500ms", 500_000],
    ["10s", 10_000_000],
    ["1.5m", 90_000_000],
    ["10m", 600_000_000],
    ["1h", 3_600_000_000],
    ["1h30m", 5_400_000_000]
  ])("%s is %d microseconds", (text, micros) => {
    expect(Parse.durationMicros("--for", text)).toBe(micros)
  })

  test.each(["", "10", "s", "10 s", "-1s", "1d", "10s!", "1e3s"])(
    "%j is refused with an example of what to write",
    (text) => {
      expect(refusal(() => Parse.durationMicros("--for", text))).toMatch(/^--for .*500ms, 10s, 10m, 1h/)
    }
  )

  test.each(["0s", "0.1us", "721h"])("%s is refused for its length", (text) => {
    expect(refusal(() => Parse.durationMicros("--budget", text))).toContain("--budget")
  })
})

describe("seeds", () => {
  test.each(["42", "007", "-5", "main", "18dd63e", "a seed with blanks", "łódź 🌱"])(
    "%j is a seed as it stands",
    (text) => {
      expect(Parse.seed("--seed", text)).toBe(text)
    }
  )

  test.each(["", "   ", "a\nb", "x".repeat(201)])("%j is refused", (text) => {
    expect(refusal(() => Parse.seed("--seed", text))).toContain("--seed")
  })
})

describe("names", () => {
  test("faults are a list with commas, each once, and none is no fault", () => {
    expect(Parse.faults("partition, crash,partition")).toEqual(["partition", "crash"])
    expect(Parse.faults("none")).toEqual([])
  })

  test("an unknown fault is refused with the nearest one", () => {
    expect(refusal(() => Parse.faults("crash,partiton"))).toContain(
      'Unknown fault "partiton". Did you mean "partition"?'
    )
    expect(refusal(() => Parse.faults(","))).toContain("--faults none")
  })

  test("an unknown policy is refused with the nearest one and the list", () => {
    expect(Parse.policy("pct")).toBe("pct")
    expect(refusal(() => Parse.policy("pcd"))).toContain(
      'Did you mean "pct"? The policies are fifo, uniform, pct, starve.'
    )
  })

  test("a number out of bounds is refused with the bounds", () => {
    expect(Parse.count("--jobs", 2, { min: 1, max: 8 })).toBe(2)
    expect(refusal(() => Parse.count("--jobs", 0, { min: 1, max: 8 }))).toContain("from 1 to 8")
    expect(refusal(() => Parse.count("--jobs", 1.5, { min: 1, max: 8 }))).toContain("whole number")
  })
})
