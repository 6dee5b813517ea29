/**
 * Which micro-operations of a transaction others can see or be seen by, and which were their own key's last before: what
 * the checks inside and between transactions share.
 */
import { read, type Transactions, write } from "./Transactions.ts"

/** The transaction's first access to the key is this read. */
export const firstRead = 1
/** A later read, before any write of its own to the key. */
export const laterRead = 2
/** The transaction's last write to the key. */
export const finalWrite = 3

export interface Access {
  /** By micro-operation: one of the above, or 0 for what stays inside the transaction. */
  readonly external: Uint8Array
  /** By micro-operation: the transaction's one before on the same key, or -1. */
  readonly before: Int32Array
}

export const of = ({ count, starts, kinds, keys, keyCount }: Transactions): Access => {
  const external = new Uint8Array(keys.length)
  const before = new Int32Array(keys.length)
  const latest = new Int32Array(keyCount).fill(-1)
  const lastWrite = new Int32Array(keyCount).fill(-1)
  for (let transaction = 0; transaction < count; transaction += 1) {
    const start = starts[transaction]!
    for (let at = start; at < starts[transaction + 1]!; at += 1) {
      const key = keys[at]!
      before[at] = latest[key]! >= start ? latest[key]! : -1
      latest[key] = at
      const own = lastWrite[key]! >= start
      if (kinds[at] === read) external[at] = before[at] === -1 ? firstRead : own ? 0 : laterRead
      if (kinds[at] !== write) continue
      if (own) external[lastWrite[key]!] = 0
      external[at] = finalWrite
      lastWrite[key] = at
    }
  }
  return { external, before }
}
