/**
 * Stored: how keys of Redis lie in the keyspace. Behind the tuple (slot, database, key) of `SpacesRedis`:
 *
 *   (slot, database, key)                     the key: its type, when it expires, its generation, what its value says of itself
 *   (slot, database, key, generation, name)   an element of its value
 *
 * Elements of another generation than the key's are what is left of an earlier value: nobody reads them. Keys and names of more than
 * `plainBytesMax` bytes stand there as (1, SHA-256), and whole in their value.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import * as Latin1 from "#base/Latin1.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import * as Spaces from "#keyspace/Spaces.ts"
import { Unencodable } from "#keyspace/TupleError.ts"
import { TupleReader } from "#keyspace/TupleReader.ts"
import { TupleWriter } from "#keyspace/TupleWriter.ts"
import type { Type } from "./Value.ts"

/** Escaped at its worst, two of them and the rest fit in a key of the keyspace. */
const plainBytesMax = 900
/** Stands before a hash; plain names are byte strings. */
const hashed = 1

const version = 1
/** Their places are what is stored: new types go to the end. */
export const types: ReadonlyArray<Type> = ["string", "list", "set", "zset", "hash", "stream"]
const hasLongName = 1
const isInline = 2

/** What is stored of a key. */
export interface Head {
  readonly type: Type
  readonly expiresAt: number
  readonly generation: number
  /** The content is a string, and `head` is all of it. */
  readonly isInline: boolean
  /** What the value says of itself. */
  readonly head: string
}

const writer = new TupleWriter()

const bytesOf = (bytes: Uint8Array | Unencodable): Uint8Array => {
  assert(!(bytes instanceof Unencodable), "long names are hashed")
  return bytes
}

const beginKey = (database: number, key: Uint8Array): TupleWriter => {
  writer.raw(Spaces.prefixOf("redis")).integer(SpacesRedis.slotOf(key)).integer(database)
  return key.length > plainBytesMax ? writer.integer(hashed).byteString(sha256(key)) : writer.byteString(key)
}

/** Whether a key or an element stands under a hash of its name. */
export const isHashed = (name: string): boolean => name.length > plainBytesMax

export const hashOf = (name: string): string => Latin1.decode(sha256(Latin1.encode(name)))

export const keyOf = (database: number, name: string): Uint8Array =>
  bytesOf(beginKey(database, Latin1.encode(name)).finish())

/** What all elements of a generation begin with. */
export const elementsOf = (database: number, name: string, generation: number): Uint8Array =>
  bytesOf(beginKey(database, Latin1.encode(name)).integer(generation).finish())

export const elementKey = (elements: Uint8Array, name: string): Uint8Array => {
  const bytes = Latin1.encode(name)
  writer.raw(elements)
  if (bytes.length > plainBytesMax) writer.integer(hashed).byteString(sha256(bytes))
  else writer.byteString(bytes)
  return bytesOf(writer.finish())
}

export const encodeHead = (name: string, { expiresAt, generation, head, isInline: inline, type }: Head): Uint8Array => {
  const isLong = isHashed(name)
  const out = Bytes.Writer.make()
    .u8(version)
    .u8((isLong ? hasLongName : 0) | (inline ? isInline : 0))
    .u8(types.indexOf(type))
    .f64(expiresAt)
    .f64(generation)
  if (isLong) out.u32(name.length).raw(Latin1.encode(name))
  return out.raw(Latin1.encode(head)).finish()
}

export const encodeElement = (name: string, content: string): Uint8Array => {
  if (!isHashed(name)) return Latin1.encode(content)
  return Bytes.Writer.make().u32(name.length).raw(Latin1.encode(name)).raw(Latin1.encode(content)).finish()
}

interface Name {
  readonly text: string
  /** It is too long for a key: the text is its hash. */
  readonly isHash: boolean
}

const nameOf = (reader: TupleReader): Name => {
  const plain = reader.latin1()
  if (plain !== undefined) return { text: plain, isHash: false }
  assert(reader.next() === hashed, "names are byte strings, or hashes")
  const hash = reader.latin1()
  assert(hash !== undefined, "a hash is a byte string")
  return { text: hash, isHash: true }
}

/** What a key of the keyspace is of. */
export interface Place {
  readonly database: number
  /** Of a long key, its hash: its value has all of it. */
  readonly name: string
  readonly isHash: boolean
  /** It is one of its elements. */
  readonly isElement: boolean
  /** So many bytes are those of the key itself. */
  readonly keyBytes: number
}

/** undefined: it is nothing that a database has. */
export const placeOf = (key: Uint8Array): Place | undefined => {
  const reader = new TupleReader(key, Spaces.prefixOf("redis").length)
  reader.next()
  const database = reader.next()
  if (typeof database !== "number") return undefined
  const { isHash, text } = nameOf(reader)
  assert(reader.failure === undefined, "a key of Redis is a whole tuple")
  return { database, name: text, isHash, isElement: !reader.isAtEnd, keyBytes: reader.offsetBytes }
}

/** What the elements of a generation begin with, behind their key. */
export const generationKey = (key: Uint8Array, generation: number): Uint8Array =>
  bytesOf(writer.raw(key).integer(generation).finish())

/** What all elements of an element's generation begin with; `keyBytes`: see `Place`. */
export const generationOf = (key: Uint8Array, keyBytes: number): Uint8Array => {
  const reader = new TupleReader(key, keyBytes)
  assert(typeof reader.next() === "number" && !reader.isAtEnd, "an element has a generation")
  return Bytes.copy(key, 0, reader.offsetBytes)
}

/** What is stored under a key of Redis; `short`: its name, if that is not too long. */
export const decodeHead = (value: Uint8Array, short: string): { readonly name: string; readonly head: Head } => {
  const reader = new Bytes.Reader(value)
  assert(reader.u8() === version, "this version knows the form in which a key is stored")
  const flags = reader.u8()
  const type = types[reader.u8()]
  const expiresAt = reader.f64()
  const generation = reader.f64()
  const name = (flags & hasLongName) === 0 ? short : Latin1.decode(reader.raw(reader.u32()))
  const head = Latin1.decode(value, value.length - reader.leftBytes)
  assert(type !== undefined && reader.isWhole, "what is stored of a key is whole")
  return { name, head: { type, expiresAt, generation, isInline: (flags & isInline) !== 0, head } }
}

/** The element whose key begins with `elements`. */
export const decodeElement = (
  elements: Uint8Array,
  key: Uint8Array,
  value: Uint8Array
): readonly [name: string, content: string] => {
  const { isHash, text } = nameOf(new TupleReader(key, elements.length))
  if (!isHash) return [text, Latin1.decode(value)]
  const reader = new Bytes.Reader(value)
  const name = Latin1.decode(reader.raw(reader.u32()))
  return [name, Latin1.decode(reader.rest())]
}
