/** `sim swarm`: many seeds on all cores; what failed, each bug once, with the first seed that shows it. */
import * as os from "node:os"
import * as Registry from "./Registry.ts"
import { exitCodes } from "./CliError.ts"
import { type Failure, Failures } from "./Failures.ts"
import * as Format from "./Format.ts"
import * as Parse from "./Parse.ts"
import * as Pool from "./Pool.ts"
import type { Task } from "./Protocol.ts"
import * as Request from "./Request.ts"
import * as Seeds from "./Seeds.ts"
import * as Terminal from "./Terminal.ts"

export interface Input extends Omit<Request.RunFlags, "seed"> {
  readonly seeds: number | undefined
  readonly jobs: number | undefined
  readonly from: string | undefined
  readonly budget: string | undefined
  readonly json: boolean
}

const seedsMax = 1_000_000_000
const seedsDefault = 100
export const jobsMax = 256

interface Tally {
  runs: number
  events: number
  virtualMillis: number
  readonly failures: Failures
}

export const main = async (input: Input): Promise<number> => {
  const names =
    input.scenario === undefined
      ? Registry.namesWithoutCanaries()
      : Parse.list(input.scenario).map(Request.scenarioName)
  const overrides = Request.overridesOf(input)
  if (overrides.nodes !== undefined)
    for (const name of names) Request.checkNodes(await Registry.load(name), overrides.nodes)
  const budgetMillis = input.budget === undefined ? undefined : Parse.durationMicros("--budget", input.budget) / 1_000
  const jobs =
    input.jobs === undefined ? os.availableParallelism() : Parse.count("--jobs", input.jobs, { min: 1, max: jobsMax })
  const asked = input.seeds === undefined ? undefined : Parse.count("--seeds", input.seeds, { min: 1, max: seedsMax })
  const seeds = asked ?? (budgetMillis === undefined ? seedsDefault : seedsMax)
  const from = input.from === undefined ? Seeds.draw() : Parse.seed("--from", input.from)
  const say = input.json ? Terminal.note : Terminal.print
  const amount = seeds === seedsMax ? "seeds" : Format.counted(seeds, "seed")
  const within = input.budget === undefined ? "" : ` within ${input.budget}`
  say(
    `swarm: ${amount} from ${Seeds.at(from, 0)}${within}, ${Format.counted(names.length, "scenario")}, ${Format.counted(jobs, "worker")}`
  )

  const tally: Tally = { runs: 0, events: 0, virtualMillis: 0, failures: new Failures() }
  const startedAt = performance.now()
  const interrupted = new AbortController()
  const onInterrupt = (): void => interrupted.abort()
  process.once("SIGINT", onInterrupt)
  const end = await Pool.run(
    tasks(names, from, seeds),
    {
      jobs: Math.min(jobs, seeds * names.length),
      scenarios: names,
      overrides,
      ...(budgetMillis === undefined ? {} : { budgetMillis }),
      signal: interrupted.signal
    },
    (report) => {
      const failure = take(tally, report)
      if (failure !== undefined) {
        const { scenario, seed } = report.task
        say(`${scenario} --seed ${seed}: ${failure.judge}: ${failure.detail.split("\n", 1)[0]}`)
      }
      Terminal.progress(() => progress(tally, startedAt, names.length, seeds))
    }
  )
  process.removeListener("SIGINT", onInterrupt)
  Terminal.progressDone()
  const outcome = conclude(tally, input, {
    end,
    from,
    jobs,
    wallMillis: performance.now() - startedAt,
    scenarios: names
  })
  Terminal.print(input.json ? JSON.stringify(outcome) : text(outcome))
  return exitCode(outcome)
}

function* tasks(names: ReadonlyArray<string>, from: string, seeds: number): Generator<Task, void> {
  for (let index = 0; index < seeds * names.length; index++) {
    yield { index, scenario: names[index % names.length], seed: Seeds.at(from, Math.floor(index / names.length)) }
  }
}

/** Returns a failure that is the first of its kind. */
const take = (tally: Tally, report: Pool.Report): ReturnType<Failures["addReport"]> => {
  tally.runs += 1
  if (report.type !== "lost") {
    tally.events += report.summary.events
    tally.virtualMillis += report.summary.virtualMillis
  }
  return tally.failures.addReport(report)
}

