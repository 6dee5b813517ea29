/**
 * Parser: the requests of a client out of the bytes of its connection, in whatever pieces these come: arrays of bulk strings, and lines of
 * words (inline commands).
 *
 * Promises: the requests depend on the bytes alone, not on where they are cut; no bytes make it throw; what it keeps of an unfinished
 * request is at most twice what has come of it; each byte is copied at most three times. What is wrong is told in Redis's words, and after
 * that nothing more is read.
 *
 * Needs of its caller: `next` until it gives nothing, then `feed`. Chunks are changed by nobody before `keep` was called.
 *
 * Source: networking.c of Redis 7.0 (processInlineBuffer, processMultibulkBuffer). Like there a NUL hides the end of its line. We differ in one:
 * a line that is too long is refused also where its end happened to come in the same read.
 */
import * as Latin1 from "#base/Latin1.ts"
import * as Limits from "#base/Limits.ts"
import * as InlineWords from "./InlineWords.ts"
import * as Words from "./Words.ts"

const nothing: Uint8Array = new Uint8Array(0)

const zero = 0x30
const nine = 0x39
const star = 0x2a
const dollar = 0x24
const lineFeed = 0x0a
const carriageReturn = 0x0d
const space = 0x20
const doubleQuote = 0x22
const singleQuote = 0x27

/** Up to so many digits a number is read on the fly. */
const digitsMax = 9

/** Of a bulk string that is not whole, as much memory is taken at first. */
const bulkFirstBytes = 65_536

const wholeNumber = /^(0|-?[1-9][0-9]{0,18})$/

export class Parser {
  /** What is wrong, without "Protocol error: "; nothing follows any more. */
  problem: string | undefined
  /** Whoever has not logged in may send little at a time. */
  isTrusted = true
  /** A larger argument is refused. */
  bulkBytesMax = 512 * 1_048_576
  /** And so is a larger request. */
  requestBytesMax = Limits.respRequestBytesMax
  private chunk = nothing
  private at = 0
  private waiting: Array<Uint8Array> = []
  /** The request so far, and how many arguments it has yet to get. */
  private argv: Array<string> = []
  private left = 0
  private requestBytes = 0
  /** Of the argument that is being read; -1: its length is yet to come. */
  private bulkBytes = -1
  /** What has come of an argument that was cut. */
  private bulk = nothing
  private bulkCame = 0
  /** What has come of a line that was cut. */
  private line = nothing
  private lineCame = 0
  /** A carriage return ended it, and the byte behind that is yet to come. */
  private lineEnds = false
  /** A NUL came in it. */
  private lineIsBlind = false

  feed(chunk: Uint8Array): void {
    if (this.problem !== undefined || chunk.length === 0) return
    if (this.at === this.chunk.length && this.waiting.length === 0) {
      this.chunk = chunk
      this.at = 0
    } else this.waiting.push(chunk)
  }

  /** Whose the last chunk is wants it back: what is left of it is copied. */
  keep(): void {
    const { waiting } = this
    if (waiting.length > 0) waiting.push(waiting.pop()!.slice())
    else {
      this.chunk = this.at === this.chunk.length ? nothing : this.chunk.slice(this.at)
      this.at = 0
    }
  }

  /** Bytes that came and of which no request was made. */
  get waitingBytes(): number {
    let sum = this.chunk.length - this.at + this.bulkCame + this.lineCame
    for (const chunk of this.waiting) sum += chunk.length
    return sum
  }

  /** What is kept of what came, the request that runs included. */
  get heldBytes(): number {
    return this.waitingBytes + this.at
  }

  /** Of the arguments that a request has by now: one that is not whole, or was given last and runs. */
  get argumentsBytes(): number {
    return this.requestBytes - (this.bulkBytes < 0 ? 0 : this.bulkBytes + Limits.respArgumentBytes)
  }

