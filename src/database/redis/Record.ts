/**
 * Record: the changes of a batch as one value, in the words of Redis: keys, what they hold, elements. What becomes of them in the keyspace (`Stored`) is
 * made when they are folded among its keys: most are changed again before, and cost nothing then.
 *
 *   u8 version, then any number of
 *   0 key        u8 database, text name: what follows is about it
 *   1 elements   f64 generation: of the elements that follow
 *   2 put        text sub, text bytes
 *   3 remove     text sub
 *   4 head       u8 type (+ flags), f64 when it expires (with its flag), f64 generation (with its flag), text head
 *   5 gone
 *   6 databases  text: a byte each
 *
 * A text is its length (LEB128) and its bytes. The last that a record says of something counts.
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import * as Latin1 from "#base/Latin1.ts"
import type { Mutation } from "#keyspace/Request.ts"
import * as Places from "./Places.ts"
import * as Stored from "./Stored.ts"

const version = 2

export const Kind = { key: 0, elements: 1, put: 2, remove: 3, head: 4, gone: 5, databases: 6 } as const

const typeMask = 7
const hasExpiry = 8
const hasGeneration = 16
const isInline = 32

/** A longer record is stored in pieces of this size: half of what the keyspace takes as a value. */
export const pieceBytes = 524_288

export const piecesIn = (sizeBytes: number): number => Math.ceil(sizeBytes / pieceBytes)

/** Of all that stands before a text. */
const fixedBytesMax = 32
const firstBytes = 4_096
/** Larger records grow by a quarter: what they leave unused keeps the garbage collector busy. */
const largeBytes = 65_536

/** A record without changes. */
export const empty: Uint8Array = Uint8Array.of(version)

export const isEmpty = (record: Uint8Array): boolean => record.length === empty.length

/** Writes a record. */
export class Builder {
  private bytes: Uint8Array<ArrayBuffer>
  private length = 0

  /** `expectedBytes`: it may become larger. */
  constructor(expectedBytes = 0) {
    this.bytes = Latin1.room(Math.ceil(1.1 * expectedBytes) + firstBytes)
    this.bytes[this.length++] = version
  }

  key(database: number, name: string): void {
    let at = this.room(name.length)
    this.bytes[at++] = Kind.key
    this.bytes[at++] = database
    this.text(at, name)
  }

  elements(generation: number): void {
    const at = this.room(0)
    this.bytes[at] = Kind.elements
    Bytes.putF64(this.bytes, at + 1, generation)
    this.length = at + 9
  }

  put(sub: string, content: string): void {
    const at = this.room(sub.length + content.length)
    this.bytes[at] = Kind.put
    this.text(this.text(at + 1, sub), content)
  }

  remove(sub: string): void {
    const at = this.room(sub.length)
    this.bytes[at] = Kind.remove
    this.text(at + 1, sub)
  }

  head(type: number, expiresAt: number, generation: number, inline: boolean, head: string): void {
    let at = this.room(head.length)
    const { bytes } = this
    bytes[at] = Kind.head
    bytes[at + 1] =
      type | (expiresAt === 0 ? 0 : hasExpiry) | (generation === 0 ? 0 : hasGeneration) | (inline ? isInline : 0)
    at += 2
    if (expiresAt !== 0) {
      Bytes.putF64(bytes, at, expiresAt)
      at += 8
    }
    if (generation !== 0) {
      Bytes.putF64(bytes, at, generation)
      at += 8
    }
    this.text(at, head)
  }

  gone(): void {
    const at = this.room(0)
    this.bytes[at] = Kind.gone
    this.length = at + 1
  }

  databases(numbers: ReadonlyArray<number>): void {
    const at = this.room(numbers.length)
    this.bytes[at] = Kind.databases
    this.text(at + 1, String.fromCharCode(...numbers))
  }

  /** undefined: there are no changes. */
  finish(): Uint8Array | undefined {
    return this.length === 1 ? undefined : new Uint8Array(this.bytes.buffer, 0, this.length)
  }

  /** Where the next byte goes, with room for texts of so many bytes and what stands before them. */
  private room(textBytes: number): number {
    const needed = this.length + textBytes + fixedBytesMax
    if (needed > this.bytes.length) {
      const larger = Latin1.room(needed > largeBytes ? needed + (needed >> 2) : 2 * needed)
      larger.set(this.bytes.subarray(0, this.length))
      this.bytes = larger
    }
    return this.length
  }

  private text(at: number, text: string): number {
    const { bytes } = this
    let { length } = text
    while (length > 127) {
      bytes[at++] = (length & 127) | 128
      length >>>= 7
    }
    bytes[at++] = length
    this.length = Latin1.write(text, bytes, at)
    return this.length
  }
}

/** Goes through the changes of a record. */
export class Cursor {
  private readonly bytes: Uint8Array
  private at = 1
  /** What the change is: a `Kind`. */
  kind: number = Kind.gone
  /** Of the key that changes are about. */
  database = 0
  name = ""
  /** Of the elements. */
  generation = 0
  /** The element that changes. */
  sub = ""
  /** Of the last text, which is read when it is needed. */
  private from = 0
  private to = 0
  /** Of the last head, in milliseconds of the wall clock; 0: never. */
  expiresAt = 0
  private flags = 0
  private headGeneration = 0

  constructor(bytes: Uint8Array) {
    assert(bytes[0] === version, "this version knows the form of a record")
    this.bytes = bytes
  }

