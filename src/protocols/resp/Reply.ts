/**
 * Reply: what a client is sent, written as protocol 2 or 3 asks for: each method is one value, and a value of many is opened with their number
 * and followed by them. Text has one char a byte.
 *
 * Promises: `take` gives the bytes since the last `take`, and they are changed by nobody, unless who has them says that nobody needs them
 * (`reuse`). Memory is taken when something is written and given back by `take`: an idle client has none. Everything is written where it stays:
 * a reply that is sent at once allocates nothing.
 *
 * Source: the RESP2 and RESP3 specifications, and networking.c of Redis 7.0 for what protocol 2 gets in place of 3's types.
 */
import * as Latin1 from "#base/Latin1.ts"
import * as Doubles from "./Doubles.ts"

/** Replies lie one behind the other in a slab, which lives as long as one of them does. */
const slabBytes = 65_536
/** A slab with less left is not used for another reply. */
const firstBytes = 1_024
const pooledMax = 64

interface Slab {
  readonly bytes: Uint8Array
  /** Up to here somebody has it. */
  used: number
}

const pool: Array<Slab> = []

/** What was taken last, and where it lies. */
interface Taken {
  readonly bytes: Uint8Array
  readonly from: number
  readonly to: number
  /** undefined: memory of its own, which is `all`. */
  readonly slab: Slab | undefined
  readonly all: Uint8Array
}

let last: Taken | undefined
/** Memory of a large reply, for the next one. */
let spare: Uint8Array | undefined
const spareBytesMax = 1_048_576

const nothing: Uint8Array = new Uint8Array(0)

/** The bytes that were taken last are needed by nobody: what is written next may lie there. */
export const reuse = (bytes: Uint8Array): void => {
  if (last?.bytes !== bytes) return
  const { all, from, slab, to } = last
  last = undefined
  if (slab === undefined) spare = all
  else if (slab.used === roundUp(to)) {
    const wasFull = slab.used + firstBytes > slabBytes
    slab.used = from
    if (wasFull && pool.length < pooledMax) pool.push(slab)
  }
}

/** So that replies begin at whole words. */
const roundUp = (at: number): number => (at + 7) & ~7

const zero = 0x30
const carriageReturn = 0x0d
const lineFeed = 0x0a
const plus = 0x2b
const minus = 0x2d
const colon = 0x3a
const dollar = 0x24
const star = 0x2a

/** A type's mark, a number of at most 20 chars, and the end of the line. */
const headBytesMax = 23

const lineEnds = /[\r\n]/g

const spared = (sizeBytes: number): Uint8Array | undefined => {
  if (spare === undefined || spare.length < sizeBytes) return undefined
  const memory = spare
  spare = undefined
  return memory
}

export class Reply {
  /** What the client understands. */
  protocol: 2 | 3 = 2
  private slab: Slab | undefined
  private bytes = nothing
  private from = 0
  /** Where the next byte goes. */
  private to = 0

  /** Bytes that were written and not taken. */
  get sizeBytes(): number {
    return this.to - this.from
  }

  /** A place to which `rewind` goes back. */
  mark(): number {
    return this.to - this.from
  }

  /** Forgets everything behind the mark. */
  rewind(mark: number): void {
    this.to = this.from + mark
  }

  /** Everything written; undefined: nothing. What it is cut from is shared: never use its `buffer`. */
  take(): Uint8Array | undefined {
    const { bytes, from, slab, to } = this
    if (slab !== undefined) {
      slab.used = roundUp(to)
      if (slab.used + firstBytes <= slabBytes && pool.length < pooledMax) pool.push(slab)
      this.slab = undefined
    }
    this.bytes = nothing
    this.from = this.to = 0
    if (to === from) return undefined
    const taken = bytes.subarray(from, to)
    last = bytes.length > spareBytesMax ? undefined : { bytes: taken, from, to, slab, all: bytes }
    return taken
  }

  /** `+OK`. */
  ok(): void {
    const at = this.room(5)
    const { bytes } = this
    bytes[at] = plus
    bytes[at + 1] = 0x4f
    bytes[at + 2] = 0x4b
    bytes[at + 3] = carriageReturn
    bytes[at + 4] = lineFeed
    this.to = at + 5
  }

  /** A status of one line. */
  simple(text: string): void {
    this.line(plus, text)
  }

  /** An error: a code in capitals, and what is wrong. */
  error(text: string): void {
    this.line(minus, text.replace(lineEnds, " "))
  }

  integer(value: number | bigint): void {
    if (typeof value === "number" && value >= 0 && value <= 9) {
      const at = this.room(4)
      const { bytes } = this
      bytes[at] = colon
      bytes[at + 1] = zero + value
      bytes[at + 2] = carriageReturn
      bytes[at + 3] = lineFeed
      this.to = at + 4
    } else this.head(colon, value)
  }

