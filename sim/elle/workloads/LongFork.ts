/**
 * Long fork (jepsen.tests.long-fork): keys are written once; transactions read whole groups of keys. Of two reads of one
 * group one must have seen all that the other saw, or the writes happened in two orders: parallel snapshot isolation allows
 * that, snapshot isolation does not.
 *
 * Sorted by how many keys they saw, reads form a chain exactly when neighbours do: n log n rather than all pairs.
 */
import * as History from "#sim/judges/History.ts"
import { isArray, text, type Value } from "#sim/judges/Value.ts"
import { Findings } from "../Anomaly.ts"
import type { Report } from "./Report.ts"

export interface Options {
  /** How many keys a read has to see. Default: as many as the first does. */
  readonly groupSize?: number
}

interface Read {
  readonly row: number
  readonly seen: ReadonlyMap<string, string>
}

export const check = (history: History.History, options: Options = {}): Report => {
  const groups = new Map<string, Array<Read>>()
  const written = new Set<string>()
  let size = options.groupSize
  const unknown = (reason: string): Report => ({ valid: "unknown", anomalies: [], counts: {}, reason })
  for (let row = 0; row < history.count; row += 1) {
    const input = steps(history.inputs[row]!)
    if (input.length === 1 && isWrite(input[0]!)) {
      const key = text(input[0]![1]!)
      if (written.has(key)) return unknown(`key ${key} is written several times`)
      written.add(key)
    }
    if (history.outcomes[row] !== History.ok) continue
    const output = steps(history.outputs[row]!)
    if (output.length === 0 || output.some(isWrite)) continue
    const read = readOf(row, output)
    size ??= output.length
    if (output.length !== size) return unknown(`every read has to see ${size} keys, but one saw ${output.length}`)
    const group = output
      .map((step) => text(step[1]!))
      .sort()
      .join(" ")
    const list = groups.get(group)
    if (list === undefined) groups.set(group, [read])
    else list.push(read)
  }
  const findings = new Findings()
  let reads = 0
  for (const [group, list] of groups) {
    reads += list.length
    const different = differentValues(list)
    if (different !== undefined) return unknown(`key ${different} was read with several values`)
    list.sort((left, right) => left.seen.size - right.seen.size || left.row - right.row)
    for (let at = 1; at < list.length; at += 1) {
      const [less, more] = [list[at - 1]!, list[at]!]
      const missing = [...less.seen.keys()].find((key) => !more.seen.has(key))
      if (missing === undefined) continue
      const extra = [...more.seen.keys()].find((key) => !less.seen.has(key))!
      findings.add("long-fork", () => ({
        transactions: [less.row, more.row],
        explanation: `of the keys ${group}, T1 saw the write of ${missing} but not of ${extra}, and T2 that of ${extra} but not of ${missing}`
      }))
    }
  }
  const valid = findings.anomalies.length === 0
  return { valid, anomalies: findings.anomalies, counts: { "reads-count": reads, ...findings.counts } }
}

const steps = (value: Value): ReadonlyArray<ReadonlyArray<Value>> =>
  isArray(value) ? value.filter((item): item is ReadonlyArray<Value> => isArray(item) && item.length >= 2) : []

const writeNames = new Set<Value | undefined>(["w", ":w", "write", ":write"])
const isWrite = (step: ReadonlyArray<Value>): boolean => writeNames.has(step[0])

const readOf = (row: number, output: ReadonlyArray<ReadonlyArray<Value>>): Read => ({
  row,
  seen: new Map(
    output.flatMap((step) =>
      step[2] === undefined || step[2] === null ? [] : [[text(step[1]!), text(step[2])] as const]
    )
  )
})

const differentValues = (list: ReadonlyArray<Read>): string | undefined => {
  const values = new Map<string, string>()
  for (const { seen } of list) {
    for (const [key, value] of seen) {
      if ((values.get(key) ?? value) !== value) return key
      values.set(key, value)
    }
  }
  return undefined
}
