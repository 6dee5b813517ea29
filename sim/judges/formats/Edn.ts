/**
 * Values of EDN, each kind apart (`faithful` makes a reader return them), and how they are written: what is read can be
 * written again. Vectors are arrays, nil is null; the rest are the classes below.
 */
import { type Builder, characters, escapes } from "./EdnReader.ts"

export class Keyword {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}
export class Name {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}
export class Character {
  readonly character: string
  constructor(character: string) {
    this.character = character
  }
}
export class List {
  readonly items: ReadonlyArray<unknown>
  constructor(items: ReadonlyArray<unknown>) {
    this.items = items
  }
}
export class Collection {
  readonly items: ReadonlyArray<unknown>
  constructor(items: ReadonlyArray<unknown>) {
    this.items = items
  }
}
export class Dictionary {
  readonly flat: ReadonlyArray<unknown>
  constructor(flat: ReadonlyArray<unknown>) {
    this.flat = flat
  }
}
export class Tagged {
  readonly tag: string
  readonly value: unknown
  constructor(tag: string, value: unknown) {
    this.tag = tag
    this.value = value
  }
}

/** Every form as itself: vectors as arrays, nil as null, the rest as the classes above. */
export const faithful: Builder = {
  keyword: (name) => new Keyword(name),
  symbol: (name) => new Name(name),
  character: (character) => new Character(character),
  list: (items) => new List(items),
  vector: (items) => items,
  set: (items) => new Collection(items),
  map: (flat) => new Dictionary(flat),
  tagged: (tag, value) => new Tagged(tag, value)
}

/** A faithful value as EDN. */
export const write = (value: unknown): string => {
  if (value === null || value === undefined) return "nil"
  if (typeof value === "string") return writeString(value)
  if (typeof value === "bigint") return `${value}N`
  if (typeof value === "number") return writeNumber(value)
  if (typeof value === "boolean") return String(value)
  if (Array.isArray(value)) return `[${value.map(write).join(" ")}]`
  if (value instanceof Keyword) return `:${value.name}`
  if (value instanceof Name) return value.name
  if (value instanceof Character) return writeCharacter(value.character)
  if (value instanceof List) return `(${value.items.map(write).join(" ")})`
  if (value instanceof Collection) return `#{${value.items.map(write).join(" ")}}`
  if (value instanceof Tagged) return `#${value.tag} ${write(value.value)}`
  if (!(value instanceof Dictionary)) throw new TypeError("not a value of EDN")
  const pairs: Array<string> = []
  for (let at = 0; at < value.flat.length; at += 2) pairs.push(`${write(value.flat[at])} ${write(value.flat[at + 1])}`)
  return `{${pairs.join(", ")}}`
}

const writeNumber = (value: number): string => {
  if (Number.isNaN(value)) return "##NaN"
  if (!Number.isFinite(value)) return value > 0 ? "##Inf" : "##-Inf"
  const text = String(value)
  // Whole, yet beyond where whole numbers are exact: a float.
  return Number.isInteger(value) && !Number.isSafeInteger(value) && !text.includes("e") ? `${text}.0` : text
}

const writeString = (text: string): string => {
  const named = Object.entries(escapes)
  const escape = (character: string): string => {
    const short = named.find(([, meaning]) => meaning === character)
    if (short !== undefined) return `\\${short[0]}`
    return character < " " ? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}` : character
  }
  return `"${Array.from(text, escape).join("")}"`
}

const writeCharacter = (character: string): string => {
  const named = Object.entries(characters).find(([, meaning]) => meaning === character)
  if (named !== undefined) return `\\${named[0]}`
  return character <= " " ? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}` : `\\${character}`
}
