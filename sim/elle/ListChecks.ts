/**
 * What is wrong with list-append transactions without looking at cycles (Elle 2020, section 4; elle.list-append): aborted,
 * intermediate, invented and future reads, lists that contradict each other or their own transaction, elements twice, and
 * dirty updates. Each in one pass over the micro-operations; lists are walked again only where one is odd.
 */
import * as History from "#sim/judges/History.ts"
import { text } from "#sim/judges/Value.ts"
import type { Access } from "./Access.ts"
import type { Findings } from "./Anomaly.ts"
import type { ListOrder } from "./ListOrder.ts"
import { describe, elements, none, read, type Transactions, transactionOf, write } from "./Transactions.ts"

export const check = (transactions: Transactions, access: Access, order: ListOrder, findings: Findings): void => {
  suspects(transactions, findings)
  incompatible(transactions, findings)
  dirtyUpdates(transactions, order, findings)
  const { count, outcomes, starts, kinds } = transactions
  for (let transaction = 0; transaction < count; transaction += 1) {
    if (outcomes[transaction] !== History.ok) continue
    for (let at = starts[transaction]!; at < starts[transaction + 1]!; at += 1) {
      if (kinds[at] === read) {
        intermediate(transactions, transaction, at, findings)
        internal(transactions, access, transaction, at, findings)
      } else future(transactions, access, order, transaction, at, findings)
    }
  }
}

const keyText = ({ keyNames, keys }: Transactions, at: number): string => text(keyNames[keys[at]!]!)

/** Elements that no list should hold: from failed transactions, from nobody, or twice. */
const suspects = (transactions: Transactions, findings: Findings): void => {
  const { trunks, keys, kinds, versions, odd, count, starts, outcomes, lengths } = transactions
  const suspect = new Map<number, ReadonlyArray<Suspect>>()
  for (let key = 0; key < trunks.length; key += 1) {
    const found = suspectsOf(transactions, trunks[key]!)
    if (found.length > 0) suspect.set(key, found)
  }
  if (suspect.size === 0 && odd.size === 0) return
  for (let transaction = 0; transaction < count; transaction += 1) {
    for (let at = starts[transaction]!; at < starts[transaction + 1]!; at += 1) {
      if (kinds[at] !== read || versions[at]! < 0) continue
      const own = odd.get(at)
      const found = own === undefined ? suspect.get(keys[at]!) : suspectsOf(transactions, own)
      for (const one of found ?? []) {
        if (one.place >= lengths[at]!) continue
        if (one.type !== "duplicate-elements" && outcomes[transaction] !== History.ok) continue
        reportSuspect(transactions, transaction, at, one, findings)
      }
    }
  }
}

interface Suspect {
  readonly type: "G1a" | "garbage-read" | "duplicate-elements"
  readonly version: number
  /** Reads longer than this contain it. */
  readonly place: number
}

const suspectsOf = ({ writers, failedWriters }: Transactions, list: ReadonlyArray<number>): ReadonlyArray<Suspect> => {
  const found: Array<Suspect> = []
  let doubled = false
  for (let place = 0; place < list.length; place += 1) {
    const version = list[place]!
    if (writers[version] === none) {
      found.push({ type: failedWriters[version] === none ? "garbage-read" : "G1a", version, place })
    }
  }
  const seen = new Set<number>()
  for (let place = 0; place < list.length && !doubled; place += 1) {
    doubled = seen.has(list[place]!)
    seen.add(list[place]!)
    if (doubled) found.push({ type: "duplicate-elements", version: list[place]!, place })
  }
  return found
}

const reportSuspect = (
  transactions: Transactions,
  transaction: number,
  at: number,
  suspect: Suspect,
  findings: Findings
): void => {
  const { failedWriters, table, keyNames, keys } = transactions
  findings.add(suspect.type, () => {
    const value = table.value(suspect.version)
    const writer = failedWriters[suspect.version]!
    const reader = `T1 = ${describe(transactions, transaction)}`
    const which = `${text(value)} in key ${keyText(transactions, at)}`
    const explanation = {
      G1a: `${reader} observed ${which}, appended by T2 = ${describe(transactions, writer)}, which failed`,
      "garbage-read": `${reader} observed ${which}, which nobody appended`,
      "duplicate-elements": `${reader} observed ${which} more than once`
    }[suspect.type]
    const rows = suspect.type === "G1a" ? [transaction, writer] : [transaction]
    return { transactions: rows, key: keyNames[keys[at]!]!, value, explanation }
  })
}

