/**
 * ReplyFrames: whole replies out of the bytes of a server's connection, in whatever pieces these come, for whoever hands them on as they are.
 *
 * Promises: the replies depend on the bytes alone, not on where they are cut; no bytes make it throw or take more of the stack; each byte is copied
 * at most twice. What is no reply is a `problem`, and after that nothing more is read.
 *
 * A reply is whole when as many values have come as it needs: one, and those that aggregates ask for. So their number is all that is kept of how deep
 * they lie. An attribute belongs to the value behind it, and is no value itself.
 *
 * Source: the RESP2 and RESP3 specifications, without streamed strings and aggregates, which no server sends.
 */
import * as Bytes from "#base/Bytes.ts"
import * as Latin1 from "#base/Latin1.ts"
import * as Limits from "#base/Limits.ts"

/** `bytes`: one reply, with the attributes before it; nobody changes them. `isPush`: it answers nothing. */
export type Each = (bytes: Uint8Array, isPush: boolean) => void

const lineFeed = 0x0a
const push = 0x3e
const attribute = 0x7c

const marksOf = (marks: string): ReadonlySet<number> => new Set(Latin1.encode(marks))

/** Their line is all there is of them. */
const lines = marksOf("+-:_#,(")
/** So many bytes follow. */
const blobs = marksOf("$!=")
/** So many values follow; of `pairs`, twice as many. */
const aggregates = marksOf("*~%|>")
const pairs = marksOf("%|")

const wholeNumber = /^(0|[1-9][0-9]{0,9}|-1)\r?$/

export class ReplyFrames {
  /** What came is no reply. */
  problem: string | undefined
  /** What has come of a reply that is not whole. */
  private parts: Array<Uint8Array> = []
  private partsBytes = 0
  /** Of its line that was cut. */
  private line = ""
  /** Of a string, with the two bytes behind it, as many have not come. */
  private blobBytes = 0
  /** Values that the reply still needs. */
  private values = 1
  /** More than attributes came of it. */
  private hasBegun = false
  private isPush = false

  /** Nothing has come of the next reply. */
  get isEmpty(): boolean {
    return this.parts.length === 0
  }

  /** Tells of each reply that is whole by now. The chunk is whose it was again. */
  feed(chunk: Uint8Array, each: Each): void {
    let from = 0
    let at = 0
    while (at < chunk.length && this.problem === undefined) {
      at = this.blobBytes > 0 ? this.skip(chunk, at) : this.takeLine(chunk, at)
      if (this.blobBytes > 0 || this.values > 0 || this.line !== "" || this.problem !== undefined) continue
      const { isPush } = this
      const bytes = this.joined(chunk, from, at)
      from = at
      this.values = 1
      this.hasBegun = this.isPush = false
      each(bytes, isPush)
    }
    if (this.problem === undefined && from < chunk.length) this.keep(Bytes.copy(chunk, from))
  }

  private keep(part: Uint8Array): void {
    this.parts.push(part)
    this.partsBytes += part.length
    if (this.partsBytes > Limits.respReplyBytesMax) this.fail("a reply is too long")
  }

  private fail(problem: string): void {
    this.problem = problem
    this.parts = []
    this.line = ""
  }

  private joined(chunk: Uint8Array, from: number, to: number): Uint8Array {
    const { parts } = this
    if (parts.length === 0) return Bytes.copy(chunk, from, to)
    const bytes = new Uint8Array(this.partsBytes + to - from)
    let at = 0
    for (const part of parts) {
      bytes.set(part, at)
      at += part.length
    }
    bytes.set(chunk.subarray(from, to), at)
    this.parts = []
    this.partsBytes = 0
    return bytes
  }

  /** Passes by what is of a string; returns where that ends. */
  private skip(chunk: Uint8Array, at: number): number {
    const taken = Math.min(this.blobBytes, chunk.length - at)
    this.blobBytes -= taken
    if (this.blobBytes === 0) this.values -= 1
    return at + taken
  }

  /** Takes a line, or what has come of it; returns where that ends. */
  private takeLine(chunk: Uint8Array, at: number): number {
    const end = chunk.indexOf(lineFeed, at)
    const isFirst = this.line === ""
    const mark = isFirst ? chunk[at] : this.line.charCodeAt(0)
    const isPlain = lines.has(mark)
    const to = end < 0 ? chunk.length : end
    // Of a line that says nothing of what follows, its mark is all that counts.
    if (isPlain) this.line = String.fromCharCode(mark)
    else {
      this.line += Latin1.decode(chunk, at, Math.min(to, at + numberBytesMax))
      if (this.line.length > numberBytesMax) this.fail("a number is too long")
    }
    if (end < 0 || this.problem !== undefined) return to
    const { line } = this
    this.line = ""
    this.head(mark, isPlain ? "0" : line.slice(1))
    return end + 1
  }

  /** A value begins, and is over if its line is all there is of it. */
  private head(mark: number, digits: string): void {
    const isLine = lines.has(mark)
    if (!isLine && !blobs.has(mark) && !aggregates.has(mark)) return this.fail("a value is of no known type")
    if (!isLine && !wholeNumber.test(digits)) return this.fail("a length is no number")
    if (!this.hasBegun && this.values === 1 && mark !== attribute) {
      this.hasBegun = true
      this.isPush = mark === push
    }
    const count = isLine ? -1 : Number.parseInt(digits, 10)
    if (count < 0) this.values -= 1
    else if (blobs.has(mark)) this.blobBytes = count + 2
    else this.values += (pairs.has(mark) ? 2 * count : count) - (mark === attribute ? 0 : 1)
  }
}

/** A mark, at most ten digits, a sign, and the end of the line. */
const numberBytesMax = 13
