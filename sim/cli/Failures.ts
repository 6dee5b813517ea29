/**
 * Failures: the same bug found by many seeds is one line. Two runs failed alike when the same judge of the same scenario
 * says the same, numbers aside.
 */
import type { Report } from "./Pool.ts"
import type { Task } from "./Protocol.ts"

export interface Failure {
  readonly scenario: string
  readonly judge: string
  /** Of the first seed. */
  readonly detail: string
  /** The first in the order of the tasks, whichever worker was quicker. */
  readonly seed: string
  readonly index: number
  readonly count: number
}

/** Of a stack only the error and where it was thrown count. */
const linesMax = 2

/** A sentence without what differs from seed to seed: numbers, long hexadecimal words, and how many there are in a row. */
export const normalize = (detail: string): string =>
  detail
    .split("\n", linesMax)
    .join("\n")
    .replaceAll(/\b(?=[0-9a-f]*\d)[0-9a-f]{6,}\b/gi, "#")
    .replaceAll(/\d+(?:[.,]\d+)*/g, "#")
    .replaceAll(/#(?:(?:,\s*|\s+and\s+|\s+)\w*#)+/g, "#…")

const fingerprint = (scenario: string, judge: string, detail: string): string =>
  `${scenario}\n${judge}\n${normalize(detail)}`

/** The judge that decided against a run and its sentence. `worker`: the process died or hung; `simulator`: that broke. */
export const failureOf = (report: Report): { readonly judge: string; readonly detail: string } | undefined => {
  if (report.type === "lost") return { judge: "worker", detail: report.reason }
  const { verdict, failed } = report.summary
  if (verdict === "pass") return undefined
  return { judge: verdict === "error" ? "simulator" : (failed[0]?.judge ?? "unnamed"), detail: failed[0]?.detail ?? "" }
}

export class Failures {
  private readonly byFingerprint = new Map<string, Failure>()

  /** Returns whether it is the first of its kind. */
  add(task: Task, judge: string, detail: string): boolean {
    const key = fingerprint(task.scenario, judge, detail)
    const known = this.byFingerprint.get(key)
    const first = known === undefined || task.index < known.index
    const face = first ? { scenario: task.scenario, judge, detail, seed: task.seed, index: task.index } : known
    this.byFingerprint.set(key, { ...face, count: (known?.count ?? 0) + 1 })
    return known === undefined
  }

  /** Adds what a report has of failure: nothing for a run that passed. Returns it, when it is the first of its kind. */
  addReport(report: Report): ReturnType<typeof failureOf> {
    const failure = failureOf(report)
    if (failure === undefined) return undefined
    return this.add(report.task, failure.judge, failure.detail) ? failure : undefined
  }

  get size(): number {
    return this.byFingerprint.size
  }

  /** In the order of the tasks. */
  all(): ReadonlyArray<Failure> {
    return [...this.byFingerprint.values()].sort((left, right) => left.index - right.index)
  }
}
