/**
 * Meta: what the cluster knows of itself, as keys of the system's range, and the rules about it, pure.
 *
 * | key                | value                                                                     |
 * | ------------------ | ------------------------------------------------------------------------- |
 * | 1, `from`          | the location of the range that has the keys from `from` on                |
 * | 2, 1               | the highest number that a range was given                                 |
 * | 2, 2               | what no timestamp is above that was given out (`Oracle.ts`)               |
 *
 * Every value begins with a version (1); `docs/formats.md` has the bytes. A location is what a range said of itself last. It is a hint: a range alone
 * knows what it has, and a router that was sent astray asks again.
 *
 * How the leaseholder evaluates:
 * - `locate`: read the last entry of `below(key)`, give its value to `located`.
 * - `publish`: read the last entry of `below(from)` and all of `within(descriptor)`, decode both, give them to `publish`, and write the mutations.
 *   Undefined: something newer is known; the answer is `done` all the same.
 * - `number-range`: read `numberKey`, give its value to `nextNumber`, and write the mutation before the answer.
 */
import { assert } from "#base/Assert.ts"
import { Writer } from "#base/Bytes.ts"
import type { GroupId } from "#consensus/Replica.ts"
import * as Keys from "#storage/Keys.ts"
import { firstRange, type Location } from "./Descriptor.ts"
import * as Fields from "./Fields.ts"
import type { Mutation, Span, Timestamp } from "./Request.ts"

const version = 1
const locations = 1
const counters = 2

export const numberKey: Uint8Array = Uint8Array.of(counters, 1)
export const boundKey: Uint8Array = Uint8Array.of(counters, 2)

export const locationKey = (from: Uint8Array): Uint8Array => {
  const key = new Uint8Array(1 + from.length)
  key[0] = locations
  key.set(from, 1)
  return key
}

/** Where the locations of ranges lie that begin at `key` or before it. */
export const below = (key: Uint8Array): Span => ({
  from: locationKey(new Uint8Array(0)),
  to: Keys.after(locationKey(key))
})

/** Where the locations of ranges lie that begin behind a range's first key. */
export const within = ({ from, to }: Span): Span => ({ from: Keys.after(locationKey(from)), to: locationKey(to) })

const of = (put: (writer: Writer) => void): Uint8Array => {
  const writer = Writer.make().u8(version)
  put(writer)
  return writer.finish()
}

const read = <A>(value: Uint8Array, from: (cursor: Fields.Cursor) => A): A => {
  const cursor = new Fields.Cursor(value)
  assert(cursor.byte() === version, "the system's keys have a version that this program knows")
  const found = from(cursor)
  assert(cursor.problem === undefined && cursor.isAtEnd, "the system's keys can be read")
  return found
}

export const encodeLocation = (location: Location): Uint8Array => of((writer) => Fields.putLocation(writer, location))

export const decodeLocation = (value: Uint8Array): Location => read(value, Fields.readLocation)

/** Of range numbers, and of timestamps. */
export const encodeNumber = (value: number): Uint8Array => of((writer) => Fields.putNumber(writer, value))

export const decodeNumber = (value: Uint8Array): number => read(value, (cursor) => cursor.number())

/** Who has a key, by the last location that begins at it or before it. */
export const located = (value: Uint8Array | undefined, key: Uint8Array): Location | undefined => {
  const location = value === undefined ? undefined : decodeLocation(value)
  return location !== undefined && Keys.compare(key, location.descriptor.to) < 0 ? location : undefined
}

const overlaps = (one: Span, other: Span): boolean =>
  Keys.compare(one.from, other.to) < 0 && Keys.compare(other.from, one.to) < 0

/**
 * Whether what is said of a range is news, beside others that are known: undefined, something newer is known; else those that it replaces. For
 * any key, the generation of the range that has it rises with each split and merge: so of two that contradict each other one is older.
 */
export const replaced = (
  known: ReadonlyArray<Location>,
  { descriptor }: Location
): ReadonlyArray<Location> | undefined => {
  const { generation, range } = descriptor
  const over = known.filter((each) => overlaps(each.descriptor, descriptor))
  const isOld = ({ descriptor: other }: Location): boolean =>
    other.generation > generation || (other.generation === generation && other.range !== range)
  return over.some(isOld) ? undefined : over
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean => Keys.compare(one, other) === 0

/** What to write where a range says where it is; undefined: nothing, something newer is known. */
export const publish = (known: ReadonlyArray<Location>, location: Location): ReadonlyArray<Mutation> | undefined => {
  const over = replaced(known, location)
  if (over === undefined) return undefined
  const { from } = location.descriptor
  const value = encodeLocation(location)
  const mutations: Array<Mutation> = over
    .filter(({ descriptor }) => !isSame(descriptor.from, from))
    .map(({ descriptor }) => ({ key: locationKey(descriptor.from), value: undefined }))
  const present = over.find(({ descriptor }) => isSame(descriptor.from, from))
  // What is said again is not written again.
  if (present === undefined || !isSame(encodeLocation(present), value))
    mutations.push({ key: locationKey(from), value })
  return mutations
}

export interface Numbered {
  readonly range: GroupId
  readonly mutation: Mutation
}

/** A number that no range had: by what lies at `numberKey`. */
export const nextNumber = (value: Uint8Array | undefined): Numbered => {
  const range = (value === undefined ? firstRange : decodeNumber(value)) + 1
  return { range, mutation: { key: numberKey, value: encodeNumber(range) } }
}

/** By what lies at `boundKey`. */
export const bound = (value: Uint8Array | undefined): Timestamp => (value === undefined ? 0 : decodeNumber(value))
