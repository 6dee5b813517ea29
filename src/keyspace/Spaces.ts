/**
 * Spaces: who has which keys. Each model has a space, the keys that begin with one byte of its own; what follows is up to the model, as a
 * rule a tuple. The table is fixed: a model finds its keys without reading where they are, and new models get bytes that nobody
 * had. (FoundationDB's directory layer hands prefixes out at run time, at the price of a read that every client caches.)
 *
 * The system's space has all first bytes below 0x08; 0xff begins no key (`Descriptor.ts`). `docs/formats.md` has the table.
 */
import * as Descriptor from "./Descriptor.ts"
import type { Span } from "./Request.ts"
import * as Tuple from "./Tuple.ts"
import type { Tuple as Elements } from "./TupleElement.ts"
import { Unencodable } from "./TupleError.ts"

/** The first byte of each space but the system's. A byte is never given to another space. */
const firstBytes = {
  transactions: 0x08,
  locks: 0x09,
  sagas: 0x0a,
  audit: 0x0b,
  actors: 0x10,
  redis: 0x20,
  sql: 0x21,
  documents: 0x22,
  graph: 0x23,
  series: 0x24,
  vectors: 0x25,
  texts: 0x26,
  /** Any bytes behind the first: scenarios, tests, and whoever has no model. */
  raw: 0xfe
} as const

/** A space whose keys begin with a byte of its own. */
export type ModelSpace = keyof typeof firstBytes
export type Space = "system" | ModelSpace

export const modelSpaces = Object.keys(firstBytes) as ReadonlyArray<ModelSpace>

const prefixes: ReadonlyMap<Space, Uint8Array> = new Map(
  modelSpaces.map((space) => [space, Uint8Array.of(firstBytes[space])])
)

const spaces: ReadonlyArray<Space | undefined> = Array.from({ length: 256 }, (_, byte) =>
  byte < Descriptor.systemEnd[0] ? "system" : modelSpaces.find((space) => firstBytes[space] === byte)
)

/** What all keys of a space begin with. It is shared: nobody changes it. */
export const prefixOf = (space: ModelSpace): Uint8Array => prefixes.get(space)!

/** All keys of a space. */
export const spanOf = (space: Space): Span =>
  space === "system"
    ? { from: new Uint8Array(0), to: Descriptor.systemEnd }
    : { from: prefixOf(space), to: Uint8Array.of(firstBytes[space] + 1) }

/** The space of a key; undefined: the key is in none. The empty key is the system's. */
export const spaceOf = (key: Uint8Array): Space | undefined => (key.length === 0 ? "system" : spaces[key[0]])

/** The key of a tuple. */
export const keyOf = (space: ModelSpace, tuple: Elements): Uint8Array | Unencodable =>
  Tuple.encode(tuple, prefixOf(space))

/** The keys of all tuples that begin with this one. */
export const rangeOf = (space: ModelSpace, tuple: Elements): Span | Unencodable => {
  const from = keyOf(space, tuple)
  if (from instanceof Unencodable) return from
  // A key that begins with a byte below 0xff has a successor.
  return { from, to: Tuple.successor(from)! }
}

/** The key of any bytes, in the space that has no tuples. */
export const rawKeyOf = (bytes: Uint8Array): Uint8Array => {
  const key = new Uint8Array(1 + bytes.length)
  key[0] = firstBytes.raw
  key.set(bytes, 1)
  return key
}
