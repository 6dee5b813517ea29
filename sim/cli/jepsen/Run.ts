/**
 * Run: a plan on real processes: the scenario's clients in this process, each with the `RealWorld` of a machine of its own and a net whose addresses
 * lead into the mesh; strikes from outside; the scenario's judges that need only the history.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type { RecordedEvent, Recording } from "#reports/Recording.ts"
import { TraceHash } from "#sim/kernel/TraceHash.ts"
import { Clients } from "#sim/run/Clients.ts"
import type { Operation } from "#sim/run/History.ts"
import type { Sight } from "#sim/run/Judge.ts"
import { Judging } from "#sim/run/Judging.ts"
import type { Plan } from "#sim/run/Plan.ts"
import type { RunResult } from "#sim/run/Result.ts"
import type { Perform, Scenario } from "#sim/run/Scenario.ts"
import * as Net from "#world/Net.ts"
import * as RealWorld from "#world/real/RealWorld.ts"
import type { Cluster } from "./Cluster.ts"
import type { Machine } from "./Machine.ts"
import type { Mesh } from "./Mesh.ts"
import { Nemesis } from "./Nemesis.ts"
import type { Hooks, Logged } from "./ServerProcess.ts"
import type { Strike } from "./Strikes.ts"

export interface Parts {
  readonly scenario: Scenario
  readonly plan: Plan
  readonly strikes: ReadonlyArray<Strike>
  readonly directory: string
  readonly reproduce: string
  /** The run's own words, as it goes. */
  readonly said: (text: () => string) => void
}

export type Faults = Readonly<Record<string, number>>

export interface Ran {
  readonly result: RunResult
  readonly recording: Recording
}

const startMillisMax = 60_000
/** The scenario's bound is one of virtual time; a machine has others to serve, too. */
const livenessFactor = 2
const lookMillis = 300
/** A program that ended by itself is started again after this, as a service manager would. */
const respawnMicros = 500_000
const patienceMicros = { failed: 200_000, unknown: 1_000_000 } as const
const eventsMax = 200_000

const nameOf = (node: number): string => `n${node}`

const wait = (millis: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, millis))

/** The net of a client: nodes by name, wherever they are. */
const mapped = (net: Net.Net["Service"], doors: ReadonlyArray<Net.Address>): Net.Net["Service"] => {
  const { port } = net
  return Net.make({
    bind: (address, sink, done) => port.bind(address, sink, done),
    listen: (address, accept, done, options) => port.listen(address, accept, done, options),
    dial: (address, sink, options) => {
      const node = doors.findIndex((_, index) => address.host === nameOf(index))
      return port.dial(doors[node] ?? address, sink, options)
    }
  })
}

export class Run {
  private readonly parts: Parts
  private readonly judging: Judging
  private readonly clients: Clients
  private readonly events: Array<RecordedEvent> = []
  private readonly timers = new Set<NodeJS.Timeout>()
  private readonly sessions: Array<RealWorld.Running<never, unknown>> = []
  private beganAt = 0
  private ranMicros = 0
  private isServing = false
  private isOver = false
  private owner: number | undefined
  private failure: string | undefined
  private finish!: () => void
  private readonly finished = new Promise<void>((resolve) => {
    this.finish = resolve
  })

  constructor(parts: Parts) {
    this.parts = parts
    const { plan, scenario } = parts
    const sight: Sight = {
      nodes: plan.nodes,
      clients: plan.clients,
      options: plan.options,
      durable: () => undefined,
      damaged: () => false
    }
    // Nobody looks inside of a process, and no trace comes out of it.
    const judges = scenario.judges.filter((judge) => judge.inside !== true && judge.make(sight).finish !== undefined)
    this.judging = new Judging(judges, sight)
    this.clients = new Clients(scenario.workload, plan.clients, plan.operations, {
      now: () => this.now(),
      after: (_, delayMicros, call) => this.later(delayMicros, call),
      completed: (operation) => this.completed(operation),
      finished: () => this.finish()
    })
  }

  /** Of the run; it begins when the cluster serves. */
  private now(): number {
    if (!this.isServing) return 0
    return Math.round((performance.now() - this.beganAt) * 1_000)
  }