  /** The next request, of one argument at least; undefined: it is not whole yet, or there is a `problem`. */
  next(): Array<string> | undefined {
    while (this.problem === undefined && (this.at < this.chunk.length || this.advance())) {
      if (this.left === 0) {
        const first = this.lineCame > 0 ? this.line[0] : this.chunk[this.at]
        if (first !== star) {
          const argv = this.inline()
          if (argv !== undefined) return argv
          continue
        }
        const count = this.number(star)
        if (count === undefined) continue
        this.begin(count)
      } else if (this.bulkBytes < 0) {
        const length = this.number(dollar)
        if (length !== undefined) this.beginBulk(length)
      } else {
        const argv = this.takeBulk()
        if (argv !== undefined) return argv
      }
    }
    if (this.left === 0) this.requestBytes = 0
    return undefined
  }

  private advance(): boolean {
    const chunk = this.waiting.shift()
    this.chunk = chunk ?? nothing
    this.at = 0
    return chunk !== undefined
  }

  private fail(problem: string): undefined {
    this.problem = problem
    this.chunk = this.bulk = this.line = nothing
    this.at = this.bulkCame = this.lineCame = 0
    this.waiting = []
    this.argv = []
    return undefined
  }

  private begin(count: number): void {
    if (Number.isNaN(count) || count > Limits.respArgumentsMax) this.fail("invalid multibulk length")
    else if (count > Limits.respStrangerArgumentsMax && !this.isTrusted) this.fail("unauthenticated multibulk length")
    else if (count > 0) {
      this.left = count
      this.requestBytes = 0
    }
  }

  private beginBulk(length: number): void {
    if (Number.isNaN(length) || length < 0 || length > this.bulkBytesMax || length > Limits.textBytesMax) {
      this.fail("invalid bulk length")
    } else if (length > Limits.respStrangerBulkBytesMax && !this.isTrusted) this.fail("unauthenticated bulk length")
    else {
      this.bulkBytes = length
      this.requestBytes += length + Limits.respArgumentBytes
      if (this.requestBytes > this.requestBytesMax) this.fail("too big request")
    }
  }

  /** Takes the argument, or what has come of it; answers the request, if that is whole now. */
  private takeBulk(): Array<string> | undefined {
    const { chunk, at, bulkBytes } = this
    // The two bytes behind it are not looked at.
    const whole = bulkBytes + 2
    if (this.bulkCame === 0 && chunk.length - at >= whole) {
      const end = at + bulkBytes
      this.argv.push(this.argv.length === 0 ? Words.name(chunk, at, end) : Words.text(chunk, at, end))
      this.at = at + whole
    } else {
      const end = Math.min(chunk.length, at + whole - this.bulkCame)
      this.bulk = grown(this.bulk, this.bulkCame, this.bulkCame + end - at, whole)
      this.bulk.set(chunk.subarray(at, end), this.bulkCame)
      this.bulkCame += end - at
      this.at = end
      if (this.bulkCame < whole) return undefined
      this.argv.push(Latin1.decode(this.bulk, 0, bulkBytes))
      this.bulk = nothing
      this.bulkCame = 0
    }
    this.bulkBytes = -1
    this.left -= 1
    if (this.left > 0) return undefined
    const { argv } = this
    this.argv = []
    return argv
  }

