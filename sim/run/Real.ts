/**
 * Real: runs a scenario's plan on this machine: the same servers and clients, each with a `RealWorld` of its own on loopback
 * and in a temporary directory, in one process; the same workload, the same judges. Of the plan's faults it carries out
 * those that need nothing but the process: `crash` (the node is killed; what was written stays) and `stop`.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { Fault } from "#sim/faults/Fault.ts"
import { TraceHash } from "#sim/kernel/TraceHash.ts"
import * as Tripwire from "#sim/kernel/Tripwire.ts"
import { Net, type Address } from "#world/Net.ts"
import * as RealWorld from "#world/real/RealWorld.ts"
import { Trace, type Fields, type Level } from "#world/Trace.ts"
import type { World } from "#world/World.ts"
import { Clients } from "./Clients.ts"
import { Judging } from "./Judging.ts"
import type { Plan } from "./Plan.ts"
import type { RunResult } from "./Result.ts"
import type { RunOutput } from "./Run.ts"
import type { Perform, Scenario } from "./Scenario.ts"

export interface RealOptions {
  /** The servers' and clients' ports are this one and those after it; without it, free ones. */
  readonly port?: number
}

const host = "127.0.0.1"
const respawnMicros = 200_000
const quiet: RealWorld.Options["trace"] = { levelMin: "error" }

type Node = RealWorld.Running<void, unknown>

/** Checks that ports are free, for datagrams and streams, and finds free ones where none are given. */
const reserve = (
  count: number,
  port: number | undefined
): Effect.Effect<ReadonlyArray<Address>, unknown, World | Scope.Scope> =>
  Effect.flatMap(Net, (net) =>
    Effect.forEach(
      Array.from({ length: count }, (_, index) => (port === undefined ? 0 : port + index)),
      (wanted) =>
        Effect.gen(function* () {
          const socket = yield* net.bind({ host, port: wanted }, { received: () => {} })
          const listener = yield* net.listen({ host, port: socket.address.port }, () => ignoring)
          return listener.address
        })
    )
  )

const ignoring = { opened: () => {}, data: () => {}, drained: () => {}, ended: () => {}, closed: () => {} }

class RealRun {
  private readonly scenario: Scenario
  private readonly plan: Plan
  private readonly root: string
  private readonly servers: ReadonlyArray<Address>
  private readonly clientAddresses: ReadonlyArray<Address>
  private readonly startedAt = Tripwire.hostMillis()
  private readonly nodes: Array<Node | undefined> = []
  private readonly judging: Judging
  private readonly clients: Clients
  private readonly faults: Record<string, number> = {}
  private readonly marks: Record<string, number> = {}
  private events = 0
  private over = false
  private failure: string | undefined
  private readonly hash = new TraceHash()
  private readonly timers = new Set<Fiber.Fiber<void>>()
  private finish!: () => void
  private readonly finished = new Promise<void>((resolve) => {
    this.finish = resolve
  })

  constructor(scenario: Scenario, plan: Plan, root: string, addresses: ReadonlyArray<Address>) {
    this.scenario = scenario
    this.plan = plan
    this.root = root
    this.servers = addresses.slice(0, plan.nodes)
    this.clientAddresses = addresses.slice(plan.nodes)
    // Nobody looks inside of a real machine.
    const judges = scenario.judges.filter((judge) => judge.inside !== true)
    this.judging = new Judging(judges, {
      nodes: plan.nodes,
      clients: plan.clients,
      options: plan.options,
      durable: () => undefined,
      damaged: () => false
    })
    this.clients = new Clients(scenario.workload, plan.clients, plan.operations, {
      now: () => this.now(),
      after: (_, delayMicros, call) => this.later(delayMicros, call),
      finished: () => this.finish()
    })
  }

  private now(): number {
    return Math.round((Tripwire.hostMillis() - this.startedAt) * 1_000)
  }

  private later(delayMicros: number, call: () => void): void {
    const guarded = Effect.sync(() => {
      if (!this.over) call()
    })
    const fiber = Effect.runFork(delayMicros < 1_000 ? guarded : Effect.delay(guarded, delayMicros / 1_000))
    this.timers.add(fiber)
    fiber.addObserver(() => this.timers.delete(fiber))
  }

  private traced(node: number, level: Level, name: string, fields: Fields): void {
    if (this.over) return
    this.events++
    const atMicros = this.now()
    if (level === "error")
      this.judging.notice("errors", { detail: `${name} ${JSON.stringify(fields)}`, atMicros, node })
    if (this.judging.observe({ atMicros, node, level, name, fields })) this.finish()
  }

  /** Starts a program on a node, with a trace that the judges see. */
  private launch(node: number, name: string, program: Effect.Effect<void, unknown, World | Scope.Scope>): void {
    const trace: Trace["Service"] = {
      emit: (level, event, fields) => this.traced(node, level, event, fields ?? {}),
      mark: (mark) => {
        this.marks[mark] = (this.marks[mark] ?? 0) + 1
      }
    }
    const running = RealWorld.runFork(Effect.provideService(program, Trace, trace), {
      root: join(this.root, name),
      name,
      trace: quiet
    })
    this.nodes[node] = running
    Effect.runFork(
      Effect.map(running.ended, (end) => {
        if (this.over || this.nodes[node] !== running) return
        this.nodes[node] = undefined
        this.ended(node, end)
      })
    )
  }

