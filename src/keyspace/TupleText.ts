/**
 * TupleText: tuples and keys in words, for people: `("accounts", 4711, descending timestamp 1700000000000000, bytes c0ffee)`. Texts keep printable
 * ASCII, and have `\\u{...}` for everything else, so that a line stays a line and no two tuples look alike.
 */
import * as Hex from "#base/Hex.ts"
import * as Spaces from "./Spaces.ts"
import * as Tuple from "./Tuple.ts"
import type { Element, Tuple as Elements } from "./TupleElement.ts"
import { Malformed } from "./TupleError.ts"

const escaped = (character: string): string => `\\u{${character.codePointAt(0)!.toString(16)}}`

const elementOf = (element: Element): string => {
  if (element === null) return "null"
  if (typeof element === "string") return `"${element.replace(/[^ -~]|["\\]/gu, escaped)}"`
  if (typeof element !== "object") return String(element)
  if (element instanceof Uint8Array) return `bytes ${Hex.of(element)}`
  if (!("type" in element)) return textOf(element)
  switch (element.type) {
    case "uuid":
      return `uuid ${Hex.of(element.bytes)}`
    case "timestamp":
      return `timestamp ${element.micros}`
    case "descending":
      return `descending ${elementOf(element.value)}`
    default:
      return `${element.type} ${Object.is(element.value, -0) ? "-0" : element.value}`
  }
}

export const textOf = (tuple: Elements): string => `(${tuple.map(elementOf).join(", ")})`

/** The key's space and tuple; digits where it has none. */
export const textOfKey = (key: Uint8Array): string => {
  const space = Spaces.spaceOf(key)
  if (space === undefined) return Hex.of(key)
  if (space === "system") return `system ${Hex.of(key)}`
  const tuple = space === "raw" ? undefined : Tuple.decode(key, 1)
  const rest = tuple === undefined || tuple instanceof Malformed ? Hex.of(key.subarray(1)) : textOf(tuple)
  return `${space} ${rest}`
}
