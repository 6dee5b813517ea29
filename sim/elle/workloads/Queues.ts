/**
 * Queues, in whatever order (jepsen.checker/queue and total-queue). Every dequeue takes an element that was enqueued, or may
 * have been, before the dequeue ended, and each only once. Where the queue has been drained (`drain` operations return what
 * was left), or where that is asked for, every element that was surely enqueued must have come out.
 */
import * as History from "#sim/judges/History.ts"
import { isArray, text } from "#sim/judges/Value.ts"
import { Findings } from "../Anomaly.ts"
import type { Report } from "./Report.ts"

export interface Options {
  /** Whether all that went in must have come out. Default: when the history drains the queue. */
  readonly total?: boolean
}

interface Element {
  attempts: number
  enqueued: number
  dequeued: number
  row: number
}

export const check = (history: History.History, options: Options = {}): Report => {
  const findings = new Findings()
  const elements = new Map<string, Element>()
  const of = (name: string, row: number): Element => {
    let element = elements.get(name)
    if (element === undefined) elements.set(name, (element = { attempts: 0, enqueued: 0, dequeued: 0, row }))
    return element
  }
  let drained = false
  const take = (name: string, row: number): void => {
    const element = of(name, row)
    element.dequeued += 1
    if (element.dequeued <= element.attempts) return
    const type = element.attempts === 0 ? "unexpected" : "duplicated"
    const why = type === "unexpected" ? "nobody had tried to enqueue" : "had come out before"
    const explanation = `${History.nameOf(history, row)} dequeued ${name}, which ${why}`
    findings.add(type, () => ({ transactions: [row], explanation }))
  }
  for (const { row, type } of History.events(history)) {
    const name = history.functions[row]!
    if (name === "enqueue") {
      const element = of(text(history.inputs[row]!), row)
      if (type === "invoke") element.attempts += 1
      if (type === "ok") element.enqueued += 1
    } else if (name === "dequeue" && type === "ok" && history.outputs[row] !== null) {
      take(text(history.outputs[row]!), row)
    } else if (name === "drain" && type === "ok") {
      drained = true
      const left = history.outputs[row]!
      for (const value of isArray(left) ? left : []) take(text(value), row)
    }
  }
  if (options.total ?? drained) {
    for (const [name, { enqueued, dequeued, row }] of elements) {
      if (enqueued <= dequeued) continue
      const explanation = `${name} was enqueued and never came out`
      findings.add("lost", () => ({ transactions: [row], explanation }))
    }
  }
  const sum = (pick: (element: Element) => number): number =>
    [...elements.values()].reduce((total, element) => total + pick(element), 0)
  const counts = {
    "attempt-count": sum(({ attempts }) => attempts),
    "acknowledged-count": sum(({ enqueued }) => enqueued),
    "dequeue-count": sum(({ dequeued }) => dequeued),
    ...findings.counts
  }
  return { valid: findings.anomalies.length === 0, anomalies: findings.anomalies, counts }
}
