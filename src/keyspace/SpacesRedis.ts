/**
 * SpacesRedis: keys of Redis in the keyspace: the tuple (slot, database, key), and whatever the model puts behind it. The slot comes first, so
 * that a slot, with all databases in it, is one span, and moves as one.
 *
 * Slots are those of the Redis Cluster specification (redis.io, "Key distribution model", "Hash tags"): CRC-16/XMODEM of the key, or of
 * what stands between its first `{` and the first `}` behind that, if anything does, modulo 16,384.
 */
import { assert } from "#base/Assert.ts"
import * as Latin1 from "#base/Latin1.ts"
import type { Span } from "./Request.ts"
import * as Spaces from "./Spaces.ts"
import * as Keys from "#storage/Keys.ts"
import * as Tuple from "./Tuple.ts"
import { Unencodable } from "./TupleError.ts"
import { TupleReader } from "./TupleReader.ts"
import { TupleWriter } from "./TupleWriter.ts"

export const slots = 16_384
export const databases = 16

const openBrace = 0x7b
const closeBrace = 0x7d

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
  return crc
})

/** CRC-16/XMODEM of the bytes in [from, to): polynomial 0x1021, beginning with 0; check value of "123456789": 31c3. */
export const crc16 = (bytes: Uint8Array, from = 0, to = bytes.length): number => {
  let crc = 0
  for (let i = from; i < to; i++) crc = ((crc << 8) & 0xffff) ^ table[(crc >>> 8) ^ bytes[i]]
  return crc
}

/** The slot of a key. */
export const slotOf = (key: Uint8Array): number => {
  const open = key.indexOf(openBrace)
  const close = open < 0 ? -1 : key.indexOf(closeBrace, open + 1)
  return (close > open + 1 ? crc16(key, open + 1, close) : crc16(key)) % slots
}

/** Where the bytes of most keys are looked at: this is asked for each key of each command. */
const scratch = new Uint8Array(1_024)

/** The slot of a key as text with one char a byte. Allocates nothing for a key that is not long. */
export const slotOfText = (key: string): number => {
  const { length } = key
  if (length > scratch.length) return slotOf(Latin1.encode(key))
  const open = key.indexOf("{")
  const close = open < 0 ? -1 : key.indexOf("}", open + 1)
  Latin1.write(key, scratch, 0)
  return (close > open + 1 ? crc16(scratch, open + 1, close) : crc16(scratch, 0, length)) % slots
}

const writer = new TupleWriter()

/** Where the key of a database is: what belongs to it has keys that begin with this one. */
export const keyOf = (database: number, key: Uint8Array): Uint8Array | Unencodable => {
  assert(Number.isInteger(database) && database >= 0 && database < databases, "databases are 0 to 15")
  return writer.raw(Spaces.prefixOf("redis")).integer(slotOf(key)).integer(database).byteString(key).finish()
}

/** All keys of the slots from `first` to `last`, both included. */
export const spanOfSlots = ({ first, last }: { readonly first: number; readonly last: number }): Span => {
  assert(Number.isInteger(first) && Number.isInteger(last), "slots have whole numbers")
  assert(first >= 0 && first <= last && last < slots, "slots are 0 to 16,383")
  const [from, end] = [first, last].map((slot) => Spaces.keyOf("redis", [slot]))
  assert(!(from instanceof Unencodable) && !(end instanceof Unencodable), "small integers have bytes")
  return { from, to: Tuple.successor(end)! }
}

const bytesOf = (made: Uint8Array | Unencodable): Uint8Array => {
  assert(!(made instanceof Unencodable), "words have bytes")
  return made
}

const only = bytesOf(Spaces.keyOf("redis", [0, "record"]))
const stream = bytesOf(Spaces.keyOf("redis", [0, "stream"]))

/**
 * Who has the data, and what was changed last (`database/redis/Places.ts`): written by one transaction each time, which takes one round as long as
 * all of it is in one range. So no range is split behind the first of these keys and before the end of them.
 */
const journal: Span = {
  from: bytesOf(Spaces.keyOf("redis", [0, "databases"])),
  to: Tuple.successor(stream)!
}

export const isWithinJournal = (key: Uint8Array): boolean =>
  Keys.compare(key, journal.from) > 0 && Keys.compare(key, journal.to) < 0

const begins = (key: Uint8Array, word: Uint8Array): boolean => {
  if (key.length <= word.length) return false
  for (let i = word.length - 1; i >= 0; i--) if (key[i] !== word[i]) return false
  return true
}

/**
 * A record of changes: written once, read by who has it alone, and deleted. As an older version of the key, for a time at which nobody reads, all
 * of it would be written again.
 */
export const isRecord = (key: Uint8Array): boolean => begins(key, only) || begins(key, stream)

/** Behind all records of the stream that this one is of. */
export const afterStream = (record: Uint8Array): Uint8Array => {
  if (begins(record, only)) return Tuple.successor(only)!
  const reader = new TupleReader(record, stream.length)
  reader.next()
  return Tuple.successor(record.slice(0, reader.offsetBytes))!
}
