/**
 * Transactions: a history's `txn` operations as columns of micro-operations over interned keys and versions, the form that
 * all checks of this folder work on.
 *
 * A transaction's value is a list of `[r key seen]` and `[append key element]` (list-append), or `[r key value]` and
 * `[w key value]` (rw-register); names may have a colon or be spelled out (`read`, `write`). A micro-operation's version
 * is what it wrote, or what a read saw: of a list its last element. Lists are kept once a key, as the longest one read;
 * a read that is a prefix of it is only a length. A read that is not (`odd`) keeps its own elements.
 *
 * Transaction i is row i of the history. Of an unknown outcome what was written counts as possible; reads only where the
 * completion tells them.
 */
import { Unsuited } from "#sim/judges/Unsuited.ts"
import * as History from "#sim/judges/History.ts"
import { isArray, text, type Value } from "#sim/judges/Value.ts"
import { Names, Versions } from "./Versions.ts"

export type Kind = "list-append" | "rw-register"

export const read = 0
export const write = 1

/** In place of a version: the state before any write. */
export const initial = -1
/** In place of a version: nobody knows what the read saw. */
export const unseen = -2

/** In `writers`: nobody wrote it, or more than one may have. */
export const none = -1
export const ambiguous = -2

export interface Transactions {
  readonly kind: Kind
  readonly history: History.History
  readonly count: number
  readonly outcomes: Uint8Array
  /** Micro-operations of transaction t: `starts[t]` up to `starts[t + 1]`. */
  readonly starts: Int32Array
  readonly kinds: Uint8Array
  readonly keys: Int32Array
  readonly versions: Int32Array
  /** How many elements a read of a list saw. */
  readonly lengths: Int32Array
  /** Elements of reads that are no prefix of their key's longest one. */
  readonly odd: ReadonlyMap<number, ReadonlyArray<number>>
  readonly keyCount: number
  readonly keyNames: ReadonlyArray<Value>
  readonly table: Versions
  /** The longest list read of each key, as versions, with duplicates if there are any. */
  readonly trunks: ReadonlyArray<ReadonlyArray<number>>
  /** By version: the transaction that did or may have written it; `none`, `ambiguous`. */
  readonly writers: Int32Array
  /** By version: the failed transaction that wrote it, or `none`. */
  readonly failedWriters: Int32Array
  /** By version: 1 when its transaction wrote the key again. */
  readonly intermediate: Uint8Array
}

export interface Options {
  /** What registers hold at first, besides nil. Default: 0 for keys of which nobody wrote 0 or read nil. */
  readonly initial?: Value
}

/** Reads a history's transactions; refuses with `Unsuited` what is none. */
export const parse = (history: History.History, kind: Kind, options: Options = {}): Transactions =>
  new Parser(history, kind, options).result()

const readNames = new Set<Value | undefined>(["r", ":r", "read", ":read"])
const writeNames: Readonly<Record<Kind, ReadonlySet<Value | undefined>>> = {
  "list-append": new Set(["append", ":append", "a", ":a"]),
  "rw-register": new Set(["w", ":w", "write", ":write"])
}

const same = (left: Value, right: Value): boolean =>
  left === right || (typeof left === "object" && typeof right === "object" && text(left) === text(right))

class Parser {
  private readonly history: History.History
  private readonly kind: Kind
  private readonly options: Options
  private readonly starts: Int32Array
  private readonly kinds: Uint8Array
  private readonly keys: Int32Array
  private readonly versions: Int32Array
  private readonly lengths: Int32Array
  private readonly names = new Names()
  private readonly table = new Versions()
  /** By key, the longest list read, and its elements as versions. */
  private readonly longest: Array<ReadonlyArray<Value>> = []
  private readonly trunks: Array<Array<number>> = []
  private readonly odd = new Map<number, ReadonlyArray<number>>()
  private readonly forked = new Set<number>()

