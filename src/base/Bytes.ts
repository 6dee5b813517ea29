/**
 * Bytes: a writer and a reader of small binary messages, little-endian. The reader never throws: past the end it gives
 * zeros and remembers, so that a decoder checks `isWhole` once, at its end.
 */
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class Writer {
  private bytes: Uint8Array
  private view: DataView
  private length = 0

  /** `sizeBytes` is a guess; it grows. */
  constructor(sizeBytes = 64) {
    this.bytes = new Uint8Array(sizeBytes)
    this.view = new DataView(this.bytes.buffer)
  }

  private room(sizeBytes: number): number {
    const at = this.length
    const needed = at + sizeBytes
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2))
      larger.set(this.bytes)
      this.bytes = larger
      this.view = new DataView(larger.buffer)
    }
    this.length = needed
    return at
  }

  /** An integer in [0, 2^8). */
  u8(value: number): this {
    const at = this.room(1)
    this.bytes[at] = value
    return this
  }

  /** An integer in [0, 2^32). */
  u32(value: number): this {
    const at = this.room(4)
    this.view.setUint32(at, value, true)
    return this
  }

  /** Any number, by its 64 bits. */
  f64(value: number): this {
    const at = this.room(8)
    this.view.setFloat64(at, value, true)
    return this
  }

  raw(bytes: Uint8Array): this {
    const at = this.room(bytes.length)
    this.bytes.set(bytes, at)
    return this
  }

  /** A length of four bytes, then the text as UTF-8. */
  text(text: string): this {
    const bytes = encoder.encode(text)
    return this.u32(bytes.length).raw(bytes)
  }

  get sizeBytes(): number {
    return this.length
  }

  /** What was written. The writer must not be used any more. */
  finish(): Uint8Array {
    return this.bytes.subarray(0, this.length)
  }
}

export class Reader {
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private at = 0
  private overrun = false

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

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
    return at < 0 ? 0 : this.view.getUint32(at, true)
  }

  f64(): number {
    const at = this.take(8)
    return at < 0 ? 0 : this.view.getFloat64(at, true)
  }

  /** A view of the next bytes, not a copy. */
  raw(sizeBytes: number): Uint8Array {
    const at = this.take(sizeBytes)
    return at < 0 ? new Uint8Array(0) : this.bytes.subarray(at, at + sizeBytes)
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
