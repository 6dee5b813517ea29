/**
 * The order of each list's versions, and the dependencies that follow (Elle 2020, section 4.1): every read shows all appends
 * before it, so the longest read of a key orders them. A key with a single append needs no read. An append that no read
 * shows comes after all that one shows.
 */
import * as History from "#sim/judges/History.ts"
import { text } from "#sim/judges/Value.ts"
import { Edges, rw, wr, ww } from "./Graph.ts"
import type { Explained } from "./Explanation.ts"
import { initial, read, type Transactions, write } from "./Transactions.ts"

/** Dependencies between readers and appends that nobody saw can be quadratic: no more than this a key. */
const pairsMax = 1_000_000

export class ListOrder {
  readonly orders: ReadonlyArray<ReadonlyArray<number>>
  /** Whether some dependencies were left out. */
  truncated = false
  private readonly transactions: Transactions
  /** By version, its place in its key's order, or -1. */
  private readonly places: Int32Array
  /** Readers of version v: `readers[readerStarts[v]]` and on; of a key's initial state after the versions. */
  private readonly readerStarts: Int32Array
  private readonly readers: Int32Array

  constructor(transactions: Transactions) {
    const { table, trunks, keyCount } = transactions
    this.transactions = transactions
    this.places = new Int32Array(table.count).fill(-1)
    const single = singleAppends(transactions)
    const orders: Array<ReadonlyArray<number>> = []
    for (let key = 0; key < keyCount; key += 1) {
      let order: ReadonlyArray<number> = trunks[key]!
      if (order.length === 0 && single[key]! >= 0) order = [single[key]!]
      let distinct = true
      let count = 0
      for (const version of order) {
        if (this.places[version] === -1) this.places[version] = count++
        else distinct = false
      }
      orders.push(distinct ? order : [...new Set(order)])
    }
    this.orders = orders
    const { starts, readers } = this.readersOf()
    this.readerStarts = starts
    this.readers = readers
  }

  /** Where a version stands in its key's order; -1 when no read shows it. */
  place(version: number): number {
    return this.places[version]!
  }

  private readersOf(): { readonly starts: Int32Array; readonly readers: Int32Array } {
    const { kinds, versions, keys, table, keyCount, count, starts: from } = this.transactions
    const starts = new Int32Array(table.count + keyCount + 1)
    const slot = (at: number): number =>
      kinds[at] !== read || versions[at]! < initial
        ? -1
        : versions[at] === initial
          ? table.count + keys[at]!
          : versions[at]!
    for (let at = 0; at < keys.length; at += 1) if (slot(at) >= 0) starts[slot(at) + 1]! += 1
    for (let at = 1; at < starts.length; at += 1) starts[at]! += starts[at - 1]!
    const readers = new Int32Array(starts.at(-1)!)
    const next = starts.slice()
    for (let transaction = 0; transaction < count; transaction += 1) {
      for (let at = from[transaction]!; at < from[transaction + 1]!; at += 1) {
        if (slot(at) >= 0) readers[next[slot(at)]!++] = transaction
      }
    }
    return { starts, readers }
  }

  /** The version that an append replaced, or `initial`: of an append that no read shows, the latest that one does. */
  private previous(at: number): number {
    const { keys, versions } = this.transactions
    const order = this.orders[keys[at]!]!
    const place = this.places[versions[at]!]!
    if (place === 0 || order.length === 0) return initial
    return place > 0 ? order[place - 1]! : order.at(-1)!
  }