  /** The number of a line that begins with `mark`; undefined: the line is not whole, or of another kind; NaN: it is none. */
  private number(mark: number): number | undefined {
    const { chunk, at } = this
    // Of an empty line nothing may have come but the first byte of its end.
    if (this.lineCame === 0 && !this.lineEnds && chunk[at] === mark) {
      // The usual case: a few digits and the end of the line, all in one piece.
      let place = at + 1
      let value = chunk[place] - zero
      if (value > 0 && value <= 9) {
        const last = Math.min(chunk.length - 2, at + digitsMax)
        while (++place <= last) {
          const digit = chunk[place]
          if (digit >= zero && digit <= nine) value = value * 10 + digit - zero
          else if (digit === carriageReturn) {
            this.at = place + 2
            return value
          } else break
        }
      }
    }
    if (!this.gatherLine(carriageReturn, mark === star ? "too big mbulk count string" : "too big bulk count string")) {
      return undefined
    }
    const line = this.takeLine()
    if (line.charCodeAt(0) !== mark) {
      // Only an argument's line can begin otherwise. An error is one line, whatever is in it.
      const met = line.length === 0 ? " " : line[0] === "\n" ? " " : line[0]
      return this.fail(`expected '$', got '${met}'`)
    }
    const digits = line.slice(1)
    return wholeNumber.test(digits) ? Number(digits) : Number.NaN
  }

  /** The words of the usual line: one that came in one piece and has neither quotes nor control characters in it. */
  private plainWords(): Array<string> | undefined {
    const { at, chunk } = this
    const end = Math.min(chunk.length, at + Limits.respLineBytesMax)
    const words: Array<string> = []
    let from = -1
    for (let place = at; place < end; place++) {
      const byte = chunk[place]
      if (byte > space) {
        if (byte === doubleQuote || byte === singleQuote) return undefined
        if (from === -1) from = place
        continue
      }
      if (byte !== space && byte !== lineFeed && byte !== carriageReturn) return undefined
      if (from !== -1) words.push(words.length === 0 ? Words.name(chunk, from, place) : Words.text(chunk, from, place))
      from = -1
      if (byte !== lineFeed) continue
      this.at = place + 1
      return words
    }
    return undefined
  }

  private inline(): Array<string> | undefined {
    const words = this.lineCame === 0 ? this.plainWords() : undefined
    if (words !== undefined) return words.length === 0 ? undefined : words
    if (!this.gatherLine(lineFeed, "too big inline request")) return undefined
    const line = this.takeLine()
    const argv = InlineWords.split(line.endsWith("\r") ? line.slice(0, -1) : line)
    if (argv === undefined) return this.fail("unbalanced quotes in request")
    return argv.length === 0 ? undefined : argv
  }

  /** Adds what has come to the line. True: it is whole, its end is not in it. */
  private gatherLine(end: number, problem: string): boolean {
    const { chunk } = this
    let { at, lineCame } = this
    for (; at < chunk.length && lineCame <= Limits.respLineBytesMax; at++) {
      const byte = chunk[at]
      if (this.lineEnds || (byte === end && end === lineFeed && !this.lineIsBlind)) {
        this.at = at + 1
        this.lineCame = lineCame
        return true
      }
      if (byte === end && !this.lineIsBlind) {
        this.lineEnds = true
        continue
      }
      if (byte === 0) this.lineIsBlind = true
      if (lineCame === this.line.length)
        this.line = grown(this.line, lineCame, lineCame + 1, 2 * Limits.respLineBytesMax)
      this.line[lineCame++] = byte
    }
    this.at = at
    this.lineCame = lineCame
    if (lineCame > Limits.respLineBytesMax) this.fail(problem)
    return false
  }

  private takeLine(): string {
    const line = Latin1.decode(this.line, 0, this.lineCame)
    if (this.line.length > lineKeptBytesMax) this.line = nothing
    this.lineCame = 0
    this.lineEnds = false
    this.lineIsBlind = false
    return line
  }
}

/** A line's memory is kept for the next one up to this size. */
const lineKeptBytesMax = 256

/** Memory for `needed` bytes, of which `used` are there; never more than `most`. */
const grown = (bytes: Uint8Array, used: number, needed: number, most: number): Uint8Array => {
  if (needed <= bytes.length) return bytes
  const larger = new Uint8Array(Math.min(most, Math.max(2 * needed, most < bulkFirstBytes ? most : lineKeptBytesMax)))
  larger.set(bytes.subarray(0, used))
  return larger
}
