/**
 * Tuple: keys as lists of typed elements, encoded so that the order of the bytes is the order of the tuples, element by element, a tuple
 * before all that it begins.
 *
 * Promises:
 * - Types sort null, false, true, integers, float32, float64, timestamps, UUIDs, texts, byte strings, tuples; descending elements sort the
 *   other way round, behind all of these. So elements at one place should be of one type.
 * - Integers sort as numbers, whether number or bigint; texts by code point (the order of their UTF-8, not of JavaScript); floats
 *   by IEEE 754's total order, so -0 is before 0, and NaN, of which there is one, behind infinity.
 * - The bytes of two tuples, one behind the other, are those of the two tuples joined. No element's bytes begin those of another, so a
 *   tuple's bytes begin exactly the keys whose tuples it begins.
 * - One value has one encoding, and `decode` takes no other. It is total.
 *
 * Learned from FoundationDB's tuple layer (design/tuple.md). Where we differ, and why:
 * - Descending elements, as the complement of the ascending ones. For this no encoding may begin another one: texts end with 0x00, and
 *   0x00 and 0x01 in them are escaped with 0x01. FoundationDB's 0x00 0xff needs to know what follows.
 * - The integers 0 to 63 have one byte: ids of tables and columns are in every key.
 * - A plain number is an integer, and one that is none is refused: 1 and 1.0 are the same number in JavaScript, not in a key.
 * - One encoding for each value: one NaN, no integer with bytes that it does not need.
 *
 * `docs/formats.md` has the bytes.
 */
import type { Descending, Element, Float32, Float64, Plain, Timestamp, Tuple, Uuid } from "./TupleElement.ts"
import { type Malformed, Unencodable } from "./TupleError.ts"
import { TupleReader } from "./TupleReader.ts"
import { TupleWriter } from "./TupleWriter.ts"

/** Keys in [from, to); without `to`, all from `from` on. */
export interface Range {
  readonly from: Uint8Array
  readonly to?: Uint8Array
}

export const float32 = (value: number): Float32 => ({ type: "float32", value })
export const float64 = (value: number): Float64 => ({ type: "float64", value })
export const timestamp = (micros: number | bigint): Timestamp => ({ type: "timestamp", micros })
export const uuid = (bytes: Uint8Array): Uuid => ({ type: "uuid", bytes })
export const descending = (value: Plain): Descending => ({ type: "descending", value })

/** Writes an element of any type. */
export const write = (writer: TupleWriter, element: Element): void => {
  if (element === null) writer.null()
  else if (typeof element === "string") writer.text(element)
  else if (typeof element === "number" || typeof element === "bigint") writer.integer(element)
  else if (typeof element === "boolean") writer.boolean(element)
  else if (element instanceof Uint8Array) writer.byteString(element)
  else if ("type" in element) writeTagged(writer, element)
  else {
    writer.begin()
    for (const each of element) {
      // What is refused may be deeper than the stack.
      if (writer.refused !== undefined) break
      write(writer, each)
    }
    writer.end()
  }
}

const writeTagged = (writer: TupleWriter, element: Float32 | Float64 | Timestamp | Uuid | Descending): void => {
  switch (element.type) {
    case "float32":
      writer.float32(element.value)
      return
    case "float64":
      writer.float64(element.value)
      return
    case "timestamp":
      writer.timestamp(element.micros)
      return
    case "uuid":
      writer.uuid(element.bytes)
      return
    case "descending":
      write(writer.descending(), element.value)
  }
}

const shared = new TupleWriter()

/** The bytes of a tuple, behind those of `prefix`. Where one shape of key is made often, a `TupleWriter` of its own is faster. */
export const encode = (tuple: Tuple, prefix?: Uint8Array): Uint8Array | Unencodable => {
  if (prefix !== undefined) shared.raw(prefix)
  for (const element of tuple) write(shared, element)
  return shared.finish()
}

/** The tuple of the bytes in [from, to). */
export const decode = (bytes: Uint8Array, from = 0, to = bytes.length): Tuple | Malformed => {
  const reader = new TupleReader(bytes, from, to)
  const tuple: Array<Element> = []
  while (!reader.isAtEnd) tuple.push(reader.next())
  return reader.failure ?? tuple
}

/** The keys that begin with these bytes. */
export const rangeOfPrefix = (prefix: Uint8Array): Range => {
  const to = successor(prefix)
  return to === undefined ? { from: prefix } : { from: prefix, to }
}

/** The keys whose tuples begin with this one, itself among them, behind `prefix`. */
export const rangeOf = (tuple: Tuple, prefix?: Uint8Array): Range | Unencodable => {
  const from = encode(tuple, prefix)
  return from instanceof Unencodable ? from : rangeOfPrefix(from)
}

/** The lowest key above all that begin with these bytes; undefined: there is none, because they are all 0xff. */
export const successor = (bytes: Uint8Array): Uint8Array | undefined => {
  let length = bytes.length
  while (length > 0 && bytes[length - 1] === 0xff) length--
  if (length === 0) return undefined
  const next = bytes.slice(0, length)
  next[length - 1]++
  return next
}