  /** A string of bytes; a number as its decimal digits. */
  bulk(text: string | number): void {
    if (typeof text === "number") text = String(text)
    const { length } = text
    this.head(dollar, length)
    let at = this.room(length + 2)
    at = Latin1.write(text, this.bytes, at)
    this.bytes[at] = carriageReturn
    this.bytes[at + 1] = lineFeed
    this.to = at + 2
  }

  /** A string of bytes that are no text yet, and need not become one. */
  blob(blob: Uint8Array): void {
    const { length } = blob
    this.head(dollar, length)
    const at = this.room(length + 2)
    this.bytes.set(blob, at)
    this.bytes[at + length] = carriageReturn
    this.bytes[at + length + 1] = lineFeed
    this.to = at + length + 2
  }

  /** No string; in protocol 3 nothing at all. */
  null(): void {
    this.raw(this.protocol === 2 ? "$-1\r\n" : "_\r\n")
  }

  /** No array; in protocol 3 nothing at all. */
  nullArray(): void {
    this.raw(this.protocol === 2 ? "*-1\r\n" : "_\r\n")
  }

  /** So many values follow. */
  array(count: number): void {
    this.head(star, count)
  }

  /** So many pairs of a key and a value follow. */
  map(count: number): void {
    if (this.protocol === 2) this.head(star, 2 * count)
    else this.head(0x25, count)
  }

  /** So many values follow, none twice. */
  set(count: number): void {
    this.head(this.protocol === 2 ? star : 0x7e, count)
  }

  /** A message that answers nothing; so many values follow. */
  push(count: number): void {
    this.head(this.protocol === 2 ? star : 0x3e, count)
  }

  /** So many pairs follow that say something of the value behind them. Protocol 2 has none. */
  attribute(count: number): void {
    this.head(0x7c, count)
  }

  double(value: number): void {
    const text = Doubles.format(value)
    if (this.protocol === 2) this.bulk(text)
    else this.line(0x2c, text)
  }

  boolean(value: boolean): void {
    if (this.protocol === 2) this.integer(value ? 1 : 0)
    else this.raw(value ? "#t\r\n" : "#f\r\n")
  }

  /** An integer of any size, as its digits. */
  big(digits: string): void {
    if (this.protocol === 2) this.bulk(digits)
    else this.line(0x28, digits)
  }

  /** A string for people; `format` has three chars: `txt` or `mkd`. */
  verbatim(format: string, text: string): void {
    if (this.protocol === 2) return this.bulk(text)
    this.head(0x3d, text.length + 4)
    this.raw(`${format}:`)
    this.raw(text)
    this.raw("\r\n")
  }

  /** Each text as a string. */
  bulks(texts: ReadonlyArray<string>): void {
    this.array(texts.length)
    for (const text of texts) this.bulk(text)
  }

  /** Bytes as they are. */
  raw(text: string): void {
    const at = this.room(text.length)
    this.to = Latin1.write(text, this.bytes, at)
  }

  /** Place for so many bytes more; returns where it begins. */
  private room(sizeBytes: number): number {
    if (this.to + sizeBytes > this.bytes.length) this.grow(sizeBytes)
    return this.to
  }

  private grow(sizeBytes: number): void {
    const written = this.to - this.from
    const needed = written + sizeBytes
    if (written === 0 && needed <= firstBytes && this.slab === undefined) {
      this.slab = pool.pop() ?? { bytes: Latin1.room(slabBytes), used: 0 }
      this.bytes = this.slab.bytes
      this.from = this.to = this.slab.used
      return
    }
    // Too much for a slab. What is small grows by doubling; one that is large already gets what it asks for and some more.
    const larger = spared(needed) ?? Latin1.room(Math.max(slabBytes, 2 * written, needed + firstBytes))
    larger.set(this.bytes.subarray(this.from, this.to))
    this.giveBack()
    this.bytes = larger
    this.from = 0
    this.to = written
  }

  /** Nothing of this reply stays in its slab. */
  private giveBack(): void {
    if (this.slab !== undefined && pool.length < pooledMax) pool.push(this.slab)
    this.slab = undefined
  }

  private line(mark: number, text: string): void {
    let at = this.room(text.length + 3)
    this.bytes[at] = mark
    at = Latin1.write(text, this.bytes, at + 1)
    this.bytes[at] = carriageReturn
    this.bytes[at + 1] = lineFeed
    this.to = at + 2
  }

  private head(mark: number, value: number | bigint): void {
    if (typeof value === "bigint" || value < 0 || value > 999_999_999) return this.line(mark, String(value))
    let at = this.room(headBytesMax)
    const { bytes } = this
    bytes[at++] = mark
    if (value > 9) {
      let place = at + (value < 100 ? 1 : value < 1_000 ? 2 : String(value).length - 1)
      const end = place + 1
      for (let left = value; place >= at; place--) {
        const next = (left / 10) | 0
        bytes[place] = zero + left - next * 10
        left = next
      }
      at = end
    } else bytes[at++] = zero + value
    bytes[at] = carriageReturn
    bytes[at + 1] = lineFeed
    this.to = at + 2
  }
}