/** Reads of one key of which neither is a prefix of the other. */
const incompatible = (transactions: Transactions, findings: Findings): void => {
  const { odd, keys, trunks, lengths, kinds, versions, table, keyNames } = transactions
  if (odd.size === 0) return
  const longest = new Map<number, number>()
  for (const at of odd.keys()) longest.set(keys[at]!, -1)
  for (let at = 0; at < keys.length; at += 1) {
    const key = keys[at]!
    if (kinds[at] !== read || versions[at]! < 0 || odd.has(at) || longest.get(key) !== -1) continue
    if (lengths[at] === trunks[key]!.length) longest.set(key, at)
  }
  for (const [at, seen] of odd) {
    findings.add("incompatible-order", () => {
      const other = longest.get(keys[at]!)!
      const words = (list: ReadonlyArray<number>): string => `[${list.map((one) => text(table.value(one))).join(" ")}]`
      const trunk = trunks[keys[at]!]!
      const rows = [transactionOf(transactions, at), ...(other === -1 ? [] : [transactionOf(transactions, other)])]
      return {
        transactions: rows,
        key: keyNames[keys[at]!]!,
        explanation: `T1 read key ${keyText(transactions, at)} as ${words(seen)}, T2 as ${words(trunk)}: neither is a prefix of the other, so no one order of appends gives both`
      }
    })
  }
}

/** A committed append right on top of an aborted one (Elle's dirty-update). */
const dirtyUpdates = (transactions: Transactions, order: ListOrder, findings: Findings): void => {
  const { writers, failedWriters, outcomes, keyNames, table } = transactions
  for (let key = 0; key < order.orders.length; key += 1) {
    let aborted = -1
    for (const version of order.orders[key]!) {
      const writer = writers[version]!
      if (writer === none) {
        if (failedWriters[version] !== none && aborted === -1) aborted = version
        continue
      }
      if (writer < 0 || outcomes[writer] !== History.ok) continue
      if (aborted !== -1) {
        const base = aborted
        findings.add("dirty-update", () => ({
          transactions: [failedWriters[base]!, writer],
          key: keyNames[key]!,
          value: table.value(version),
          explanation: `T2 = ${describe(transactions, writer)} committed its append of ${text(table.value(version))} to key ${text(keyNames[key]!)} on top of ${text(table.value(base))}, appended by T1 = ${describe(transactions, failedWriters[base]!)}, which failed`
        }))
      }
      aborted = -1
    }
  }
}

/** G1b: a list that ends in the middle of another transaction's appends. */
const intermediate = (transactions: Transactions, transaction: number, at: number, findings: Findings): void => {
  const { versions, writers, table, keyNames, keys } = transactions
  const version = versions[at]!
  if (version < 0 || transactions.intermediate[version] === 0) return
  const writer = writers[version]!
  if (writer < 0 || writer === transaction) return
  findings.add("G1b", () => ({
    transactions: [transaction, writer],
    key: keyNames[keys[at]!]!,
    value: table.value(version),
    explanation: `T1 = ${describe(transactions, transaction)} observed key ${keyText(transactions, at)} up to ${text(table.value(version))}, an intermediate append of T2 = ${describe(transactions, writer)}`
  }))
}

/** A read that contradicts what the transaction itself read or appended before. */
const internal = (
  transactions: Transactions,
  access: Access,
  transaction: number,
  at: number,
  findings: Findings
): void => {
  const { kinds, versions, lengths, keyNames, keys } = transactions
  if (access.before[at] === -1) return
  const seen = lengthOf(transactions, at)
  if (seen === -1) return
  const list = elements(transactions, at)
  let end = seen
  let base = access.before[at]!
  let fits = true
  for (; base !== -1 && kinds[base] === write; base = access.before[base]!) {
    end -= 1
    if (end < 0 || list[end] !== versions[base]) fits = false
  }
  if (base !== -1 && fits && versions[base]! >= -1) {
    fits = end === lengths[base]
    const earlier = elements(transactions, base)
    if (earlier !== list) for (let place = 0; fits && place < end; place += 1) fits = earlier[place] === list[place]
  }
  if (fits) return
  findings.add("internal", () => ({
    transactions: [transaction],
    key: keyNames[keys[at]!]!,
    explanation: `T1 = ${describe(transactions, transaction)} read key ${keyText(transactions, at)} in a state that contradicts its own earlier reads and appends`
  }))
}

/** How many elements a read saw, or -1 when nobody knows. */
const lengthOf = ({ versions, lengths }: Transactions, at: number): number =>
  versions[at]! >= 0 ? lengths[at]! : versions[at] === -1 ? 0 : -1

/** A read of an element that the same transaction appends later. */
const future = (
  transactions: Transactions,
  access: Access,
  order: ListOrder,
  transaction: number,
  at: number,
  findings: Findings
): void => {
  const { kinds, versions, lengths, table, keyNames, keys } = transactions
  // The longest list that was read just before says it: a shorter one would have been a contradiction in itself.
  let earlier = access.before[at]!
  while (earlier !== -1 && kinds[earlier] === write) earlier = access.before[earlier]!
  if (earlier === -1 || versions[earlier]! < 0) return
  const list = elements(transactions, earlier)
  const ordered = order.place(versions[at]!)
  const place = list[ordered] === versions[at] ? ordered : list.indexOf(versions[at]!)
  if (place === -1 || place >= lengths[earlier]!) return
  findings.add("future-read", () => ({
    transactions: [transaction],
    key: keyNames[keys[at]!]!,
    value: table.value(versions[at]!),
    explanation: `T1 = ${describe(transactions, transaction)} observed ${text(table.value(versions[at]!))} in key ${keyText(transactions, at)} before it appended it`
  }))
}
