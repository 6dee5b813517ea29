/**
 * ConfigFile: Orbit's own file: an object in JSON with comments and commas behind the last element, a key a setting. Values are text, numbers,
 * `true` and `false`; lists of them, where a setting takes several; and for `nodes` an object by node number. Pure.
 */
import * as Assignment from "./Assignment.ts"
import { flagOf, type Name, names } from "./Settings.ts"

/** The text without comments and without commas that nothing follows, everything else in its place. */
const plain = (text: string): string =>
  text
    .replaceAll(/("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (whole, quoted: string | undefined) =>
      quoted === undefined ? whole.replaceAll(/[^\n]/g, " ") : quoted
    )
    .replaceAll(/("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])/g, (_, quoted: string | undefined) => quoted ?? " ")

const scalar = (value: unknown): string | undefined => {
  if (typeof value === "string") return value
  if (typeof value === "number") return String(value)
  return typeof value === "boolean" ? (value ? "yes" : "no") : undefined
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** A value as its setting reads it: several stand on lines of their own. */
const textOf = (name: Name, value: unknown): string | undefined => {
  const several =
    name === "nodes" && isObject(value)
      ? Object.entries(value).map(([node, place]) => `${node}=${scalar(place) ?? ""}`)
      : Array.isArray(value)
        ? value.map(scalar)
        : [scalar(value)]
  return several.includes(undefined) ? undefined : several.join("\n")
}

const assigned = (path: string, key: string, value: unknown): Assignment.Said => {
  const name = names.find((each) => each === key || flagOf(each) === key)
  if (name === undefined)
    return Assignment.problem(`${path}: ${key}: there is no such setting; \`--print-config\` lists all`)
  const text = textOf(name, value)
  if (text === undefined) {
    return Assignment.problem(
      `${path}: ${key}: ${JSON.stringify(value)}: allowed: text, a number, true or false, or a list of those`
    )
  }
  return { ...Assignment.nothing, assignments: [{ name, text, source: { origin: "file", place: path } }] }
}

export const parse = (path: string, text: string): Assignment.Said => {
  let value: unknown
  try {
    value = JSON.parse(plain(text))
  } catch (error) {
    return Assignment.problem(
      `${path}: not JSON with comments: ${error instanceof Error ? error.message : String(error)}`
    )
  }
  if (!isObject(value)) return Assignment.problem(`${path}: allowed: one object, a key a setting`)
  return Assignment.together(Object.entries(value).map(([key, one]) => assigned(path, key, one)))
}