  addTo(edges: Edges): void {
    const { count, outcomes, starts, kinds, keys, versions, writers, keyCount } = this.transactions
    const pairs = new Int32Array(keyCount)
    for (let transaction = 0; transaction < count; transaction += 1) {
      if (outcomes[transaction] === History.failed) continue
      for (let at = starts[transaction]!; at < starts[transaction + 1]!; at += 1) {
        const version = versions[at]!
        if (kinds[at] === read) {
          if (version >= 0 && writers[version]! >= 0) edges.add(writers[version]!, transaction, wr)
          continue
        }
        if (writers[version] !== transaction) continue
        const previous = this.previous(at)
        if (previous >= 0 && writers[previous]! >= 0) edges.add(writers[previous]!, transaction, ww)
        const slot = previous === initial ? this.transactions.table.count + keys[at]! : previous
        const from = this.readerStarts[slot]!
        let to = this.readerStarts[slot + 1]!
        if (this.places[version] === -1) {
          const left = pairsMax - pairs[keys[at]!]!
          if (to - from > left) {
            this.truncated = true
            to = from + left
          }
          pairs[keys[at]!]! += to - from
        }
        for (let index = from; index < to; index += 1) edges.add(this.readers[index]!, transaction, rw)
      }
    }
  }

  /** Whether two transactions that committed have appended to one key what no read shows: their order is open. */
  get isOpen(): boolean {
    const { count, outcomes, starts, kinds, keys, versions, keyCount } = this.transactions
    const unseen = new Int32Array(keyCount).fill(-1)
    for (let transaction = 0; transaction < count; transaction += 1) {
      if (outcomes[transaction] !== History.ok) continue
      for (let at = starts[transaction]!; at < starts[transaction + 1]!; at += 1) {
        if (kinds[at] !== write || this.places[versions[at]!] !== -1) continue
        const other = unseen[keys[at]!]!
        if (other !== -1 && other !== transaction) return true
        unseen[keys[at]!] = transaction
      }
    }
    return false
  }

  /** Why the data puts one transaction before another, by a dependency of this kind. */
  explain(first: number, second: number, kind: number): Explained | undefined {
    const { starts, kinds, versions, writers, table, keyNames, keys } = this.transactions
    for (let at = starts[second]!; at < starts[second + 1]!; at += 1) {
      const key = keyNames[keys[at]!]!
      const version = versions[at]!
      if (kind === wr && kinds[at] === read && version >= 0 && writers[version] === first) {
        const value = table.value(version)
        return {
          type: "wr",
          key,
          value,
          words: (a, b) => `${b} observed ${a}'s append of ${text(value)} to key ${text(key)}`
        }
      }
      if (kind === wr || kinds[at] !== write || writers[version] !== second) continue
      const previous = this.previous(at)
      const next = table.value(version)
      const value = previous === initial ? null : table.value(previous)
      if (kind === ww && previous !== initial && writers[previous] === first) {
        return {
          type: "ww",
          key,
          value,
          next,
          words: (a, b) => `${b} appended ${text(next)} after ${a} appended ${text(value)} to ${text(key)}`
        }
      }
      if (kind !== rw || !this.hasRead(first, keys[at]!, previous)) continue
      return {
        type: "rw",
        key,
        value,
        next,
        words: (a, b) =>
          previous === initial
            ? `${a} observed the initial (nil) state of ${text(key)}, which ${b} created by appending ${text(next)}`
            : `${a} did not observe ${b}'s append of ${text(next)} to ${text(key)}`
      }
    }
    return undefined
  }

  private hasRead(transaction: number, key: number, version: number): boolean {
    const { starts, kinds, keys, versions } = this.transactions
    for (let at = starts[transaction]!; at < starts[transaction + 1]!; at += 1) {
      if (kinds[at] === read && keys[at] === key && versions[at] === version) return true
    }
    return false
  }
}

/** By key, the one version that may ever have been appended to it; below 0 when there are none or several. */
const singleAppends = ({ keyCount, keys, kinds, versions, outcomes, starts, count }: Transactions): Int32Array => {
  const single = new Int32Array(keyCount).fill(-1)
  for (let transaction = 0; transaction < count; transaction += 1) {
    if (outcomes[transaction] === History.failed) continue
    for (let at = starts[transaction]!; at < starts[transaction + 1]!; at += 1) {
      if (kinds[at] === write) single[keys[at]!] = single[keys[at]!] === -1 ? versions[at]! : -2
    }
  }
  return single
}