  /** To the next change; false: there are no more. */
  next(): boolean {
    const { bytes } = this
    while (this.at < bytes.length) {
      this.kind = bytes[this.at++]
      switch (this.kind) {
        case Kind.key:
          this.database = bytes[this.at++]
          this.name = this.text()
          break
        case Kind.elements:
          this.generation = this.f64()
          break
        case Kind.put:
          this.sub = this.text()
          this.skip()
          return true
        case Kind.remove:
          this.sub = this.text()
          return true
        case Kind.head:
          this.flags = bytes[this.at++]
          this.expiresAt = (this.flags & hasExpiry) === 0 ? 0 : this.f64()
          this.headGeneration = (this.flags & hasGeneration) === 0 ? 0 : this.f64()
          this.skip()
          return true
        case Kind.gone:
          return true
        default:
          assert(this.kind === Kind.databases, "a record is whole")
          this.skip()
          return true
      }
    }
    assert(this.at === bytes.length, "a record is whole")
    return false
  }

  /** It is a change of the key itself, not of an element. */
  get isOfKey(): boolean {
    return this.kind === Kind.head || this.kind === Kind.gone
  }

  /** It is a head with all that the key holds, and there are no elements. */
  get isAll(): boolean {
    return this.kind === Kind.head && (this.flags & isInline) !== 0 && this.headGeneration === 0
  }

  /** Of what this change is: two changes with one are of the same. */
  get id(): string {
    switch (this.kind) {
      case Kind.databases:
        return ""
      case Kind.put:
      case Kind.remove:
        return `e${this.database} ${this.generation} ${this.name.length} ${this.name}${this.sub}`
      default:
        return `k${this.database} ${this.name}`
    }
  }

  /** What it is in the keyspace. */
  get mutation(): Mutation {
    const { database, name, sub } = this
    switch (this.kind) {
      case Kind.databases:
        return { key: Places.databasesKey, value: Latin1.encode(this.content()) }
      case Kind.put:
        return { key: this.elementKey(), value: Stored.encodeElement(sub, this.content()) }
      case Kind.remove:
        return { key: this.elementKey(), value: undefined }
      case Kind.head:
        return { key: Stored.keyOf(database, name), value: Stored.encodeHead(name, this.head()) }
      default:
        return { key: Stored.keyOf(database, name), value: undefined }
    }
  }

  private elementKey(): Uint8Array {
    return Stored.elementKey(Stored.elementsOf(this.database, this.name, this.generation), this.sub)
  }

  /** What a put says of its element, a head of its key, or `databases`. */
  content(): string {
    return Latin1.decode(this.bytes, this.from, this.to)
  }

  /** What a head says of its key. */
  head(): Stored.Head {
    const { expiresAt, flags, headGeneration: generation } = this
    const type = Stored.types[flags & typeMask]
    return { type, expiresAt, generation, isInline: (flags & isInline) !== 0, head: this.content() }
  }

  private f64(): number {
    const at = this.at
    this.at = at + 8
    return Bytes.getF64(this.bytes, at)
  }

  private skip(): void {
    const { bytes } = this
    let length = 0
    let scale = 1
    for (;;) {
      const byte = bytes[this.at++]
      length += (byte & 127) * scale
      if (byte < 128) break
      scale *= 128
    }
    this.from = this.at
    this.to = this.at + length
    this.at = this.to
  }

  private text(): string {
    this.skip()
    return this.content()
  }
}

/** The changes of a record as several, each of the keys that have this number. */
export const split = (record: Uint8Array, numberOf: (name: string) => number): ReadonlyMap<number, Uint8Array> => {
  const builders = new Map<number, Builder>()
  const cursor = new Cursor(record)
  while (cursor.next()) {
    const { database, kind, name, sub } = cursor
    const number = numberOf(name)
    let builder = builders.get(number)
    if (builder === undefined) builders.set(number, (builder = new Builder()))
    builder.key(database, name)
    if (kind === Kind.put || kind === Kind.remove) builder.elements(cursor.generation)
    if (kind === Kind.put) builder.put(sub, cursor.content())
    else if (kind === Kind.remove) builder.remove(sub)
    else if (kind === Kind.gone) builder.gone()
    else {
      assert(kind === Kind.head, "what is split tells of keys alone")
      const { expiresAt, generation, head, isInline: inline, type } = cursor.head()
      builder.head(Stored.types.indexOf(type), expiresAt, generation, inline, head)
    }
  }
  return new Map([...builders].map(([number, builder]) => [number, builder.finish()!]))
}

/** A record; undefined where it is not all there, and does not count. */
type Collected = (number: number, record: Uint8Array | undefined) => void

/**
 * Puts records together from their pieces, which come in order. The first piece is stored last and deleted first: a record without it was never
 * acknowledged, or is folded already.
 */
export class Collecting {
  private pieces: Array<Uint8Array> = []
  private number = 0
  private isWhole = false
  private readonly collected: Collected

  constructor(collected: Collected) {
    this.collected = collected
  }

  take(number: number, piece: number, bytes: Uint8Array): void {
    if (number !== this.number) {
      this.finish()
      this.isWhole = piece === 0
    }
    this.number = number
    this.pieces.push(bytes)
  }

  /** There are no more. */
  finish(): void {
    const { pieces } = this
    if (pieces.length === 0) return
    this.pieces = []
    this.collected(this.number, this.isWhole ? Bytes.concat(pieces) : undefined)
  }
}
