/** Judging: runs a scenario's judges over a run, and those that every scenario has. */
import type { Judged } from "#reports/Judged.ts"
import type { Operation } from "./History.ts"
import type { Judge, Judging as Session, Observed, Sent, Sight, Violation } from "./Judge.ts"
import type { Check } from "./Result.ts"

interface Sitting {
  readonly judge: Judge
  readonly session: Session<any, any>
  violation: Violation | undefined
}

const failed = (name: string, violation: Violation): Check => ({
  name,
  verdict: "fail",
  detail: violation.detail,
  ...(violation.atMicros === undefined ? {} : { atMicros: violation.atMicros }),
  ...(violation.node === undefined ? {} : { node: violation.node })
})

/** What the run itself noticed, by the name of the judge that it counts under. */
export type BuiltIn = "ambient" | "defects" | "errors" | "liveness"

const promises: Readonly<Record<BuiltIn, string>> = {
  ambient: "no ambient time, randomness, promise or I/O was touched",
  defects: "no assertion failed and nothing unexpected was thrown",
  errors: "no unexpected ERROR event",
  liveness: "after the faults had healed, every client's final operations were done in time"
}

export class Judging {
  private readonly sittings: ReadonlyArray<Sitting>
  /** Those that are told of trace events. */
  private readonly observing: ReadonlyArray<Sitting>
  /** Those that are told of datagrams. */
  private readonly hearing: ReadonlyArray<Sitting>
  private readonly found = new Map<BuiltIn, Violation>()
  private readonly pictures = new Map<string, NonNullable<Violation["picture"]>>()

  constructor(judges: ReadonlyArray<Judge>, run: Sight) {
    this.sittings = judges.map((judge) => ({ judge, session: judge.make(run), violation: undefined }))
    this.observing = this.sittings.filter(({ session }) => session.observe !== undefined)
    this.hearing = this.sittings.filter(({ session }) => session.sent !== undefined)
  }

  /** True: an invariant broke at this event, and the run is over. */
  observe(event: Observed): boolean {
    let over = false
    for (const sitting of this.observing) {
      if (sitting.violation !== undefined) continue
      if (this.breaks(sitting, event.atMicros, event.node, sitting.session.observe!(event))) over = true
    }
    return over
  }

  get hearsDatagrams(): boolean {
    return this.hearing.length > 0
  }

  /** The same for a datagram. */
  sent(datagram: Sent): boolean {
    let over = false
    for (const sitting of this.hearing) {
      if (sitting.violation !== undefined) continue
      if (this.breaks(sitting, datagram.atMicros, datagram.from, sitting.session.sent!(datagram))) over = true
    }
    return over
  }

  /** The same for an operation that has its outcome, now. */
  completed(operation: Operation, atMicros: number, node: number): boolean {
    let over = false
    for (const sitting of this.sittings) {
      if (sitting.violation !== undefined || sitting.session.completed === undefined) continue
      if (this.breaks(sitting, atMicros, node, sitting.session.completed(operation, atMicros))) over = true
    }
    return over
  }

  private breaks(sitting: Sitting, atMicros: number, node: number, violation: Violation | undefined): boolean {
    if (violation === undefined) return false
    sitting.violation = { atMicros, node, ...violation }
    return sitting.judge.inside !== true
  }

  /** The first of each kind counts. */
  notice(kind: BuiltIn, violation: Violation): void {
    if (!this.found.has(kind)) this.found.set(kind, violation)
  }

  /** All checks: `ambient` first, because nothing else can be believed when it fails; then the scenario's own, then the rest. */
  finish(history: ReadonlyArray<Operation>): ReadonlyArray<Check> {
    const unknown = history.filter((operation) => operation.outcome.type === "unknown").length
    const seen = `${history.length} operations${unknown === 0 ? "" : `, ${unknown} of unknown outcome`}`
    const own = this.sittings.map(({ judge, session, violation }): Check => {
      if (violation !== undefined) return failed(judge.name, violation)
      const verdict = session.finish?.(history) ?? "pass"
      if (verdict === "pass")
        return {
          name: judge.name,
          verdict: "pass",
          detail: session.finish === undefined ? "it held at every event" : seen
        }
      if (verdict === "unknown")
        return { name: judge.name, verdict: "unknown", detail: "could not decide within its budget" }
      if (verdict.picture !== undefined) this.pictures.set(judge.name, verdict.picture)
      return failed(judge.name, verdict)
    })
    const builtIn = (kind: BuiltIn): Check => {
      const violation = this.found.get(kind)
      return violation === undefined ? { name: kind, verdict: "pass", detail: promises[kind] } : failed(kind, violation)
    }
    return [builtIn("ambient"), ...own, builtIn("defects"), builtIn("errors"), builtIn("liveness")]
  }

  /** After `finish`: the history as each judge that refused it can show it. */
  histories(title: string): ReadonlyArray<{ readonly check: string; readonly judged: Judged }> {
    return [...this.pictures].map(([check, picture]) => ({ check, judged: picture(title) }))
  }
}
