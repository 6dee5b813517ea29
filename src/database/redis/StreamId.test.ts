import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as StreamId from "./StreamId.ts"

const top = 18_446_744_073_709_551_615n
const integer = fc.oneof(
  fc.bigInt({ min: 0n, max: top }),
  fc.constantFrom(0n, 1n, 255n, 4_294_967_295n, 4_294_967_296n, 9_007_199_254_740_993n, top - 1n, top)
)
const pair = fc.tuple(integer, integer)
type Pair = readonly [bigint, bigint]

const textOf = ([ms, seq]: Pair): string => `${ms}-${seq}`
const idOf = (value: Pair): string => StreamId.parse(textOf(value))!.id
const numberOf = ([ms, seq]: Pair): bigint => (ms << 64n) | seq

describe("an id of a stream", () => {
  it("orders, counts up and down, and is written, as the two integers that it is", () => {
    fc.assert(
      fc.property(pair, pair, (left, right) => {
        expect(StreamId.format(idOf(left))).toBe(textOf(left))
        expect(idOf(left) < idOf(right)).toBe(numberOf(left) < numberOf(right))
        const after = StreamId.next(idOf(left))
        const before = StreamId.previous(idOf(left))
        const value = numberOf(left)
        expect(after).toBe(value === (top << 64n) + top ? undefined : idOf([(value + 1n) >> 64n, (value + 1n) & top]))
        expect(before).toBe(value === 0n ? undefined : idOf([(value - 1n) >> 64n, (value - 1n) & top]))
        expect(StreamId.previous(after ?? idOf([top, top]))).toBe(idOf(after === undefined ? [top, top - 1n] : left))
      }),
      { seed: 1, numRuns: 2_000 }
    )
  })

  it("is read as Redis reads it", () => {
    const read = (text: string, options = {}) => {
      const parsed = StreamId.parse(text, options)
      return parsed && `${StreamId.format(parsed.id)} ${parsed.hasSeq}`
    }
    expect(read("5")).toBe("5-0 true")
    expect(read("5", { fillsUp: true })).toBe("5-18446744073709551615 true")
    expect(read("007-08")).toBe("7-8 true")
    expect(read("3-+1")).toBe("3-1 true")
    expect(read(" 3-\t+18446744073709551615")).toBe("3-18446744073709551615 true")
    expect(read("5-*", { allowsStar: true })).toBe("5-0 false")
    for (const text of ["", "-", "+", "*", "5-", "-5", "5-*", "5--1", "a", "5-a", "18446744073709551616", "1-2-3"]) {
      expect(read(text)).toBe(undefined)
    }
  })

  it("follows the clock, and the last id where that is ahead", () => {
    expect(StreamId.following(StreamId.of(5, 9), 6)).toBe(StreamId.of(6, 0))
    expect(StreamId.following(StreamId.of(5, 9), 5)).toBe(StreamId.of(5, 10))
    expect(StreamId.following(StreamId.of(5, 9), 4)).toBe(StreamId.of(5, 10))
    expect(StreamId.following(StreamId.max, 4)).toBe(undefined)
  })
})
