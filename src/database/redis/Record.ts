/**
 * Record: the changes of a batch as one value: `u32 length, key, u32 length, value` each; a length of `gone` for a value says that the key is deleted.
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import type { Mutation } from "#keyspace/Request.ts"

const gone = 0xffff_ffff
const headBytes = 8

export const encode = (mutations: ReadonlyArray<Mutation>): Uint8Array => {
  let sizeBytes = 0
  for (const { key, value } of mutations) sizeBytes += headBytes + key.length + (value?.length ?? 0)
  const bytes = new Uint8Array(sizeBytes)
  let at = 0
  for (const { key, value } of mutations) {
    Bytes.putU32(bytes, at, key.length)
    bytes.set(key, at + 4)
    at += 4 + key.length
    Bytes.putU32(bytes, at, value?.length ?? gone)
    if (value !== undefined) bytes.set(value, at + 4)
    at += 4 + (value?.length ?? 0)
  }
  return bytes
}

/** Views into the bytes. */
export const decode = (bytes: Uint8Array): ReadonlyArray<Mutation> => {
  const reader = new Bytes.Reader(bytes)
  const mutations: Array<Mutation> = []
  while (reader.leftBytes > 0) {
    const key = reader.raw(reader.u32())
    const length = reader.u32()
    mutations.push({ key, value: length === gone ? undefined : reader.raw(length) })
  }
  assert(reader.isWhole, "a record is whole")
  return mutations
}

/** A record, and its changes; none where it is not all there, and does not count. */
type Collected = (number: number, mutations: ReadonlyArray<Mutation>) => void

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
    if (!this.isWhole) return this.collected(this.number, [])
    const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
    let at = 0
    for (const piece of pieces) {
      bytes.set(piece, at)
      at += piece.length
    }
    this.collected(this.number, decode(bytes))
  }
}
