/** SagaKeys: where in their space sagas have what. `docs/formats.md` has the table. */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import type { Span } from "#keyspace/Request.ts"
import * as Spaces from "#keyspace/Spaces.ts"
import * as Tuple from "#keyspace/Tuple.ts"
import type { Tuple as Elements } from "#keyspace/TupleElement.ts"
import { Malformed, Unencodable } from "#keyspace/TupleError.ts"
import type { Status } from "./SagaCore.ts"
import { statuses } from "./SagaEntry.ts"

export const tags = { record: 1, entry: 2, due: 3, status: 4, effect: 5, ended: 6 } as const

const encoder = new TextEncoder()

/** What is wrong with an id; undefined: nothing. */
export const objection = (id: string): string | undefined => {
  if (id === "" || !id.isWellFormed()) return "a saga's id is a text of one character at least"
  const size = id.length > Limits.sagaIdBytesMax ? id.length : encoder.encode(id).length
  return size > Limits.sagaIdBytesMax ? `a saga's id has ${Limits.sagaIdBytesMax} bytes at most` : undefined
}

const keyOf = (tuple: Elements): Uint8Array => {
  const key = Spaces.keyOf("sagas", tuple)
  assert(!(key instanceof Unencodable), "ids are looked at where they come in")
  return key
}

const rangeOf = (tuple: Elements): Span => {
  const range = Spaces.rangeOf("sagas", tuple)
  assert(!(range instanceof Unencodable), "ids are looked at where they come in")
  return range
}

export const record = (id: string): Uint8Array => keyOf([tags.record, id])

export const entry = (id: string, number: number): Uint8Array => keyOf([tags.entry, id, number])

/** From this entry on. */
export const entriesFrom = (id: string, number: number): Span => ({
  from: entry(id, number),
  to: rangeOf([tags.entry, id]).to
})

export const due = (at: number, id: string): Uint8Array => keyOf([tags.due, at, id])

/** All that became due at `from` or later, and are at `at`. */
export const dueWithin = (from: number, at: number): Span => ({
  from: keyOf([tags.due, from]),
  to: keyOf([tags.due, at + 1])
})

export const ended = (at: number, id: string): Uint8Array => keyOf([tags.ended, at, id])

/** All that ended up to `at`; `after`: behind this key. */
export const endedUpTo = (at: number, after: Uint8Array | undefined): Span => ({
  from: after === undefined ? keyOf([tags.ended, 0]) : Tuple.successor(after)!,
  to: keyOf([tags.ended, at + 1])
})

/** When the saga of a key in `due` is due, or that of one in `ended` has ended. */
export const timeOf = (key: Uint8Array): number => {
  const tuple = Tuple.decode(key, 1)
  const at = tuple instanceof Malformed ? undefined : tuple[1]
  assert(typeof at === "number", "the keys of indexes by time begin with it")
  return at
}

export const status = (of: Status, id: string): Uint8Array => keyOf([tags.status, statuses.indexOf(of) + 1, id])

/** All with this status; `after`: behind this id. */
export const withStatus = (of: Status, after: string | undefined): Span => {
  const all = rangeOf([tags.status, statuses.indexOf(of) + 1])
  return after === undefined ? all : { from: Tuple.successor(status(of, after))!, to: all.to }
}

export const effect = (participant: string, key: string): Uint8Array => keyOf([tags.effect, participant, key])

/** The id that a key of `due`, `status` or `ended` ends with. */
export const idOf = (key: Uint8Array): string => {
  const tuple = Tuple.decode(key, 1)
  const id = tuple instanceof Malformed ? undefined : tuple[2]
  assert(typeof id === "string", "the keys of a saga's indexes end with its id")
  return id
}
