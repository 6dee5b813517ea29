/**
 * Pieces: values that are larger than the keyspace takes, cut. A key of the keyspace holds the first piece; the others stand behind it, under the
 * key and a number below zero, which no key of Redis and no element has there: the last piece under -1, so that they come in their order.
 *
 * The order in which pieces are written is such that none is ever without its key, but where a whole generation is cleared.
 */
import * as Bytes from "#base/Bytes.ts"
import * as Latin1 from "#base/Latin1.ts"
import { assert } from "#base/Assert.ts"
import type { Mutation } from "#keyspace/Request.ts"
import { TupleReader } from "#keyspace/TupleReader.ts"
import { Unencodable } from "#keyspace/TupleError.ts"
import { TupleWriter } from "#keyspace/TupleWriter.ts"

/** Half of what the keyspace takes. */
const pieceBytes = 524_288
/** Of a number behind a key, at most. */
const numberBytesMax = 9

const writer = new TupleWriter()

const keyOf = (key: Uint8Array, number: number): Uint8Array => {
  const bytes = writer.raw(key).integer(number).finish()
  assert(!(bytes instanceof Unencodable), "a key and a number are a key")
  return bytes
}

/** Which of the pieces behind `key` another key is: below zero; 0: none. */
const numberOf = (key: Uint8Array, other: Uint8Array): number => {
  if (other.length <= key.length || other.length > key.length + numberBytesMax) return 0
  for (let i = key.length - 1; i >= 0; i--) if (other[i] !== key[i]) return 0
  const reader = new TupleReader(other, key.length)
  const number = reader.next()
  return typeof number === "number" && number < 0 && reader.isAtEnd ? number : 0
}

/** Remembers which keys have pieces behind them, and cuts what is written. */
export class Cutting {
  /** By key: how many pieces are, or may be, behind it. */
  private readonly behind = new Map<string, number>()

  /** A key was found with so many pieces behind it. */
  found(key: Uint8Array, pieces: number): void {
    this.behind.set(Latin1.decode(key), pieces)
  }

  /** Nobody has what begins with that any more. */
  cleared(prefix: Uint8Array): void {
    if (this.behind.size === 0) return
    const text = Latin1.decode(prefix)
    for (const key of this.behind.keys()) if (key.startsWith(text)) this.behind.delete(key)
  }

  reset(): void {
    this.behind.clear()
  }

  /** What is to be written for a change, in this order; it may be written in steps. */
  cut(mutation: Mutation): ReadonlyArray<Mutation> {
    const { key, value } = mutation
    const sizeBytes = value?.length ?? 0
    if (this.behind.size === 0 && sizeBytes <= pieceBytes) return [mutation]
    const text = Latin1.decode(key)
    const before = this.behind.get(text) ?? 0
    const after = Math.max(0, Math.ceil(sizeBytes / pieceBytes) - 1)
    if (after > 0) this.behind.set(text, after)
    else this.behind.delete(text)
    const all: Array<Mutation> = [{ key, value: value?.subarray(0, pieceBytes) }]
    for (let i = after; i > 0; i--) {
      const from = (after - i + 1) * pieceBytes
      all.push({ key: keyOf(key, -i), value: value!.subarray(from, from + pieceBytes) })
    }
    for (let i = before; i > after; i--) all.push({ key: keyOf(key, -i), value: undefined })
    // A key that goes goes last.
    return value === undefined ? [...all.slice(1), all[0]] : all
  }
}

/** Puts values together again, of keys in their order. */
export class Joining {
  private key: Uint8Array | undefined
  private pieces: Array<Uint8Array> = []
  private behind = 0
  private readonly cutting: Cutting
  private readonly out: (entry: Mutation) => void

  constructor(cutting: Cutting, out: (entry: Mutation) => void) {
    this.cutting = cutting
    this.out = out
  }

  /** The next key. */
  take({ key, value }: Mutation): void {
    const number = this.key === undefined ? 0 : numberOf(this.key, key)
    if (number === 0) {
      this.finish()
      this.key = key
    }
    this.behind = Math.max(this.behind, -number)
    this.pieces.push(value!)
  }

  /** There are no more keys. */
  finish(): void {
    const { behind, key, pieces } = this
    if (key === undefined) return
    this.key = undefined
    this.pieces = []
    this.behind = 0
    if (behind === 0) return this.out({ key, value: pieces[0] })
    this.cutting.found(key, behind)
    this.out({ key, value: Bytes.concat(pieces) })
  }
}
