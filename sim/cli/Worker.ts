/**
 * Worker: the process that runs seeds for `swarm`, `smoke`, `mutants` and the determinism checks. It is forked with a
 * channel to its command, does what it is told in order, and ends when the channel closes. Between two runs it returns
 * to the event loop, so that it hears of its command's end.
 */
import * as Registry from "./Registry.ts"
import type { Scenario } from "#sim/run/Scenario.ts"
import { describe } from "./CliError.ts"
import * as Engine from "./Engine.ts"
import type { FromWorker, Summary, Task, ToWorker } from "./Protocol.ts"
import type { Overrides } from "./Request.ts"

interface Loaded {
  readonly engine: Engine.Engine
  readonly scenarios: ReadonlyMap<string, Scenario>
  readonly overrides: Overrides
}

const say = (message: FromWorker): void => {
  process.send?.(message)
}

const load = async (names: ReadonlyArray<string>, overrides: Overrides): Promise<Loaded> => {
  const engine = await Engine.load()
  const scenarios = new Map<string, Scenario>()
  for (const name of names) scenarios.set(name, await Registry.load(name))
  return { engine, scenarios, overrides }
}

const known = (loaded: Loaded, task: Task): Scenario => {
  const scenario = loaded.scenarios.get(task.scenario)
  if (scenario === undefined) throw new Error(`the scenario ${task.scenario} was not asked for`)
  return scenario
}

const run = (loaded: Loaded, task: Task): Summary => {
  const scenario = known(loaded, task)
  const result = loaded.engine.runSeed(scenario, task.seed, task.overrides ?? loaded.overrides)
  return {
    verdict: result.verdict,
    traceHash: result.traceHash,
    events: result.events,
    virtualMillis: result.virtualMillis,
    wallMillis: result.wallMillis,
    failed: result.checks.flatMap((check) =>
      check.verdict === "fail" ? [{ judge: check.name, detail: check.detail }] : []
    )
  }
}

const shrink = async (loaded: Loaded, task: Task, budgetMillis: number): Promise<FromWorker> => {
  const scenario = known(loaded, task)
  const plan = loaded.engine.draw(scenario, task.seed, task.overrides ?? loaded.overrides)
  const { journal } = loaded.engine.run(scenario, plan, { journal: true })
  if (journal === undefined) return { type: "broken", message: "the run left no journal" }
  const { shrink: search } = await import("#sim/run/Shrink.ts")
  const small = search(scenario, journal, { budgetMillis })
  return {
    type: "shrunk",
    shrunk: {
      journal: small.journal,
      before: Engine.size(journal),
      after: Engine.size(small.journal),
      runs: small.runs
    }
  }
}

let loading: Promise<Loaded> | undefined
const queue: Array<Task> = []
let busy = false

const drain = async (): Promise<void> => {
  if (busy || loading === undefined) return
  busy = true
  const loaded = await loading
  for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
    say({ type: "done", index: task.index, summary: run(loaded, task) })
    await new Promise((resolve) => setImmediate(resolve))
  }
  busy = false
}

const hear = async (message: ToWorker): Promise<void> => {
  if (message.type === "load") {
    loading = load(message.scenarios, message.overrides)
    await loading
    say({ type: "ready" })
  } else if (message.type === "run") {
    queue.push(...message.tasks)
    await drain()
  } else if (loading !== undefined) {
    say(await shrink(await loading, message.task, message.budgetMillis))
  }
}

const fail = (error: unknown): void => say({ type: "broken", message: describe(error) })

process.on("message", (message: ToWorker) => {
  hear(message).catch(fail)
})
process.on("disconnect", () => process.exit(0))
// Ctrl-C reaches the whole group of processes; the command decides what follows.
process.on("SIGINT", () => undefined)