const progress = (tally: Tally, startedAt: number, scenarios: number, seeds: number): string => {
  const seconds = (performance.now() - startedAt) / 1_000
  const done = tally.runs / scenarios
  const share = seeds === seedsMax ? Format.whole(done) : `${Format.whole(done)} of ${Format.whole(seeds)}`
  return (
    `${Format.duration(seconds * 1_000)} · ${share} seeds · ${Format.rate(done / seconds)} seeds/s · ` +
    `${Format.rate(tally.events / seconds)} events/s · ${Format.counted(tally.failures.size, "failure")}`
  )
}

export interface Outcome {
  readonly verdict: "pass" | "fail" | "error"
  readonly end: Pool.End
  readonly from: string
  readonly scenarios: ReadonlyArray<string>
  readonly jobs: number
  readonly runs: number
  readonly seeds: number
  readonly wallMillis: number
  readonly seedsPerSecond: number
  readonly events: number
  readonly eventsPerSecond: number
  readonly virtualMillis: number
  readonly failures: ReadonlyArray<{
    readonly scenario: string
    readonly judge: string
    readonly detail: string
    readonly seed: string
    readonly count: number
    /** A canary's: it must fail. */
    readonly expected: boolean
    readonly reproduce: string
  }>
}

const conclude = (
  tally: Tally,
  flags: Input,
  run: {
    readonly end: Pool.End
    readonly from: string
    readonly jobs: number
    readonly wallMillis: number
    readonly scenarios: ReadonlyArray<string>
  }
): Outcome => {
  const failures = tally.failures.all().map((failure) => ({
    scenario: failure.scenario,
    judge: failure.judge,
    detail: failure.detail,
    seed: failure.seed,
    count: failure.count,
    expected: Registry.entry(failure.scenario)?.canary === true && !isBreakdown(failure),
    reproduce: `npm run sim -- ${Request.written(failure.scenario, failure.seed, flags)}`
  }))
  const unexpected = failures.filter((failure) => !failure.expected)
  const verdict = unexpected.length === 0 ? "pass" : unexpected.every(isBreakdown) ? "error" : "fail"
  const seconds = run.wallMillis / 1_000
  const seeds = Math.ceil(tally.runs / run.scenarios.length)
  return {
    verdict,
    end: run.end,
    from: run.from,
    scenarios: run.scenarios,
    jobs: run.jobs,
    runs: tally.runs,
    seeds,
    wallMillis: Math.round(run.wallMillis),
    seedsPerSecond: Number((seeds / seconds).toPrecision(4)),
    events: tally.events,
    eventsPerSecond: Math.round(tally.events / seconds),
    virtualMillis: tally.virtualMillis,
    failures
  }
}

/** A failure of the simulator or of a worker, which no judge found. */
const isBreakdown = (failure: Pick<Failure, "judge">): boolean =>
  failure.judge === "simulator" || failure.judge === "worker"

const exitCode = (outcome: Outcome): number =>
  outcome.verdict === "pass" && outcome.end === "interrupted" ? exitCodes.interrupted : exitCodes[outcome.verdict]

const text = (outcome: Outcome): string => {
  const { green, red, yellow, dim, bold } = Terminal.paint
  const verdict = { pass: green("PASS"), fail: red("FAIL"), error: red("ERROR") }[outcome.verdict]
  const ended = {
    finished: "",
    budget: ", the budget is used up",
    interrupted: ", interrupted",
    stopped: "",
    "gave up": ", too many workers died"
  }[outcome.end]
  const facts = [
    `${Format.counted(outcome.seeds, "seed")}${ended}`,
    `${Format.duration(outcome.wallMillis)} wall`,
    `${Format.duration(outcome.virtualMillis)} virtual`,
    `${Format.rate(outcome.seedsPerSecond)} seeds/s`,
    `${Format.rate(outcome.eventsPerSecond)} events/s`
  ]
  const lines = [`${verdict}  ${facts.join(dim(" · "))}`]
  for (const failure of outcome.failures) {
    const sign = failure.expected ? yellow("canary") : red("✗")
    const times = failure.count === 1 ? "" : dim(` (${Format.whole(failure.count)} times)`)
    lines.push("", `  ${sign} ${bold(failure.scenario)} ${failure.judge}${times}`)
    lines.push(`    ${failure.detail.split("\n").slice(0, 6).join("\n    ")}`, `    ${dim(failure.reproduce)}`)
  }
  return lines.join("\n")
}
