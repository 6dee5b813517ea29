/**
 * A value in a history: what every format's values become, so that judges see one kind.
 *
 * Keywords and symbols of EDN are text, a keyword with its colon (`":x"`), so it differs from the string `"x"`. Sets and
 * lists become arrays, tagged elements what they tag. Integers beyond 2^53 are bigints. Readers bound the nesting
 * (`depthMax`), so what walks a value may recurse.
 */
import type * as Model from "#models/Model.ts"

export type Value = null | boolean | number | bigint | string | ReadonlyArray<Value> | ReadonlyMap<Value, Value>

/** How deep values may nest: real histories use four or five levels. */
export const depthMax = 256

export const isArray = (value: Value | undefined): value is ReadonlyArray<Value> => Array.isArray(value)

/** As a scalar for the models: composed values become their canonical text. */
export const scalar = (value: Value): Model.Scalar =>
  typeof value === "bigint" || (typeof value === "object" && value !== null) ? text(value) : value

/** Canonical text, in the manner of EDN: equal values have one text, different values differ (numbers 1 and 1.0 are one). */
export const text = (value: Value): string => {
  if (value === null) return "nil"
  if (typeof value === "string") return value.startsWith(":") ? value : JSON.stringify(value)
  if (typeof value !== "object") return String(value)
  if (isArray(value)) return `[${value.map(text).join(" ")}]`
  const entries = [...value].map(([key, item]) => [text(key), text(item)] as const)
  entries.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
  return `{${entries.map(([key, item]) => `${key} ${item}`).join(", ")}}`
}
