/** Render: a run's result as a person reads it. Pure text; the callers print. */
import type { Plan } from "#sim/run/Plan.ts"
import type { Check, RunResult } from "#sim/run/Result.ts"
import * as Format from "./Format.ts"
import type { Paint } from "./Terminal.ts"

/** The first line: what runs, before it has run. */
export const heading = (plan: Plan, { real }: { readonly real: boolean }, paint: Paint): string =>
  [
    paint.bold(plan.scenario),
    `seed ${paint.cyan(plan.seed)}`,
    Format.counted(plan.nodes, "node"),
    Format.counted(plan.clients, "client"),
    `${Format.duration(plan.durationMicros / 1_000)} ${real ? "on this machine" : "under faults"}`,
    ...(real ? [] : [`policy ${plan.policy}`])
  ].join(paint.dim(" · "))

/** The verdict, what happened, and each check; `servers` tells nodes from clients. */
export const result = (run: RunResult, servers: number, paint: Paint): string => {
  const verdict = { pass: paint.green("PASS"), fail: paint.red("FAIL"), error: paint.red("ERROR") }[run.verdict]
  const times = [
    `${Format.duration(run.virtualMillis)} virtual`,
    `${Format.duration(run.wallMillis)} wall`,
    `${Format.whole(run.events)} events`,
    `${Format.rate(run.eventsPerSecond)} events/s`
  ]
  const faults = Object.entries(run.faults)
    .filter(([, times]) => times > 0)
    .map(([kind, times]) => `${kind} ${times}`)
  const marks = Object.entries(run.marks)
  const missed = marks.filter(([, times]) => times === 0).map(([mark]) => mark)
  const { ok, failed, unknown } = run.operations
  const facts: Array<Array<string>> = [
    ["faults", faults.length === 0 ? paint.dim("none") : faults.join(paint.dim(" · "))],
    [
      "operations",
      `${Format.whole(ok)} ok${paint.dim(" · ")}${Format.whole(failed)} failed${paint.dim(" · ")}${Format.whole(unknown)} unknown`
    ]
  ]
  if (marks.length > 0) {
    facts.push([
      "marks",
      `${marks.length - missed.length} of ${marks.length} reached${missed.length === 0 ? "" : paint.dim(` (not: ${missed.join(", ")})`)}`
    ])
  }
  facts.push(["trace", run.traceHash])
  const lines = [
    `${verdict}  ${times.join(paint.dim(" · "))}`,
    "",
    Format.table(facts.map(([name, value]) => [paint.dim(name), value]))
  ]
  if (run.checks.length > 0) lines.push("", checks(run.checks, servers, paint))
  return lines.join("\n")
}

const checks = (list: ReadonlyArray<Check>, servers: number, paint: Paint): string => {
  const rows = list.map((check) => {
    const sign = { pass: paint.green("✓"), fail: paint.red("✗"), unknown: paint.yellow("?") }[check.verdict]
    const name = check.verdict === "fail" ? paint.bold(check.name) : check.name
    return [`${sign} ${name}`, `${check.detail}${where(check, servers, paint)}`]
  })
  return Format.table(rows)
}

const where = (check: Check, servers: number, paint: Paint): string => {
  const parts = [
    ...(check.atMicros === undefined ? [] : [`at ${Format.duration(check.atMicros / 1_000)}`]),
    ...(check.node === undefined
      ? []
      : [check.node < servers ? `node n${check.node}` : `client c${check.node - servers}`])
  ]
  return parts.length === 0 ? "" : paint.dim(` (${parts.join(", ")})`)
}

/** Names and commands below a result, aligned. */
export const hints = (rows: ReadonlyArray<readonly [name: string, text: string]>, paint: Paint): string =>
  Format.table(rows.map(([name, text]) => [paint.dim(name), text]))
