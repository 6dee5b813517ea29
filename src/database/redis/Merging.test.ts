import { describe, expect, it } from "vitest"
import * as Latin1 from "#base/Latin1.ts"
import { Merging } from "./Merging.ts"

const bytes = (text: string): Uint8Array => Latin1.encode(text)

/** Keys with changes over them, a few changes at a time; a change without a value takes its key away. */
const merged = (keys: ReadonlyArray<string>, changes: ReadonlyArray<string>, max: number): ReadonlyArray<string> => {
  const given: Array<string> = []
  const merging = new Merging(
    changes.map((change) => {
      const [key, value] = change.split("=")
      return { key: bytes(key), value: value === undefined ? undefined : bytes(value) }
    }),
    (key, value) => given.push(`${Latin1.decode(key)}=${Latin1.decode(value)}`)
  )
  for (const key of keys) {
    const entry = { key: bytes(key), value: bytes("old") }
    while (!merging.reach(entry, max));
    merging.take(entry)
  }
  while (!merging.reach(undefined, max));
  return given
}

describe("keys with changes laid over them", () => {
  it.each([1, 2, 100])("are as the changes have it, and in their order; so many at a time: %d", (max) => {
    expect(merged(["b", "d", "e", "g"], ["a=1", "aa=2", "b=3", "c=4", "e", "f", "h=5", "i=6"], max)).toEqual([
      "a=1",
      "aa=2",
      "b=3",
      "c=4",
      "d=old",
      "g=old",
      "h=5",
      "i=6"
    ])
    expect(merged([], ["a=1", "b"], max)).toEqual(["a=1"])
    expect(merged(["a"], [], max)).toEqual(["a=old"])
  })
})