  constructor(history: History.History, kind: Kind, options: Options) {
    this.history = history
    this.kind = kind
    this.options = options
    const { count } = history
    this.starts = new Int32Array(count + 1)
    for (let row = 0; row < count; row += 1) this.starts[row + 1] = this.starts[row]! + this.listOf(row).length
    const total = this.starts[count]!
    this.kinds = new Uint8Array(total)
    this.keys = new Int32Array(total)
    this.versions = new Int32Array(total)
    this.lengths = new Int32Array(kind === "list-append" ? total : 0)
    for (let row = 0; row < count; row += 1) this.transaction(row)
    for (const key of this.forked) this.straighten(key)
  }

  /** The micro-operations of a row: as completed, or as invoked. */
  private listOf(row: number): ReadonlyArray<Value> {
    const { inputs, outputs, outcomes } = this.history
    const output = outputs[row]!
    if (outcomes[row] !== History.failed && isArray(output)) return output
    const input = inputs[row]!
    if (isArray(input)) return input
    if (isArray(output)) return output
    throw new Unsuited(row, `${this.history.functions[row]} ${text(input)} is no list of micro-operations`)
  }

  private transaction(row: number): void {
    const list = this.listOf(row)
    const writes = writeNames[this.kind]
    const known = this.history.outcomes[row] === History.ok
    const start = this.starts[row]!
    for (let index = 0; index < list.length; index += 1) {
      const item = list[index]!
      if (!isArray(item) || item.length < 2) this.refuse(row, item)
      const at = start + index
      const key = this.names.id(item[1]!)
      this.keys[at] = key
      if (readNames.has(item[0])) {
        const seen = item[2] ?? null
        if (this.history.outcomes[row] === History.failed) this.versions[at] = unseen
        else if (this.kind === "list-append") this.readList(row, at, seen, known)
        else this.versions[at] = seen !== null ? this.table.id(key, seen) : known ? initial : unseen
      } else if (writes.has(item[0]) && item.length > 2) {
        this.kinds[at] = write
        this.versions[at] = this.table.id(key, item[2]!)
      } else this.refuse(row, item)
    }
  }

  private refuse(row: number, item: Value): never {
    throw new Unsuited(row, `the model ${this.kind} has no micro-operation ${text(item)}`)
  }

  private readList(row: number, at: number, seen: Value, known: boolean): void {
    if (seen === null || (isArray(seen) && seen.length === 0)) {
      this.versions[at] = known ? initial : unseen
      return
    }
    if (!isArray(seen)) throw new Unsuited(row, `a read of ${text(seen)}: the model list-append reads lists`)
    const key = this.keys[at]!
    const longest = this.longest[key]
    let trunk = this.trunks[key]
    if (longest === undefined || trunk === undefined) {
      trunk = seen.map((value) => this.table.id(key, value))
      this.longest[key] = seen
      this.trunks[key] = trunk
    } else {
      const shared = Math.min(longest.length, seen.length)
      let index = 0
      while (index < shared && (seen[index] === longest[index] || same(seen[index]!, longest[index]!))) index += 1
      if (index < shared) {
        const elements = seen.map((value) => this.table.id(key, value))
        this.odd.set(at, elements)
        this.forked.add(key)
        this.lengths[at] = elements.length
        this.versions[at] = elements.at(-1)!
        return
      }
      if (seen.length > longest.length) {
        for (; index < seen.length; index += 1) trunk.push(this.table.id(key, seen[index]!))
        this.longest[key] = seen
      }
    }
    this.lengths[at] = seen.length
    this.versions[at] = trunk[seen.length - 1]!
  }

  /** Makes the longest of a key's incompatible reads its trunk. */
  private straighten(key: number): void {
    const old = this.trunks[key]!
    let trunk: ReadonlyArray<number> = old
    for (const [at, elements] of this.odd) {
      if (this.keys[at] === key && elements.length > trunk.length) trunk = elements
    }
    if (trunk === old) return
    this.trunks[key] = [...trunk]
    for (let at = 0; at < this.keys.length; at += 1) {
      if (this.keys[at] !== key || this.kinds[at] !== read || this.versions[at]! < 0) continue
      const length = this.lengths[at]!
      const elements = this.odd.get(at) ?? old
      let shared = 0
      while (shared < length && elements[shared] === trunk[shared]) shared += 1
      if (shared === length) this.odd.delete(at)
      else if (!this.odd.has(at)) this.odd.set(at, old.slice(0, length))
    }
  }

