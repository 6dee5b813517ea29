/**
 * Lost updates, for both kinds of transactions: two that committed both read one version of a key and wrote the key, each on
 * what it had read (Adya's H_lu; Elle's lost-update). Found without any order of versions, in one pass.
 */
import * as History from "#sim/judges/History.ts"
import { text } from "#sim/judges/Value.ts"
import { type Access, finalWrite, firstRead } from "./Access.ts"
import type { Findings } from "./Anomaly.ts"
import { describe, initial, type Transactions } from "./Transactions.ts"

export const check = (transactions: Transactions, access: Access, findings: Findings): void => {
  const { count, outcomes, starts, keys, versions, table, keyCount, odd } = transactions
  const firstUpdater = new Int32Array(table.count + keyCount).fill(-1)
  const readOf = new Int32Array(keyCount).fill(-1)
  for (let transaction = 0; transaction < count; transaction += 1) {
    if (outcomes[transaction] !== History.ok) continue
    const start = starts[transaction]!
    const end = starts[transaction + 1]!
    for (let at = start; at < end; at += 1) if (access.external[at] === firstRead) readOf[keys[at]!] = at
    for (let at = start; at < end; at += 1) {
      const seenAt = readOf[keys[at]!]!
      if (access.external[at] !== finalWrite || seenAt < start || odd.has(seenAt)) continue
      const seen = versions[seenAt]!
      if (seen < initial) continue
      const slot = seen === initial ? table.count + keys[at]! : seen
      const other = firstUpdater[slot]!
      if (other === -1) firstUpdater[slot] = transaction
      else report(transactions, findings, other, transaction, seenAt)
    }
  }
}

const report = (
  transactions: Transactions,
  findings: Findings,
  first: number,
  second: number,
  readAt: number
): void => {
  const { keys, versions, keyNames, table } = transactions
  findings.add("lost-update", () => {
    const key = keyNames[keys[readAt]!]!
    const seen = versions[readAt]!
    const value = seen === initial ? null : table.value(seen)
    return {
      transactions: [first, second],
      key,
      value,
      explanation: `T1 = ${describe(transactions, first)} and T2 = ${describe(transactions, second)} both read key ${text(key)} ${seen === initial ? "in its initial (nil) state" : `at version ${text(value)}`}, and both went on to write it: one update is lost`
    }
  })
}
