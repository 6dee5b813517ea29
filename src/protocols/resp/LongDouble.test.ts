import { describe, expect, it } from "vitest"
import * as LongDouble from "./LongDouble.ts"

const sum = (left: string, right: string): string | undefined => {
  const total = LongDouble.add(LongDouble.parse(left)!, LongDouble.parse(right)!)
  return total && LongDouble.format(total)
}

describe("a long double", () => {
  // Each was asked of INCRBYFLOAT of redis-server 7.0.15 on x86-64.
  it.each([
    ["10.50", "0.1", "10.6"],
    ["0.1", "0.2", "0.3"],
    ["3.0e3", "200", "3200"],
    ["1", "0.000000000000000005", "1"],
    ["0", "0.000000000000000006", "0.00000000000000001"],
    ["0", "-1e-20", "0"],
    ["18446744073709551615", "0", "18446744073709551615"],
    ["18446744073709551617", "0", "18446744073709551616"],
    ["36893488147419103235", "0", "36893488147419103236"],
    ["9223372036854775807.5", "0", "9223372036854775807.5"],
    ["0x1.8p3", "0x10", "28"],
    ["-0", "-0", "0"]
  ])("%s and %s make %s", (left, right, expected) => {
    expect(sum(left, right)).toBe(expected)
  })

  it("prints the largest one in all its digits, and none beyond", () => {
    expect(sum("1.18e4932", "0")?.length).toBe(4_933)
    expect(LongDouble.parse("1.19e4932")).toBe(undefined)
    expect(sum("1.18e4932", "1.18e4932")).toBe(undefined)
    expect(sum("inf", "1")).toBe(undefined)
  })

  it.each(["", ".", " 1", "1 ", "nan", "1e", "0x", "0xp3", "1_0", "1e-5000", "1e99999", "0x1p999999999999"])(
    "is not what '%s' says",
    (text) => {
      expect(LongDouble.parse(text)).toBe(undefined)
    }
  )

  it.each(["1.", ".5", "+1", "1e+3", "0e99999999", "0x.8", "0x1p-16445", "inf", "-Infinity"])(
    "is what '%s' says",
    (text) => {
      expect(LongDouble.parse(text)).not.toBe(undefined)
    }
  )
})
