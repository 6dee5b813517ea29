import { describe, expect, it } from "vitest"
import * as Latin1 from "#base/Latin1.ts"
import * as Record from "./Record.ts"

const key = Latin1.encode("key")

const recordOf = (text: string): Uint8Array => Record.encode([{ key, value: Latin1.encode(text) }])

/** What is collected of pieces of ten bytes each. */
const collected = (pieces: ReadonlyArray<readonly [number: number, piece: number, bytes: Uint8Array]>) => {
  const found: Array<readonly [number, ReadonlyArray<string>]> = []
  const collecting = new Record.Collecting((number, mutations) =>
    found.push([number, mutations.map(({ value }) => Latin1.decode(value!))])
  )
  for (const [number, piece, bytes] of pieces)
    collecting.take(number, piece, bytes.subarray(piece * 10, piece * 10 + 10))
  collecting.finish()
  return found
}

describe("a record", () => {
  it("is put together from its pieces", () => {
    const [one, two] = [recordOf("a text of some length"), recordOf("b")]
    expect(
      collected([
        [4, 0, one],
        [4, 1, one],
        [4, 2, one],
        [4, 3, one],
        [5, 0, two],
        [5, 1, two]
      ])
    ).toEqual([
      [4, ["a text of some length"]],
      [5, ["b"]]
    ])
  })

  it("whose first piece is not there does not count, and keeps its number", () => {
    const [one, two] = [recordOf("half of it is deleted already"), recordOf("was never stored to its end")]
    expect(
      collected([
        [4, 2, one],
        [4, 3, one],
        [5, 1, two]
      ])
    ).toEqual([
      [4, []],
      [5, []]
    ])
  })
})