  private later(delayMicros: number, call: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer)
      if (!this.isOver) call()
    }, delayMicros / 1_000)
    this.timers.add(timer)
  }

  private add(event: RecordedEvent): void {
    if (this.events.length < eventsMax) this.events.push(event)
  }

  /** What a node's process tells the run. */
  hooks(node: number, start: () => void): Hooks {
    return {
      logged: (line) => this.logged(node, line),
      changed: (change, detail) => this.add({ type: "node", at: this.now(), node, change, detail }),
      died: (detail) => {
        if (this.isOver) return
        if (!this.isServing) this.failure ??= `${nameOf(node)} ${detail} before the run began`
        this.judging.notice("defects", { detail: `${nameOf(node)} ${detail}`, atMicros: this.now(), node })
        this.later(respawnMicros, start)
      }
    }
  }

  private logged(node: number, { event, fields, level }: Logged): void {
    if (this.isOver) return
    const at = this.now()
    this.add({ type: "trace", at, node, level, name: event, fields })
    if (level === "error") {
      this.judging.notice("errors", { detail: `${event} ${JSON.stringify(fields)}`, atMicros: at, node })
    }
  }

  private completed({ client, completedAt, invokedAt, operation, outcome }: Operation): void {
    const result = outcome.type === "ok" ? JSON.stringify(outcome.value) : outcome.reason
    this.add({
      type: "operation",
      node: this.parts.plan.nodes + client,
      at: invokedAt,
      ...(completedAt !== Infinity && { until: completedAt }),
      label: this.parts.scenario.workload.label(operation),
      outcome: outcome.type,
      result
    })
  }

  /** All nodes serve, and one of them has the data. */
  private async begin(cluster: Cluster): Promise<boolean> {
    const started = await Promise.all(cluster.processes.map((process) => process.start()))
    if (started.includes(false)) return false
    const until = performance.now() + startMillisMax
    while (performance.now() < until && this.owner === undefined) {
      this.owner = await cluster.owner()
      await wait(lookMillis)
    }
    this.failure ??= this.owner === undefined ? "no node had the data after a minute" : undefined
    return this.failure === undefined
  }

  private async look(cluster: Cluster): Promise<void> {
    while (!this.isOver) {
      const owner = await cluster.owner()
      if (owner !== undefined && owner !== this.owner && !this.isOver) {
        const fields = { node: nameOf(owner) }
        this.add({ type: "trace", at: this.now(), node: owner, level: "info", name: "has most of the data", fields })
      }
      this.owner = owner ?? this.owner
      await wait(lookMillis)
    }
  }

  /** A client that was disappointed waits: thousands of unknown outcomes would explain anything to a judge. It hears of them later, which changes no history. */
  private patient(perform: Perform<unknown, unknown>): Perform<unknown, unknown> {
    return (operation, done) =>
      perform(operation, (outcome) => {
        if (outcome.type === "ok") done(outcome)
        else this.later(patienceMicros[outcome.type], () => done(outcome))
      })
  }

  private startClient(index: number, doors: ReadonlyArray<Net.Address>): void {
    const { directory, plan, scenario } = this.parts
    const servers = doors.map((_, node) => ({ host: nameOf(node), port: 0 }))
    const session = scenario.workload.client({
      index,
      self: { host: `c${index}`, port: 0 },
      servers,
      options: plan.options
    })
    const program = Effect.flatMap(Net.Net, (net) =>
      Effect.flatMap(
        Effect.provideService(session, Net.Net, mapped(net, doors)),
        (perform: Perform<any, any>): Effect.Effect<never> => {
          this.clients.ready(index, this.patient(perform))
          return Effect.never
        }
      )
    )
    const name = `c${index}`
    const running = RealWorld.runFork(program, { root: join(directory, name), name, trace: { levelMin: "error" } })
    this.sessions.push(running)
    Effect.runFork(
      Effect.map(running.ended, (end) => {
        if (this.isOver) return
        this.failure ??= `client ${index} ended: ${end.type}`
        this.finish()
      })
    )
  }

  /** Plays it; how often each fault struck. */
  async play(cluster: Cluster, mesh: Mesh, machine: Machine): Promise<Faults> {
    const { plan, said, scenario, strikes } = this.parts
    said(() => `starting ${plan.nodes} processes`)
    const nemesis = new Nemesis({
      cluster,
      mesh,
      machine,
      nodes: plan.nodes,
      owner: () => this.owner,
      nowMicros: () => this.now(),
      later: (delayMicros, call) => this.later(delayMicros, call),
      struck: (event) => this.add(event)
    })
    if (await this.begin(cluster)) {
      this.beganAt = performance.now()
      this.isServing = true
      this.add({ type: "phase", at: 0, name: "safety" })
      cluster.doors.forEach((doors, index) => this.startClient(index, doors))
      for (const strike of strikes) this.later(strike.atMicros, () => nemesis.strike(strike))
      this.later(plan.durationMicros, () => {
        this.add({ type: "phase", at: this.now(), name: "liveness" })
        nemesis.heal()
        this.clients.finish()
      })
      const livenessMicros = livenessFactor * scenario.livenessMicros
      this.later(plan.durationMicros + livenessMicros, () => {
        const open = this.clients.unfinishedOperations().join("; ")
        const detail = `${livenessMicros / 1_000} ms after the faults had ended: ${open}`
        this.judging.notice("liveness", { detail, atMicros: this.now() })
        this.finish()
      })
      const looking = this.look(cluster)
      const telling = setInterval(() => said(() => this.progress()), lookMillis)
      await this.finished
      clearInterval(telling)
      this.isOver = true
      await looking
    }
    this.isOver = true
    for (const timer of this.timers) clearTimeout(timer)
    await Promise.all(this.sessions.map((session) => Effect.runPromise(session.kill)))
    this.add({ type: "phase", at: this.now(), name: "end" })
    this.ranMicros = this.now()
    return nemesis.counts
  }

  private progress(): string {
    const { failed, ok, unknown } = this.clients.counts
    const owner = this.owner === undefined ? "nobody" : nameOf(this.owner)
    return `${Math.round(this.now() / 1_000_000)} s · ${ok} ok, ${failed} failed, ${unknown} unknown · ${owner} has most of the data`
  }

  /** After `play`. May take long, and nothing can be said meanwhile. */
  judge(faults: Faults): Ran {
    const { plan, reproduce, scenario } = this.parts
    const { history } = this.clients
    const { ranMicros } = this
    // No two real runs are alike: the hash tells them apart, and promises nothing.
    const hash = new TraceHash()
    for (const { invokedAt, operation, outcome } of history) {
      hash.number(invokedAt)
      hash.text(JSON.stringify([operation, outcome]))
    }
    // Real time and real input and output are what this world is made of.
    const judged = this.judging.finish(history).filter(({ name }) => name !== "ambient")
    const checks =
      this.failure === undefined
        ? judged
        : [{ name: "harness", verdict: "fail" as const, detail: this.failure }, ...judged]
    const isRed = checks.some(({ verdict }) => verdict === "fail")
    const verdict = this.failure !== undefined ? "error" : isRed ? "fail" : "pass"
    const events = [...this.events].sort((left, right) => left.at - right.at)
    const millis = Math.round(ranMicros / 1_000)
    const result: RunResult = {
      scenario: scenario.name,
      seed: plan.seed,
      verdict,
      traceHash: hash.digest(),
      events: events.length,
      virtualMillis: millis,
      wallMillis: millis,
      eventsPerSecond: Math.round((events.length * 1_000) / Math.max(millis, 1)),
      faults,
      operations: { ...this.clients.counts },
      checks,
      marks: {},
      reproduce
    }
    const clients = Array.from({ length: plan.clients }, (_, client) => ({
      name: `c${client}`,
      kind: "client" as const
    }))
    const servers = Array.from({ length: plan.nodes }, (_, node) => ({ name: nameOf(node), kind: "server" as const }))
    const recording: Recording = {
      scenario: scenario.name,
      seed: plan.seed,
      verdict,
      traceHash: result.traceHash,
      reproduce,
      virtualMicros: ranMicros,
      lanes: [...servers, ...clients],
      options: { nodes: plan.nodes, clients: plan.clients, world: "processes" },
      checks,
      events,
      truncated: this.events.length >= eventsMax,
      histories: this.judging.histories(`${scenario.name} on processes, seed ${plan.seed}`)
    }
    return { result, recording }
  }
}
