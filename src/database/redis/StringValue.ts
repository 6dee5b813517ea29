/**
 * StringValue: a string that is written in place: by APPEND, SETRANGE, SETBIT, BITFIELD, and the counters of HyperLogLog. Its bytes grow by
 * half at a time, and what is stored anew after a change are the pieces of 64 KiB that it touched, not the whole. Pieces that were zero from the
 * start are not stored: a bit set far behind the end costs one piece.
 *
 * As in Redis, a string that was ever written in place is "raw", however short it is.
 */
import * as Latin1 from "#base/Latin1.ts"
import * as Footprint from "./Footprint.ts"
import * as Integer64 from "./Integer64.ts"
import type { Content, ElementSink, Value } from "./Value.ts"

const pieceBytes = 65_536
const firstBytes = 16
/** More than this is not kept ready for what may be appended. */
const spareBytesMax = 16 * 1_048_576

/** Orders as the pieces do. */
const pieceName = (piece: number): string => String.fromCharCode(piece >>> 16, (piece >>> 8) & 255, piece & 255)

const placeOf = (name: string): number =>
  ((name.charCodeAt(0) << 16) | (name.charCodeAt(1) << 8) | name.charCodeAt(2)) * pieceBytes

export class StringValue implements Value {
  readonly type = "string"
  readonly encoding = "raw"
  private memory: Uint8Array
  private used: number
  /** Pieces that are to be stored; none before anything was. */
  private changed: Set<number> | undefined
  private storedPieces = 0

  private constructor(memory: Uint8Array, used: number) {
    this.memory = memory
    this.used = used
  }

  /** What a key holds, made ready to be written; no content: an empty one. */
  static of(content: Content | undefined): StringValue {
    if (content instanceof StringValue) return content
    const text = content === undefined ? "" : `${content as string | number}`
    const value = new StringValue(new Uint8Array(Math.max(firstBytes, text.length)), 0)
    value.write(0, text)
    return value
  }

  /** Takes the bytes over. */
  static take(bytes: Uint8Array): StringValue {
    return new StringValue(bytes, bytes.length)
  }

  get size(): number {
    return this.used
  }

  get heldBytes(): number {
    return Footprint.fixedBytes.string + this.memory.length
  }

  /** A view, good until the next change; who writes to it says so by `touch`. */
  get bytes(): Uint8Array {
    return this.memory.subarray(0, this.used)
  }

  text(from = 0, to = this.used): string {
    return Latin1.decode(this.memory, from, to)
  }

  /** Makes it so many bytes long, at least; new ones are zero. */
  extend(sizeBytes: number): void {
    if (sizeBytes <= this.used) return
    if (sizeBytes > this.memory.length) {
      const larger = new Uint8Array(sizeBytes + Math.min(sizeBytes >> 1, spareBytesMax))
      larger.set(this.bytes)
      this.memory = larger
    }
    // Pieces that are not stored are zero; stored ones may be left of a longer string.
    this.touch(this.used, Math.min(sizeBytes, this.storedPieces * pieceBytes))
    this.used = sizeBytes
  }

  write(at: number, text: string): void {
    this.extend(at + text.length)
    Latin1.write(text, this.memory, at)
    this.touch(at, at + text.length)
  }

  /** Puts other bytes in place of all there were; takes them over. */
  replace(bytes: Uint8Array): void {
    this.memory = bytes
    this.used = bytes.length
    this.touch(0, bytes.length)
  }

  /** Makes it so many bytes short. */
  truncate(sizeBytes: number): void {
    this.memory.fill(0, sizeBytes, this.used)
    this.used = sizeBytes
    this.touch(Math.max(0, sizeBytes - 1), sizeBytes)
  }

  /** The bytes in [from, to) have changed. */
  touch(from: number, to: number): void {
    const { changed } = this
    if (changed === undefined) return
    for (let piece = Math.floor(from / pieceBytes); piece * pieceBytes < to; piece++) changed.add(piece)
  }

  /** How long it is, and that it was written in place. */
  head(): string {
    return `${this.used}`
  }

  persist(sink: ElementSink, whole: boolean): void {
    const pieces = Math.ceil(this.used / pieceBytes)
    const endOf = (piece: number): number => Math.min((piece + 1) * pieceBytes, this.used)
    const put = (piece: number): void => sink.put(pieceName(piece), this.text(piece * pieceBytes, endOf(piece)))
    if (whole || this.changed === undefined) {
      for (let piece = 0; piece < pieces; piece++) if (this.hasBits(piece * pieceBytes, endOf(piece))) put(piece)
    } else {
      for (const piece of this.changed) if (piece < pieces) put(piece)
      for (let piece = pieces; piece < this.storedPieces; piece++) sink.remove(pieceName(piece))
    }
    this.changed = new Set()
    this.storedPieces = pieces
  }

  /** Not all of the bytes in [from, to) are zero. */
  private hasBits(from: number, to: number): boolean {
    for (let i = from; i < to; i++) if (this.memory[i] !== 0) return true
    return false
  }

  clone(): StringValue {
    return new StringValue(this.bytes.slice(), this.used)
  }

  static load(head: string, elements: Iterable<readonly [sub: string, bytes: string]>): StringValue {
    const value = new StringValue(new Uint8Array(Number(head)), Number(head))
    for (const [name, bytes] of elements) Latin1.write(bytes, value.memory, placeOf(name))
    value.changed = new Set()
    value.storedPieces = Math.ceil(value.used / pieceBytes)
    return value
  }
}

/** Sixteen chars may be an integer beyond 2^53. */
const numberCharsMax = 16

/** What a key holds that is set to this text: a number where the text is a safe integer's. */
export const contentOf = (text: string): Content => {
  const { length } = text
  if (length === 0 || length > numberCharsMax || text.charCodeAt(0) > 0x39) return text
  const value = Integer64.parse(text)
  return typeof value === "number" ? value : text
}

/** The text of a content that is a string. */
export const textOf = (content: Content): string =>
  typeof content === "string" ? content : typeof content === "number" ? `${content}` : (content as StringValue).text()

/** Its length. */
export const sizeOf = (content: Content): number =>
  typeof content === "string" ? content.length : typeof content === "number" ? `${content}`.length : content.size
