/**
 * Bank (jepsen.tests.bank): transfers between accounts; every read of all accounts must show the same total, and no
 * balance below zero unless that is allowed. Accounts and total are those of the first read, if not given.
 */
import * as History from "#sim/judges/History.ts"
import { isArray, text, type Value } from "#sim/judges/Value.ts"
import { Findings } from "../Anomaly.ts"
import type { Report } from "./Report.ts"

export interface Options {
  readonly accounts?: ReadonlyArray<Value>
  readonly totalAmount?: number
  readonly negativeBalances?: boolean
}

export const check = (history: History.History, options: Options = {}): Report => {
  const findings = new Findings()
  let accounts = options.accounts === undefined ? undefined : new Set(options.accounts.map(text))
  let total = options.totalAmount
  let reads = 0
  for (let row = 0; row < history.count; row += 1) {
    if (history.functions[row] !== "read" || history.outcomes[row] !== History.ok) continue
    const balances = balancesOf(history.outputs[row]!)
    if (balances === undefined) continue
    reads += 1
    accounts ??= new Set(balances.keys())
    total ??= sum(balances.values())
    const wrong = wrongWith(balances, accounts, total, options.negativeBalances ?? false)
    if (wrong === undefined) continue
    const explanation = `the read ${text(history.outputs[row]!)} by ${History.nameOf(history, row)} ${wrong.words}`
    findings.add(wrong.type, () => ({ transactions: [row], explanation }))
  }
  const errors = Object.values(findings.counts).reduce((left, right) => left + right, 0)
  const counts = { "read-count": reads, "error-count": errors, ...findings.counts }
  return { valid: errors === 0, anomalies: findings.anomalies, counts }
}

/** Account to balance, from a map or from a list of pairs; accounts by their text, so that "1" of JSON is one of them. */
const balancesOf = (value: Value): ReadonlyMap<string, Value> | undefined => {
  if (value instanceof Map)
    return new Map([...(value as ReadonlyMap<Value, Value>)].map(([key, item]) => [text(key), item]))
  if (!isArray(value)) return undefined
  const pairs = value.flatMap((item) =>
    isArray(item) && item.length === 2 ? [[text(item[0]!), item[1]!] as const] : []
  )
  return pairs.length === value.length ? new Map(pairs) : undefined
}

const sum = (values: Iterable<Value>): number => {
  let total = 0
  for (const value of values) total += Number(value)
  return total
}

const wrongWith = (
  balances: ReadonlyMap<string, Value>,
  accounts: ReadonlySet<string>,
  total: number,
  negativeBalances: boolean
): { readonly type: string; readonly words: string } | undefined => {
  const unexpected = [...balances.keys()].filter((account) => !accounts.has(account))
  if (unexpected.length > 0)
    return { type: "unexpected-key", words: `has unexpected accounts ${unexpected.join(", ")}` }
  const values = [...balances.values()]
  if (values.includes(null)) return { type: "nil-balance", words: "has accounts without a balance" }
  const found = sum(values)
  if (found !== total) return { type: "wrong-total", words: `has a total of ${found}, not ${total}` }
  if (!negativeBalances && values.some((value) => Number(value) < 0)) {
    return { type: "negative-value", words: "has balances below zero" }
  }
  return undefined
}
