import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { depthMax, isArray, type Value } from "../Value.ts"
import { end } from "./EdnReader.ts"
import * as Json from "./Json.ts"
import { Malformed } from "./Malformed.ts"
import { Source } from "./Source.ts"

const readAll = (text: string, enter = false): ReadonlyArray<Value> => {
  const reader = new Json.Reader(new Source(text))
  if (enter) reader.enter()
  const values: Array<Value> = []
  for (let value = reader.next(); value !== end; value = reader.next()) values.push(value as Value)
  return values
}
const refusal = (text: string, enter = false): string => {
  try {
    readAll(text, enter)
    return "read"
  } catch (error) {
    expect(error).toBeInstanceOf(Malformed)
    return (error as Malformed).message
  }
}

/** As `JSON.parse` has it, for values inside an array. */
const plain = (value: Value): unknown => {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), plain(item)]))
  if (typeof value === "bigint") return Number(value)
  return isArray(value) ? value.map(plain) : value
}

describe("a reader of JSON", () => {
  it("reads what JSON.parse reads", () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: "grapheme" }), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify([value], undefined, indent)
        const [item] = readAll(text, true)
        expect(plain(item!)).toEqual(isObject(value) ? flat(value) : JSON.parse(JSON.stringify(value)))
      }),
      { numRuns: 1000, seed: 1 }
    )
  })

  it("refuses what JSON.parse refuses", () => {
    const pieces = fc.constantFrom(...'[]{}",:-+.01e \n'.split(""), "true", "null", '"a"', "\\u0041", '"k":')
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 10 }), (list) => {
        const text = `[${list.join("")}]`
        let parsed = true
        try {
          JSON.parse(text)
        } catch {
          parsed = false
        }
        expect(refusal(text) === "read" && readAll(text).length === 1).toBe(parsed)
      }),
      { numRuns: 5000, seed: 2 }
    )
  })

  it("keeps whole numbers of any size exact", () => {
    expect(readAll("9007199254740993 -9007199254740993 12")).toEqual([9007199254740993n, -9007199254740993n, 12])
  })

  it.each([
    ['{"a": 1\n,}', "line 2, column 2: a key in quotes is due"],
    ['{"a" 1}', 'line 1, column 6: ":" is due'],
    ["[1,\n 2", "line 1, column 1: the value that begins here does not end"],
    ['["é", tru]', "line 1, column 7: a value is due"],
    ["[01]", "line 1, column 2: 01 is no number"],
    ['["a\nb"]', "line 1, column 4: a control character in a string"],
    ["[".repeat(depthMax + 1), `line 1, column ${depthMax + 1}: values nest deeper than ${depthMax}`]
  ])("names the line and column of what is wrong in %j", (text, message) => {
    expect(refusal(text)).toBe(message)
  })

  it("names the place where an array of events is cut off, and what follows one", () => {
    expect(refusal('[{"a":1},\n{"a":2}', true)).toBe("line 2, column 8: the input ends before its ]")
    expect(refusal("[1] 2", true)).toBe("line 1, column 5: something follows the end of the array")
  })
})

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
const flat = (value: Record<string, unknown>): unknown => Object.entries(JSON.parse(JSON.stringify(value))).flat()