  private ended(node: number, end: RealWorld.End<void, unknown>): void {
    const detail =
      end.type === "finished" && Exit.isFailure(end.exit)
        ? Cause.pretty(end.exit.cause)
        : end.type === "exited"
          ? `exit code ${end.code}`
          : end.type
    if (node >= this.plan.nodes) {
      this.failure ??= `client ${node - this.plan.nodes} ended: ${detail}`
      this.finish()
      return
    }
    if (end.type === "finished" && Exit.isFailure(end.exit) && Cause.hasDies(end.exit.cause)) {
      this.judging.notice("defects", { detail: `n${node}: ${detail}`, atMicros: this.now(), node })
      this.finish()
      return
    }
    this.later(respawnMicros, () => this.startServer(node))
  }

  private startServer(index: number): void {
    if (this.nodes[index] !== undefined) return
    const { options } = this.plan
    this.launch(
      index,
      `n${index}`,
      this.scenario.server({ index, self: this.servers[index], peers: this.servers, options, version: 0 })
    )
  }

  private startClient(index: number): void {
    const session = this.scenario.workload.client({
      index,
      self: this.clientAddresses[index],
      servers: this.servers,
      options: this.plan.options
    })
    const ready = (perform: Perform<any, any>): void => this.clients.ready(index, perform)
    this.launch(
      this.plan.nodes + index,
      `c${index}`,
      Effect.flatMap(session, (perform) => {
        ready(perform)
        return Effect.never
      })
    )
  }

  private strike(fault: Fault): void {
    const node = fault.nodes[0]
    const running = this.nodes[node]
    if (running === undefined) return
    this.faults[fault.kind] = (this.faults[fault.kind] ?? 0) + 1
    this.nodes[node] = undefined
    const end = fault.kind === "stop" ? running.stop : running.kill
    Effect.runFork(Effect.map(end, () => this.later(fault.forMicros, () => this.startServer(node))))
  }

  async run(): Promise<RunOutput> {
    const { plan, scenario } = this
    for (let server = 0; server < plan.nodes; server++) this.startServer(server)
    for (let client = 0; client < plan.clients; client++) this.startClient(client)
    for (const fault of plan.faults) {
      if (fault.kind === "crash" || fault.kind === "stop") this.later(fault.atMicros, () => this.strike(fault))
    }
    this.later(plan.durationMicros, () => {
      for (let server = 0; server < plan.nodes; server++) this.startServer(server)
      this.clients.finish()
    })
    this.later(plan.durationMicros + scenario.livenessMicros, () => {
      this.judging.notice("liveness", {
        detail: `${scenario.livenessMicros / 1_000} ms after the faults had ended: ${this.clients.unfinishedOperations().join("; ")}`,
        atMicros: this.now()
      })
      this.finish()
    })
    await this.finished
    this.over = true
    for (const timer of this.timers) timer.interruptUnsafe()
    const wallMillis = Tripwire.hostMillis() - this.startedAt
    await Effect.runPromise(
      Effect.forEach(
        this.nodes.filter((node) => node !== undefined),
        (node) => node.stop
      )
    )
    return { result: this.result(wallMillis) }
  }

  private result(wallMillis: number): RunResult {
    const { plan, scenario } = this
    const { history } = this.clients
    // No two real runs are alike: the hash tells them apart, and promises nothing.
    for (const { invokedAt, operation, outcome } of history) {
      this.hash.number(invokedAt)
      this.hash.text(JSON.stringify([operation, outcome]))
    }
    // Real time and real input and output are what this world is made of.
    const checks = this.judging.finish(history).filter((check) => check.name !== "ambient")
    const all =
      this.failure === undefined
        ? checks
        : [{ name: "simulator", verdict: "fail" as const, detail: this.failure }, ...checks]
    const events = this.events + 2 * history.length
    return {
      scenario: scenario.name,
      seed: plan.seed,
      verdict: this.failure !== undefined ? "error" : all.some((check) => check.verdict === "fail") ? "fail" : "pass",
      traceHash: this.hash.digest(),
      events,
      virtualMillis: Math.round(wallMillis),
      wallMillis: Math.round(wallMillis),
      eventsPerSecond: Math.round((events * 1_000) / wallMillis),
      faults: this.faults,
      operations: { ...this.clients.counts },
      checks: all,
      marks: this.marks,
      reproduce: `npm run sim -- --scenario ${scenario.name} --seed ${plan.seed} --real`
    }
  }
}

/** Rejects with `NetError` when the ports are taken. */
export const runReal = async (scenario: Scenario, plan: Plan, options: RealOptions = {}): Promise<RunOutput> => {
  const root = await mkdtemp(join(tmpdir(), "orbit-"))
  try {
    const reserved = RealWorld.runFork(reserve(plan.nodes + plan.clients, options.port), {
      root: join(root, "harness"),
      name: "harness",
      trace: quiet
    })
    const end = await Effect.runPromise(reserved.ended)
    if (end.type !== "finished") throw new Error(`the harness was ${end.type} before it began`)
    if (Exit.isFailure(end.exit)) throw Cause.squash(end.exit.cause)
    return await new RealRun(scenario, plan, root, end.exit.value).run()
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}
