/**
 * Operations: what a transaction is made of, one operation after the other, each tried again until the edit has all pages that it wants:
 * the operations of a batch, or the entries of a source.
 */
import * as Limits from "#base/Limits.ts"
import * as Batch from "../Batch.ts"
import type { Source } from "../Engine.ts"
import * as Keys from "../Keys.ts"
import { Refused } from "../StorageError.ts"
import type { Edit } from "./Edit.ts"

/** Operations that are looked at in advance: where most pages are in memory, looking would cost more than it brings. */
const lookAheadMax = 128

export interface Operations {
  /** Carries out the operation whose turn it is; false: the edit wants a page, call again. */
  apply(edit: Edit): boolean
  /** Goes on to the next operation; false: there is none. */
  next(): boolean
  /** Why none of it may happen, once `next` is false. */
  readonly refused: Refused | undefined
  /** Calls `visit` for each of the next operations that wants a page, until it says that this is enough: then false. */
  lookAhead(edit: Edit, visit: () => boolean): boolean
}

/** The operations of a batch, in its order. */
export class BatchOperations implements Operations, Batch.Visitor {
  readonly refused = undefined
  private bytes: Uint8Array = new Uint8Array(0)
  private readonly kinds: Array<number> = []
  /** Three places each: where the key begins and ends, and where the value (or the end of the range) ends. */
  private readonly places: Array<number> = []
  private at = -1
  private draining = false

  load(batch: Batch.Batch): void {
    this.kinds.length = 0
    this.places.length = 0
    this.at = -1
    this.draining = false
    batch.forEach(this)
  }

  private add(kind: number, bytes: Uint8Array, from: number, middle: number, to: number): void {
    this.bytes = bytes
    this.kinds.push(kind)
    this.places.push(from, middle, to)
  }

  put(bytes: Uint8Array, keyFrom: number, keyTo: number, valueTo: number): void {
    this.add(Batch.kinds.put, bytes, keyFrom, keyTo, valueTo)
  }

  delete(bytes: Uint8Array, keyFrom: number, keyTo: number): void {
    this.add(Batch.kinds.delete, bytes, keyFrom, keyTo, keyTo)
  }

  deleteRange(bytes: Uint8Array, fromFrom: number, fromTo: number, toTo: number): void {
    this.add(Batch.kinds.deleteRange, bytes, fromFrom, fromTo, toTo)
  }

  next(): boolean {
    return ++this.at < this.kinds.length
  }

  apply(edit: Edit): boolean {
    const { at, bytes, places } = this
    const from = places[3 * at]
    const middle = places[3 * at + 1]
    const to = places[3 * at + 2]
    const kind = this.kinds[at]
    if (kind === Batch.kinds.put) return edit.put(bytes, from, middle, to)
    if (kind === Batch.kinds.delete) return edit.delete(bytes, from, middle)
    if (!this.draining && !edit.deleteRange(bytes, from, middle, to)) return false
    this.draining = !edit.drain()
    return !this.draining
  }

  lookAhead(edit: Edit, visit: () => boolean): boolean {
    const end = Math.min(this.kinds.length, this.at + 1 + lookAheadMax)
    for (let at = this.at + 1; at < end; at++) {
      if (!edit.reaches(this.bytes, this.places[3 * at], this.places[3 * at + 1]) && !visit()) return false
    }
    return true
  }
}

/** The entries of a source, to be put. */
export class SourceOperations implements Operations {
  refused: Refused | undefined
  userBytes = 0
  private readonly source: Source
  private key: Uint8Array | undefined
  /** The key and the value, one behind the other. */
  private entry = new Uint8Array(1_024)
  private valueTo = 0

  constructor(source: Source) {
    this.source = source
  }

  next(): boolean {
    if (!this.source.next()) return false
    const key = this.source.key()
    const value = this.source.value()
    this.refused = problem(this.key, key, value)
    if (this.refused !== undefined) return false
    this.valueTo = key.length + value.length
    if (this.entry.length < this.valueTo) this.entry = new Uint8Array(this.valueTo * 2)
    this.entry.set(key)
    this.entry.set(value, key.length)
    // The source's views may be of memory that it uses again.
    this.key = key.slice()
    this.userBytes += this.valueTo
    return true
  }

  apply(edit: Edit): boolean {
    return edit.put(this.entry, 0, this.key!.length, this.valueTo)
  }

  lookAhead(): boolean {
    return true
  }
}

const problem = (before: Uint8Array | undefined, key: Uint8Array, value: Uint8Array): Refused | undefined => {
  if (key.length > Limits.keyBytesMax) {
    return new Refused({ reason: "key-too-large", message: `a key has at most ${Limits.keyBytesMax} bytes` })
  }
  if (value.length > Limits.valueBytesMax) {
    return new Refused({ reason: "value-too-large", message: `a value has at most ${Limits.valueBytesMax} bytes` })
  }
  if (before !== undefined && Keys.compare(before, key) >= 0) {
    return new Refused({
      reason: "not-sorted",
      message: "the keys of a source rise: sort them, and keep one of equal ones"
    })
  }
  return undefined
}
