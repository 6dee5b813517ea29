/**
 * Places: what else lies in Redis's space of the keyspace beside keys of databases. Words stand there where those have the number of a database, behind
 * the first slot: `owner`, who has the data; `databases`, what SWAPDB has done; `record`, what has changed and is not among the keys yet, by its number and its pieces' numbers; `member`, which nodes
 * live, by their numbers.
 */
import { assert } from "#base/Assert.ts"
import type { Span } from "#keyspace/Request.ts"
import * as Spaces from "#keyspace/Spaces.ts"
import { Unencodable } from "#keyspace/TupleError.ts"
import { TupleReader } from "#keyspace/TupleReader.ts"

const bytesOf = <A>(made: A | Unencodable): A => {
  assert(!(made instanceof Unencodable), "numbers and words have bytes")
  return made
}

export const ownerKey: Uint8Array = bytesOf(Spaces.keyOf("redis", [0, "owner"]))

/** Which database has which number: a byte each. Absent: as they were made. */
export const databasesKey: Uint8Array = bytesOf(Spaces.keyOf("redis", [0, "databases"]))

export const recordKey = (number: number, piece: number): Uint8Array =>
  bytesOf(Spaces.keyOf("redis", [0, "record", number, piece]))

/** Of the key of a piece of a record: the numbers of both. */
export const pieceOf = (key: Uint8Array): { readonly number: number; readonly piece: number } => {
  const reader = new TupleReader(key, Spaces.prefixOf("redis").length)
  reader.next()
  reader.next()
  const number = reader.next()
  const piece = reader.next()
  assert(typeof number === "number" && typeof piece === "number", "a record and its pieces have numbers")
  return { number, piece }
}

export const records: Span = bytesOf(Spaces.rangeOf("redis", [0, "record"]))

/** Where a node says that it lives, and where its door is. */
export const memberKey = (node: number): Uint8Array => bytesOf(Spaces.keyOf("redis", [0, "member", node]))

export const members: Span = bytesOf(Spaces.rangeOf("redis", [0, "member"]))

/** Everything. */
export const all: Span = Spaces.spanOf("redis")
