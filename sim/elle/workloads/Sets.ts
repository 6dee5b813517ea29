/**
 * Sets (jepsen.checker/set and set-full): adds of single elements, reads of all of them.
 *
 * `final` judges the last read: it holds all that was surely added, and nothing that nobody tried to add. `full` follows
 * each element through all reads: it is lost when, though known to be there, no read that begins after some time sees it;
 * stale when one that began after it was known misses it, which is wrong only for a linearizable set. An element that a
 * read has twice is wrong here; Jepsen counts it with a comparison that is never true.
 */
import * as History from "#sim/judges/History.ts"
import { isArray, text, type Value } from "#sim/judges/Value.ts"
import { Findings } from "../Anomaly.ts"
import type { Report } from "./Report.ts"

const unread: Report = { valid: "unknown", anomalies: [], counts: {}, reason: "the set was never read" }

const isAdd = (history: History.History, row: number): boolean => history.functions[row] === "add"
const isOkRead = (history: History.History, row: number): boolean =>
  history.functions[row] === "read" && history.outcomes[row] === History.ok && isArray(history.outputs[row])

/** Judges the read that was completed last. */
export const final = (history: History.History): Report => {
  const attempts = new Map<string, number>()
  const adds = new Map<string, number>()
  let last = -1
  for (let row = 0; row < history.count; row += 1) {
    if (isAdd(history, row)) {
      const element = text(history.inputs[row]!)
      attempts.set(element, row)
      if (history.outcomes[row] === History.ok) adds.set(element, row)
    }
    if (isOkRead(history, row) && (last === -1 || history.returns[row]! > history.returns[last]!)) last = row
  }
  if (last === -1) return unread
  const read = new Set((history.outputs[last] as ReadonlyArray<Value>).map(text))
  const findings = new Findings()
  for (const [element, row] of adds) {
    if (read.has(element)) continue
    const explanation = `${element} was added, but the last read does not have it`
    findings.add("lost", () => ({ transactions: [row, last], explanation }))
  }
  for (const element of read) {
    if (attempts.has(element)) continue
    const explanation = `the last read has ${element}, which nobody tried to add`
    findings.add("unexpected", () => ({ transactions: [last], explanation }))
  }
  const okCount = [...read].filter((element) => attempts.has(element)).length
  const recovered = [...read].filter((element) => attempts.has(element) && !adds.has(element)).length
  const counts = {
    "attempt-count": attempts.size,
    "acknowledged-count": adds.size,
    "ok-count": okCount,
    "recovered-count": recovered,
    ...findings.counts
  }
  return { valid: findings.anomalies.length === 0, anomalies: findings.anomalies, counts }
}

export interface Options {
  /** Whether a read that misses an element known before it is wrong. Default: false. */
  readonly linearizable?: boolean
}

const never = 0x7fffffff

/** What is known of an element: places among the events, `never` or -1 where there are none. */
interface Element {
  readonly row: number
  /** The completion of its add, or of the first read that saw it. */
  known: number
  lastPresent: number
  lastAbsent: number
}

export const full = (history: History.History, options: Options = {}): Report => {
  const findings = new Findings()
  const elements = follow(history, findings)
  let stable = 0
  let neverRead = 0
  for (const [element, { row, known, lastPresent, lastAbsent }] of elements) {
    if (lastPresent !== -1 && lastAbsent < lastPresent) {
      stable += 1
      if (options.linearizable !== true || lastAbsent < known) continue
      const explanation = `a read that began when ${element} was known to be there did not see it`
      findings.add("stale", () => ({ transactions: [row], explanation }))
    } else if (known !== never && lastAbsent !== -1 && lastPresent < lastAbsent && known < lastAbsent) {
      const explanation = `${element} was known to be there, but the reads after some time do not see it`
      findings.add("lost", () => ({ transactions: [row], explanation }))
    } else neverRead += 1
  }
  const counts = {
    "attempt-count": elements.size,
    "stable-count": stable,
    "never-read-count": neverRead,
    ...findings.counts
  }
  if (findings.anomalies.length > 0) return { valid: false, anomalies: findings.anomalies, counts }
  if (stable > 0) return { valid: true, anomalies: [], counts }
  return { valid: "unknown", anomalies: [], counts, reason: "no element was ever seen to stay" }
}

/** Walks the events; reads bring what has been added before their completion up to date. */
const follow = (history: History.History, findings: Findings): ReadonlyMap<string, Element> => {
  const elements = new Map<string, Element>()
  for (const event of History.events(history)) {
    const { row } = event
    if (isAdd(history, row)) {
      const name = text(history.inputs[row]!)
      const element = elements.get(name)
      if (event.type === "invoke") {
        elements.set(name, { row, known: never, lastPresent: -1, lastAbsent: -1 })
      } else if (event.type === "ok" && element !== undefined && element.known === never) {
        element.known = history.returns[row]!
      }
      continue
    }
    if (event.type !== "ok" || !isOkRead(history, row)) continue
    const list = (history.outputs[row] as ReadonlyArray<Value>).map(text)
    const seen = new Set(list)
    const call = history.calls[row]!
    for (const [name, element] of elements) {
      if (seen.has(name)) {
        if (element.known === never) element.known = history.returns[row]!
        element.lastPresent = Math.max(element.lastPresent, call)
      } else element.lastAbsent = Math.max(element.lastAbsent, call)
    }
    if (seen.size === list.length) continue
    const twice = list.find((name, index) => list.indexOf(name) !== index)!
    findings.add("duplicated", () => ({ transactions: [row], explanation: `a read has ${twice} more than once` }))
  }
  return elements
}
