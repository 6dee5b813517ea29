/**
 * Places: what else lies in Redis's space of the keyspace beside keys of databases. Words stand there where those have the number of a database, behind
 * the first slot: `owner`, which slots a node has, by its number; `databases`, what SWAPDB has done; `stream`, what has changed and is not among the keys yet: records, by their
 * stream's number, their own and those of their pieces. `record` is what a stream was when there was only one, `owner` alone, who had the data then.
 */
import { assert } from "#base/Assert.ts"
import type { Span } from "#keyspace/Request.ts"
import * as Spaces from "#keyspace/Spaces.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import * as Tuple from "#keyspace/Tuple.ts"
import { Unencodable } from "#keyspace/TupleError.ts"
import { TupleReader } from "#keyspace/TupleReader.ts"
import { firstStream } from "./Owner.ts"
import type { SlotRange } from "./SlotSet.ts"

const bytesOf = <A>(made: A | Unencodable): A => {
  assert(!(made instanceof Unencodable), "numbers and words have bytes")
  return made
}

/** Of the one node that had everything. */
export const onlyOwnerKey: Uint8Array = bytesOf(Spaces.keyOf("redis", [0, "owner"]))

export const ownerKey = (node: number): Uint8Array => bytesOf(Spaces.keyOf("redis", [0, "owner", node]))

/** All of both. */
export const owners: Span = { from: onlyOwnerKey, to: bytesOf(Spaces.rangeOf("redis", [0, "owner"])).to }

/** Which database has which number: a byte each. Absent: as they were made. */
export const databasesKey: Uint8Array = bytesOf(Spaces.keyOf("redis", [0, "databases"]))

const isFirst = (stream: number): boolean => stream === firstStream

export const recordKey = (stream: number, number: number, piece: number): Uint8Array =>
  bytesOf(Spaces.keyOf("redis", isFirst(stream) ? [0, "record", number, piece] : [0, "stream", stream, number, piece]))

/** Of the key of a piece of a record: the numbers of both. */
export const pieceOf = (stream: number, key: Uint8Array): { readonly number: number; readonly piece: number } => {
  const reader = new TupleReader(key, Spaces.prefixOf("redis").length)
  reader.next()
  reader.next()
  if (!isFirst(stream)) reader.next()
  const number = reader.next()
  const piece = reader.next()
  assert(typeof number === "number" && typeof piece === "number", "a record and its pieces have numbers")
  return { number, piece }
}

/** Its records. */
export const stream = (stream: number): Span =>
  bytesOf(Spaces.rangeOf("redis", isFirst(stream) ? [0, "record"] : [0, "stream", stream]))

/** Where keys of these slots, with all that is in them, are. */
export const keysOf = ([first, last]: SlotRange): ReadonlyArray<Span> => {
  const span = SpacesRedis.spanOfSlots({ first, last })
  if (first > 0) return [span]
  // Words stand behind the databases of the first slot.
  const words = Tuple.successor(bytesOf(Spaces.keyOf("redis", [0])))!
  return [{ from: span.from, to: databasesKey }, ...(last > 0 ? [{ from: words, to: span.to }] : [])]
}
