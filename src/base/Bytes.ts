/**
 * Bytes: a writer and a reader of small binary messages, little-endian. The reader never throws: past the end it gives
 * zeros and remembers, so that a decoder checks `isWhole` once, at its end.
 *
 * Both are on hot paths. Writers are pooled, because a typed array and its view cost more than the message that they are made
 * for; `finish` copies out exactly what was written. Numbers are read byte by byte: a `DataView` a message costs 100 ns.
 *
 * Memory for short byte strings comes from `allocate`: up to 64 bytes V8 keeps a typed array in its own heap (70 ns); above,
 * one of its own costs 500 ns and a visit of the garbage collector, a stretch of a shared slab 70 ns.
 */
const encoder = new TextEncoder()
const decoder = new TextDecoder()

const double = new Float64Array(1)
const doubleBytes = new Uint8Array(double.buffer)

const heapBytesMax = 64
const slabBytes = 65_536
/** Larger ones get memory of their own: a slab lives as long as its last stretch. */
const sharedBytesMax = 4_096
let slab = new ArrayBuffer(0)
let slabUsed = 0

/** `sizeBytes` bytes with anything in them. What they are cut from may be shared: never use their `buffer`. */
export const allocate = (sizeBytes: number): Uint8Array => {
  if (sizeBytes <= heapBytesMax || sizeBytes > sharedBytesMax) return new Uint8Array(sizeBytes)
  if (slabUsed + sizeBytes > slab.byteLength) {
    slab = new ArrayBuffer(slabBytes)
    slabUsed = 0
  }
  const bytes = new Uint8Array(slab, slabUsed, sizeBytes)
  // Rounded up, so that stretches begin at whole words.
  slabUsed += (sizeBytes + 7) & ~7
  return bytes
}

/** A copy of the bytes from `from` up to, without, `to`. */
export const copy = (bytes: Uint8Array, from = 0, to = bytes.length): Uint8Array => {
  const length = to - from
  if (length <= heapBytesMax || length > sharedBytesMax) return bytes.slice(from, to)
  const copied = allocate(length)
  for (let i = 0; i < length; i++) copied[i] = bytes[from + i]
  return copied
}

/** All of them, one behind the other; a single one as it is. */
export const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  if (parts.length === 1) return parts[0]
  let sizeBytes = 0
  for (const part of parts) sizeBytes += part.length
  const bytes = new Uint8Array(sizeBytes)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** Puts an integer in [0, 2^32) where there is room for it already. */
export const putU32 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

/** The integer in [0, 2^32) that lies there. */
export const getU32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0

/** Puts any number where there is room for its 64 bits. */
export const putF64 = (bytes: Uint8Array, at: number, value: number): void => {
  double[0] = value
  for (let i = 0; i < 8; i++) bytes[at + i] = doubleBytes[i]
}

/** The number whose 64 bits lie there. */
export const getF64 = (bytes: Uint8Array, at: number): number => {
  for (let i = 0; i < 8; i++) doubleBytes[i] = bytes[at + i]
  return double[0]
}

/** Above this many bytes a call to `set` is faster than a loop. */
const loopBytesMax = 64

/** Behind a long stretch. */
const slackBytes = 1_024
/** A writer begins a message only where at least this much of its slab is left. */
const firstBytes = 256
/** Writers that wait for their next message. */
const pooledMax = 64
const pool: Array<Writer> = []

export class Writer {
  /** Messages lie one behind the other in the writer's slab: a finished one is a stretch of it, not a copy. */
  private bytes = new Uint8Array(slabBytes)
  private from = 0
  /** Where the next byte goes. */
  private length = 0

  /** An empty writer. It goes back to the pool with `finish`, and must not be used after that. */
  static make(): Writer {
    return pool.pop() ?? new Writer()
  }

  /** Room for so many bytes more; returns where the next one goes. */
  private grow(sizeBytes: number): number {
    const written = this.bytes.subarray(this.from, this.length)
    // What is longer than all before is mostly the last: it needs no room for more of its kind.
    const needed = written.length + sizeBytes
    const room = sizeBytes > written.length ? needed + slackBytes : 2 * needed
    const larger = new Uint8Array(Math.max(slabBytes, room))
    larger.set(written)
    this.bytes = larger
    this.from = 0
    this.length = written.length
    return written.length
  }

  /** An integer in [0, 2^8). */
  u8(value: number): this {
    let at = this.length
    if (at === this.bytes.length) at = this.grow(1)
    this.bytes[at] = value
    this.length = at + 1
    return this
  }

  /** An integer in [0, 2^32). */
  u32(value: number): this {
    let at = this.length
    if (at + 4 > this.bytes.length) at = this.grow(4)
    putU32(this.bytes, at, value)
    this.length = at + 4
    return this
  }

  /** Any number, by its 64 bits. */
  f64(value: number): this {
    let at = this.length
    if (at + 8 > this.bytes.length) at = this.grow(8)
    putF64(this.bytes, at, value)
    this.length = at + 8
    return this
  }

  raw(bytes: Uint8Array): this {
    let at = this.length
    const { length } = bytes
    if (at + length > this.bytes.length) at = this.grow(length)
    if (length > loopBytesMax) this.bytes.set(bytes, at)
    else for (let i = 0; i < length; i++) this.bytes[at + i] = bytes[i]
    this.length = at + length
    return this
  }

  /** A length of four bytes, then the text as UTF-8. */
  text(text: string): this {
    const bytes = encoder.encode(text)
    return this.u32(bytes.length).raw(bytes)
  }

  get sizeBytes(): number {
    return this.length - this.from
  }

  /** What was written. It is the receiver's; what it is cut from is shared: never use its `buffer`. */
  finish(): Uint8Array {
    const { bytes, from, length } = this
    const written = new Uint8Array(bytes.buffer, from, length - from)
    // Rounded up, so that messages begin at whole words.
    const next = (length + 7) & ~7
    if (next + firstBytes > slabBytes) this.bytes = new Uint8Array(slabBytes)
    this.from = next + firstBytes > slabBytes ? 0 : next
    this.length = this.from
    if (pool.length < pooledMax) pool.push(this)
    return written
  }
}

export class Reader {
  private readonly bytes: Uint8Array
  private at = 0
  private overrun = false

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** Where the next `sizeBytes` begin; -1: they are not there. */
  private take(sizeBytes: number): number {
    const at = this.at
    if (at + sizeBytes > this.bytes.length) {
      this.overrun = true
      return -1
    }
    this.at = at + sizeBytes
    return at
  }

  u8(): number {
    const at = this.take(1)
    return at < 0 ? 0 : this.bytes[at]
  }

  u32(): number {
    const at = this.take(4)
    return at < 0 ? 0 : getU32(this.bytes, at)
  }

  f64(): number {
    const at = this.take(8)
    return at < 0 ? 0 : getF64(this.bytes, at)
  }

  /** A view of the next bytes, not a copy. */
  raw(sizeBytes: number): Uint8Array {
    const at = this.take(sizeBytes)
    return at < 0 ? new Uint8Array(0) : this.bytes.subarray(at, at + sizeBytes)
  }

  /** A view of all that is left. */
  rest(): Uint8Array {
    return this.raw(this.leftBytes)
  }

  text(): string {
    return decoder.decode(this.raw(this.u32()))
  }

  get leftBytes(): number {
    return this.bytes.length - this.at
  }

  /** Everything that was asked for was there. */
  get isWhole(): boolean {
    return !this.overrun
  }
}
