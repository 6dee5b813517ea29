/**
 * What is wrong with rw-register transactions without looking at cycles (elle.rw-register): aborted, intermediate, invented
 * and future reads, and reads that contradict their own transaction.
 *
 * We differ from Elle in three places. A value that nobody wrote is an anomaly (`garbage-read`): Elle takes it for an
 * initial state, even where the key has been seen in another before. A read of nil counts as an expectation for the reads
 * after it in the transaction. And a read of the transaction's own later write is a `future-read` here as well.
 */
import * as History from "#sim/judges/History.ts"
import { text } from "#sim/judges/Value.ts"
import { type Access, firstRead } from "./Access.ts"
import type { Findings } from "./Anomaly.ts"
import { describe, none, read, type Transactions, unseen } from "./Transactions.ts"

export const check = (transactions: Transactions, access: Access, findings: Findings): void => {
  const { count, outcomes, starts, kinds } = transactions
  for (let transaction = 0; transaction < count; transaction += 1) {
    if (outcomes[transaction] !== History.ok) continue
    for (let at = starts[transaction]!; at < starts[transaction + 1]!; at += 1) {
      if (kinds[at] !== read) continue
      source(transactions, access, transaction, at, findings)
      internal(transactions, access, transaction, at, findings)
    }
  }
}

/** Where a value comes from: a failed transaction, nobody, the middle of a transaction, or the reader's own future. */
const source = (
  transactions: Transactions,
  access: Access,
  transaction: number,
  at: number,
  findings: Findings
): void => {
  const { versions, writers, failedWriters, intermediate, table, keyNames, keys } = transactions
  const version = versions[at]!
  if (version < 0) return
  const writer = writers[version]!
  const failed = failedWriters[version]!
  const type =
    writer === none
      ? failed === none
        ? "garbage-read"
        : "G1a"
      : writer === transaction
        ? access.external[at] === firstRead
          ? "future-read"
          : undefined
        : writer >= 0 && intermediate[version] === 1
          ? "G1b"
          : undefined
  if (type === undefined) return
  findings.add(type, () => {
    const key = keyNames[keys[at]!]!
    const value = table.value(version)
    const reader = `T1 = ${describe(transactions, transaction)} read key ${text(key)} = ${text(value)}`
    const other = writer >= 0 ? writer : failed
    const explanation = {
      "garbage-read": `${reader}, which nobody wrote`,
      "future-read": `${reader} before it wrote that itself`,
      G1a: () => `${reader}, written by T2 = ${describe(transactions, other)}, which failed`,
      G1b: () => `${reader}, an intermediate write of T2 = ${describe(transactions, other)}`
    }[type]
    return {
      transactions: type === "G1a" || type === "G1b" ? [transaction, other] : [transaction],
      key,
      value,
      explanation: typeof explanation === "string" ? explanation : explanation()
    }
  })
}

const internal = (
  transactions: Transactions,
  access: Access,
  transaction: number,
  at: number,
  findings: Findings
): void => {
  const { versions, keyNames, keys } = transactions
  const before = access.before[at]!
  if (before === -1 || versions[at] === unseen || versions[before] === unseen) return
  if (versions[at] === versions[before]) return
  findings.add("internal", () => ({
    transactions: [transaction],
    key: keyNames[keys[at]!]!,
    explanation: `T1 = ${describe(transactions, transaction)} read key ${text(keyNames[keys[at]!]!)} in a state that contradicts its own last read or write of it`
  }))
}