  result(): Transactions {
    const { history, kind, starts, kinds, keys, versions, lengths, odd, names, table } = this
    const writers = new Int32Array(table.count).fill(none)
    const failedWriters = new Int32Array(table.count).fill(none)
    const intermediate = new Uint8Array(table.count)
    const lastWrite = new Int32Array(names.values.length).fill(-1)
    for (let row = 0; row < history.count; row += 1) {
      const failed = history.outcomes[row] === History.failed
      for (let at = starts[row]!; at < starts[row + 1]!; at += 1) {
        if (kinds[at] !== write) continue
        const version = versions[at]!
        if (failed) failedWriters[version] = row
        else writers[version] = writers[version] === none ? row : ambiguous
        const before = lastWrite[keys[at]!]!
        if (before >= starts[row]!) intermediate[versions[before]!] = 1
        lastWrite[keys[at]!] = at
      }
    }
    for (let key = 0; key < names.values.length; key += 1) this.trunks[key] ??= []
    if (kind === "rw-register") this.markInitial(writers, failedWriters)
    return {
      kind,
      history,
      count: history.count,
      outcomes: history.outcomes,
      starts,
      kinds,
      keys,
      versions,
      lengths,
      odd,
      keyCount: names.values.length,
      keyNames: names.values,
      table,
      trunks: this.trunks,
      writers,
      failedWriters,
      intermediate
    }
  }

  /** Reads of a value that registers hold at first read no version. */
  private markInitial(writers: Int32Array, failedWriters: Int32Array): void {
    const { kinds, keys, versions, table } = this
    const readsNil = new Uint8Array(this.names.values.length)
    for (let at = 0; at < keys.length; at += 1) {
      if (kinds[at] === read && versions[at] === initial) readsNil[keys[at]!] = 1
    }
    const chosen = this.options.initial
    for (let at = 0; at < keys.length; at += 1) {
      const version = versions[at]!
      if (kinds[at] !== read || version < 0) continue
      if (writers[version] !== none || failedWriters[version] !== none) continue
      const value = table.value(version)
      if (chosen === undefined ? value === 0 && readsNil[keys[at]!] === 0 : same(value, chosen)) versions[at] = initial
    }
  }
}

/** A micro-operation in words. */
const micro = (transactions: Transactions, at: number): string => {
  const { kind, kinds, keys, versions, keyNames, table, lengths } = transactions
  const key = text(keyNames[keys[at]!]!)
  const version = versions[at]!
  if (kinds[at] === write) return `[${kind === "list-append" ? "append" : "w"} ${key} ${text(table.value(version))}]`
  if (version === unseen) return `[r ${key} ?]`
  if (version === initial) return `[r ${key} nil]`
  if (kind === "rw-register") return `[r ${key} ${text(table.value(version))}]`
  const length = lengths[at]!
  const from = Math.max(0, length - listShownMax)
  const shown = elements(transactions, at).slice(from, length)
  const items = shown.map((element) => text(table.value(element)))
  return `[r ${key} [${from > 0 ? "... " : ""}${items.join(" ")}]]`
}

/** What a person still reads. */
const listShownMax = 12
const microsShownMax = 12

/** The elements that a read saw, and perhaps more: cut at its length. */
export const elements = (transactions: Transactions, at: number): ReadonlyArray<number> =>
  transactions.odd.get(at) ?? transactions.trunks[transactions.keys[at]!]!

/** A transaction in words: its micro-operations. */
export const describe = (transactions: Transactions, transaction: number): string => {
  const start = transactions.starts[transaction]!
  const end = transactions.starts[transaction + 1]!
  const shown = Math.min(end, start + microsShownMax)
  const words = Array.from({ length: shown - start }, (_, index) => micro(transactions, start + index))
  return `[${words.join(" ")}${shown < end ? ` and ${end - shown} more` : ""}]`
}

/** The transaction of a micro-operation. */
export const transactionOf = ({ starts, count }: Transactions, at: number): number => {
  let low = 0
  let high = count - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (starts[middle]! <= at) low = middle
    else high = middle - 1
  }
  return low
}
