/**
 * KeyMap: an ordered map from byte strings in memory. Sorted pieces of bounded length in a sorted list: an entry costs a binary search and the
 * move of a few hundred references, whatever the number of entries, and a scan is a walk. (A tree of the storage room keeps versions and
 * reclaims memory, which nobody needs for the life of a transaction.)
 *
 * Needs of its caller: nobody changes the bytes of a key, and the map does not change while it is walked.
 */
import * as Keys from "#storage/Keys.ts"

export interface Entry<A> {
  readonly key: Uint8Array
  readonly value: A
}

interface Piece<A> {
  readonly keys: Array<Uint8Array>
  readonly values: Array<A>
}

/** A piece that is longer is cut in two. */
const pieceLengthMax = 256

/** How many of the keys are below `key`. */
const rank = (keys: ReadonlyArray<Uint8Array>, key: Uint8Array): number => {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (Keys.compare(keys[middle], key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

export class KeyMap<A> {
  /** None of them is empty. */
  private readonly pieces: Array<Piece<A>> = []
  private length = 0

  get size(): number {
    return this.length
  }

  /** The last piece that begins at or before the key; 0 where none does. */
  private pieceOf(key: Uint8Array): number {
    let low = 0
    let high = this.pieces.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (Keys.compare(this.pieces[middle].keys[0], key) <= 0) low = middle + 1
      else high = middle
    }
    return low === 0 ? 0 : low - 1
  }

  get(key: Uint8Array): A | undefined {
    if (this.length === 0) return undefined
    const { keys, values } = this.pieces[this.pieceOf(key)]
    const at = rank(keys, key)
    return at < keys.length && Keys.compare(keys[at], key) === 0 ? values[at] : undefined
  }

  set(key: Uint8Array, value: A): void {
    if (this.length === 0) {
      this.pieces.push({ keys: [key], values: [value] })
      this.length = 1
      return
    }
    const number = this.pieceOf(key)
    const { keys, values } = this.pieces[number]
    const at = rank(keys, key)
    if (at < keys.length && Keys.compare(keys[at], key) === 0) {
      values[at] = value
      return
    }
    keys.splice(at, 0, key)
    values.splice(at, 0, value)
    this.length += 1
    if (keys.length <= pieceLengthMax) return
    const half = keys.length >>> 1
    this.pieces.splice(number + 1, 0, { keys: keys.splice(half), values: values.splice(half) })
  }

  delete(key: Uint8Array): void {
    if (this.length === 0) return
    const number = this.pieceOf(key)
    const { keys, values } = this.pieces[number]
    const at = rank(keys, key)
    if (at === keys.length || Keys.compare(keys[at], key) !== 0) return
    keys.splice(at, 1)
    values.splice(at, 1)
    this.length -= 1
    if (keys.length === 0) this.pieces.splice(number, 1)
  }

  /** The last entry at or before the key. */
  floor(key: Uint8Array): Entry<A> | undefined {
    if (this.length === 0) return undefined
    const { keys, values } = this.pieces[this.pieceOf(key)]
    const at = rank(keys, key)
    if (at < keys.length && Keys.compare(keys[at], key) === 0) return { key: keys[at], value: values[at] }
    return at === 0 ? undefined : { key: keys[at - 1], value: values[at - 1] }
  }

  /** Entries with keys in [from, to), in order. */
  *entries(from?: Uint8Array, to?: Uint8Array): Generator<Entry<A>> {
    const first = from === undefined || this.length === 0 ? 0 : this.pieceOf(from)
    for (let number = first; number < this.pieces.length; number++) {
      const { keys, values } = this.pieces[number]
      for (let at = from !== undefined && number === first ? rank(keys, from) : 0; at < keys.length; at++) {
        if (to !== undefined && Keys.compare(keys[at], to) >= 0) return
        yield { key: keys[at], value: values[at] }
      }
    }
  }

  keys(): ReadonlyArray<Uint8Array> {
    return this.pieces.flatMap(({ keys }) => keys)
  }
}
