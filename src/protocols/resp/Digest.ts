/**
 * Digest: a number of 160 bits that says what data there is, whatever the order in which hashes and sets keep it: DEBUG DIGEST, to the bit what
 * 7.0.15 says of the same data (debug.c), so that two servers can be compared.
 */
import { sha1 } from "@noble/hashes/legacy.js"
import * as Hex from "#base/Hex.ts"
import * as Latin1 from "#base/Latin1.ts"
import type { Database } from "#database/redis/Database.ts"
import type { Entry } from "#database/redis/Entry.ts"
import { HashValue } from "#database/redis/HashValue.ts"
import { ListValue } from "#database/redis/ListValue.ts"
import { SetValue } from "#database/redis/SetValue.ts"
import { SortedSetValue } from "#database/redis/SortedSetValue.ts"
import * as StreamId from "#database/redis/StreamId.ts"
import { StreamValue } from "#database/redis/StreamValue.ts"
import { StringValue } from "#database/redis/StringValue.ts"
import { type Content, type Type, typeOf } from "#database/redis/Value.ts"
import * as Doubles from "./Doubles.ts"

type Bits = Uint8Array

const bytes = 20

const xor = (into: Bits, other: Bits): void => {
  for (let at = 0; at < bytes; at++) into[at] ^= other[at]
}

/** Adds something whose place among others does not matter. */
const add = (into: Bits, text: string): void => xor(into, sha1(Latin1.encode(text)))

/** Adds something behind what is there. */
const follow = (into: Bits, text: string): void => {
  add(into, text)
  into.set(sha1(into))
}

const typeCodes: Readonly<Record<Type, number>> = { string: 0, list: 1, set: 2, zset: 3, hash: 4, stream: 6 }

/** Four bytes, the highest first. */
const word = (value: number): string => String.fromCharCode(0, 0, value >>> 8, value & 0xff)

const pair = (into: Bits, ...texts: ReadonlyArray<string>): void => {
  const own = new Uint8Array(bytes)
  for (const text of texts) follow(own, text)
  xor(into, sha1(own))
}

const addContent = (into: Bits, content: Content): void => {
  if (typeof content !== "object") follow(into, String(content))
  else if (content instanceof StringValue) follow(into, content.text())
  else if (content instanceof ListValue) content.each(0, content.size, (item) => follow(into, item))
  else if (content instanceof SetValue) for (const member of content.list()) add(into, member)
  else if (content instanceof HashValue) for (const [field, value] of content.fields) pair(into, field, value)
  else if (content instanceof SortedSetValue) {
    content.visit(0, content.size, false, (member, score) => pair(into, member, Doubles.format(score)))
  } else if (content instanceof StreamValue) {
    content.each(StreamId.zero, StreamId.max, (id, fields) => {
      follow(into, StreamId.format(id).replace("-", "."))
      for (const text of fields) follow(into, text)
    })
  }
}

const addTo = (into: Bits, { content, expiresAt }: Entry): void => {
  follow(into, word(typeCodes[typeOf(content)]))
  addContent(into, content)
  if (expiresAt !== 0) add(into, "!!expire!!")
}

/** Of a key's value alone; of nothing: zeros. */
export const ofValue = (entry: Entry | undefined): string => {
  const digest = new Uint8Array(bytes)
  if (entry !== undefined) addTo(digest, entry)
  return Hex.of(digest)
}

/** Of everything in all databases. */
export const ofAll = (databases: ReadonlyArray<Database>): string => {
  const digest = new Uint8Array(bytes)
  for (const [number, database] of databases.entries()) {
    if (database.size === 0) continue
    follow(digest, word(number))
    database.each((entry) => {
      const own = new Uint8Array(bytes)
      follow(own, entry.name)
      addTo(own, entry)
      xor(digest, sha1(own))
    })
  }
  return Hex.of(digest)
}
