/**
 * Run: one plan, from the first event to the verdict. Synchronous, and deterministic: the same plan and decisions give the
 * same trace hash in any process on any machine.
 *
 * Two phases. Safety: the workload runs and the nemesis strikes. Liveness: everything has healed, and every client's final
 * operations must succeed within the scenario's bound.
 */
import * as Effect from "effect/Effect"
import type { Recording } from "#reports/Recording.ts"
import { Atlas } from "#sim/faults/Atlas.ts"
import { definitions, type Fault } from "#sim/faults/Fault.ts"
import { Nemesis } from "#sim/faults/Nemesis.ts"
import { Kernel, type Epoch } from "#sim/kernel/Kernel.ts"
import { Draw } from "#sim/kernel/Draw.ts"
import { prngOf, Streams } from "#sim/kernel/Stream.ts"
import * as Tripwire from "#sim/kernel/Tripwire.ts"
import { Machine, type MachineListener } from "#sim/world/Machine.ts"
import { SimNet } from "#sim/world/SimNet.ts"
import { numberFibersAnew } from "#sim/world/SimRuntime.ts"
import type { Address } from "#world/Net.ts"
import { buggified } from "./Buggified.ts"
import { Clients } from "./Clients.ts"
import type { Decisions, Journal } from "./Journal.ts"
import { Judging } from "./Judging.ts"
import type { OptionValue, Plan } from "./Plan.ts"
import { lanesOf, Recorder } from "./Recorder.ts"
import type { Check, RunResult, RunVerdict } from "./Result.ts"
import type { Scenario } from "./Scenario.ts"

export interface RunOptions {
  /** Replays these instead of drawing. */
  readonly decisions?: Decisions
  /** Writes the decisions down. */
  readonly journal?: boolean
  /** Collects what a report shows. */
  readonly record?: boolean
}

export interface RunOutput {
  readonly result: RunResult
  readonly journal?: Journal
  readonly recording?: Recording
}

const serverPort = 7_000
/** Servers start one after the other within this, clients after them. */
const startMicros = 20_000
/** A program that ended by itself is started again after this, as a process manager would. */
const respawnMicros = 500_000

const number = (options: Plan["options"], name: string, otherwise: number): number => {
  const value = options[name]
  return typeof value === "number" ? value : otherwise
}

class Running {
  private readonly scenario: Scenario
  private readonly plan: Plan
  private readonly kernel: Kernel
  private readonly streams: Streams
  private readonly machines: ReadonlyArray<Machine>
  private readonly servers: ReadonlyArray<Address>
  private readonly clientAddresses: ReadonlyArray<Address>
  private readonly nemesis: Nemesis
  private readonly clients: Clients
  private readonly judging: Judging
  private readonly recorder: Recorder | undefined
  private readonly faults: Record<string, number> = {}
  private readonly marks: Record<string, number> = {}
  private readonly serverOptions: Array<Readonly<Record<string, OptionValue>>>
  private readonly serverVersions: Array<number>
  /** When each server was last told to start. */
  private readonly startsAt: Array<number> = []
  private broken = false
  private failure: string | undefined
  private finished = false

  constructor(scenario: Scenario, plan: Plan, options: RunOptions) {
    this.scenario = scenario
    this.plan = plan
    this.streams = new Streams({ seed: plan.seed, replay: options.decisions, journal: options.journal })
    const kernel = new Kernel(this.streams, plan.policy)
    this.kernel = kernel
    kernel.onDefect = (epoch, error) => this.escaped(epoch, error)
    this.recorder = options.record === true ? new Recorder(() => kernel.now, scenario.describe) : undefined
    const atlas = new Atlas(plan.nodes, scenario.atlas)
    const buggify = buggified(this.streams, plan.buggify, (site) => this.mark(`buggify:${site}`))
    const names = [
      ...Array.from({ length: plan.nodes }, (_, index) => `n${index}`),
      ...Array.from({ length: plan.clients }, (_, index) => `c${index}`)
    ]
    const listener = this.listener()
    this.machines = names.map(
      (name, index) =>
        new Machine({
          index,
          name,
          kernel,
          seed: plan.seed,
          atlas,
          diskTimes: {
            callMicrosMin: number(plan.options, "disk.callMicrosMin", 10),
            callMicrosMax: number(plan.options, "disk.callMicrosMax", 20),
            syncMicrosMin: number(plan.options, "disk.syncMicrosMin", 100),
            syncMicrosMax: number(plan.options, "disk.syncMicrosMax", 200)
          },
          preemptionOneIn: plan.preemptionOneIn,
          buggify,
          listener,
          diskObserver: this.recorder?.diskOf(index)
        })
    )
    const net = new SimNet(
      kernel,
      {
        latencyMicrosMin: number(plan.options, "net.latencyMicrosMin", 200),
        latencyMicrosMax: number(plan.options, "net.latencyMicrosMax", 400)
      },
      this.machines,
      this.recorder
    )
    for (const machine of this.machines) machine.net = net
    this.servers = names.slice(0, plan.nodes).map((host) => ({ host, port: serverPort }))
    this.clientAddresses = names.slice(plan.nodes).map((host) => ({ host, port: serverPort }))
    this.serverOptions = this.servers.map(() => plan.options)
    this.serverVersions = this.servers.map(() => 0)
    this.judging = new Judging(scenario.judges, {
      nodes: plan.nodes,
      clients: plan.clients,
      options: plan.options,
      durable: (node, path) => this.machines[node].disk.durable(path),
      damaged: (node, path) => atlas.isDamaged(node, path)
    })
    if (this.judging.hearsDatagrams) {
      net.tap = (from, to, bytes) => {
        if (this.judging.sent({ atMicros: kernel.now, from, to, bytes })) this.breaks()
      }
    }
    this.nemesis = new Nemesis({
      kernel,
      net,
      machines: this.machines,
      servers: plan.nodes,
      atlas,
      startIn: (server, delayMicros) => this.startIn(server, delayMicros),
      change: (server, change) => this.change(server, change),
      struck: (fault, detail) => this.struck(fault, detail),
      paused: (node, paused) =>
        this.recorder?.add({ type: "node", at: kernel.now, node, change: paused ? "pause" : "resume", detail: "" }),
      wiped: (node) => this.recorder?.add({ type: "node", at: kernel.now, node, change: "wipe", detail: "" })
    })
    this.clients = new Clients(scenario.workload, plan.clients, plan.operations, {
      now: () => kernel.now,
      after: (client, delayMicros, call) =>
        kernel.call(kernel.now + delayMicros, call, this.machines[plan.nodes + client].epoch),
      invoked: (operation) => kernel.hash.fold(operation.client),
      completed: (operation) => {
        kernel.hash.text(
          operation.outcome.type === "ok" ? (JSON.stringify(operation.outcome.value) ?? "") : operation.outcome.type
        )
        if (this.judging.completed(operation, kernel.now, plan.nodes + operation.client)) this.breaks()
      },
      finished: () => {
        this.finished = true
        kernel.halt()
      }
    })
  }

  private listener(): MachineListener {
    const node = (machine: Machine, change: "start" | "crash" | "exit", detail: string): void =>
      this.recorder?.add({ type: "node", at: this.kernel.now, node: machine.index, change, detail })
    return {
      started: (machine) => node(machine, "start", ""),
      exited: (machine, error) => {
        node(machine, "exit", error ?? "")
        if (machine.index < this.plan.nodes) this.startIn(machine.index, respawnMicros)
        else this.fails(`client ${machine.name} ended: ${error ?? "its session is over before the run is"}`)
      },
      stopped: (machine) => node(machine, "exit", "stopped"),
      defect: (machine, error) => {
        node(machine, "crash", error)
        if (machine.index < this.plan.nodes) {
          this.judging.notice("defects", {
            detail: `${machine.name}: ${error}`,
            atMicros: this.kernel.now,
            node: machine.index
          })
        } else if (Tripwire.tripped() === undefined) {
          this.fails(`client ${machine.name}: ${error}`)
        }
        this.broken = true
        this.kernel.halt()
      },
      killed: (machine) => {
        node(machine, "crash", "killed in a disk call")
        this.startIn(machine.index, machine.faults.killDownMicros)
      },
      traced: (machine, level, name, fields) => {
        const { hash, now } = this.kernel
        hash.text(name)
        for (const key in fields) {
          const value = fields[key]
          if (typeof value === "number") hash.number(value)
          else hash.text(String(value))
        }
        this.recorder?.add({ type: "trace", at: now, node: machine.index, level, name, fields })
        if (level === "error") {
          this.judging.notice("errors", {
            detail: `${machine.name}: ${name} ${JSON.stringify(fields)}`,
            atMicros: now,
            node: machine.index
          })
        }
        if (this.judging.observe({ atMicros: now, node: machine.index, level, name, fields })) this.breaks()
      },
      marked: (name) => this.mark(name)
    }
  }

  private breaks(): void {
    this.broken = true
    this.kernel.halt()
  }

  private mark(name: string): void {
    this.marks[name] = (this.marks[name] ?? 0) + 1
  }

  /** The scenario's own code outside of servers is at fault: no verdict on the servers. */
  private fails(message: string): void {
    this.failure ??= message
    this.broken = true
    this.kernel.halt()
  }

  private escaped(epoch: Epoch | undefined, error: unknown): void {
    if (epoch === undefined) throw error
    this.machines[epoch.machine].defect(error)
  }

  private struck(fault: Fault, detail: string): void {
    this.faults[fault.kind] = (this.faults[fault.kind] ?? 0) + 1
    const at = this.kernel.now
    this.recorder?.add({
      type: "fault",
      at,
      until: at + fault.forMicros,
      kind: fault.kind,
      group: definitions[fault.kind].group,
      nodes: fault.nodes,
      detail
    })
    for (const node of fault.nodes) {
      if (!this.machines[node].isUp) this.recorder?.add({ type: "node", at, node, change: "crash", detail: fault.kind })
    }
  }

  /** Of several starts of a server that is down, the one that was asked for last counts: that of its latest fault. */
  private startIn(server: number, delayMicros: number): void {
    const { kernel } = this
    const at = kernel.now + delayMicros
    this.startsAt[server] = at
    kernel.call(at, () => {
      const machine = this.machines[server]
      if (machine.isUp || this.startsAt[server] !== at) return
      machine.start(
        this.scenario.server({
          index: server,
          self: this.servers[server],
          peers: this.servers,
          options: this.serverOptions[server],
          version: this.serverVersions[server]
        })
      )
    })
  }

  private change(server: number, change: { readonly version?: number; readonly optionsDraw?: number }): void {
    if (change.version !== undefined) this.serverVersions[server] = change.version
    if (change.optionsDraw === undefined) return
    const draw = new Draw(prngOf(this.plan.seed, `config/${change.optionsDraw}`))
    const options: Record<string, OptionValue> = { ...this.plan.options }
    for (const [name, values] of Object.entries(this.scenario.options ?? {})) {
      const drawn = draw.pick(values)
      if (this.scenario.sharedOptions?.includes(name) !== true) options[name] = drawn
    }
    this.serverOptions[server] = options
  }

  private startClient(index: number): void {
    const machine = this.machines[this.plan.nodes + index]
    const session = this.scenario.workload.client({
      index,
      self: this.clientAddresses[index],
      servers: this.servers,
      options: this.plan.options
    })
    const ready = (perform: Parameters<Clients["ready"]>[1]): void => this.clients.ready(index, perform)
    machine.start(
      Effect.flatMap(session, (perform) => {
        ready(perform)
        return Effect.never
      })
    )
  }

  /** Phase by phase, until the clients are done or something broke. */
  private play(): void {
    const { kernel, plan, scenario } = this
    const starts = this.streams.get("start")
    for (let server = 0; server < plan.nodes; server++) this.startIn(server, starts.below(startMicros))
    for (let client = 0; client < plan.clients; client++) {
      kernel.call(startMicros + starts.below(startMicros), () => this.startClient(client))
    }
    this.nemesis.schedule(plan.faults)
    this.recorder?.add({ type: "phase", at: 0, name: "safety" })
    kernel.run(plan.durationMicros)
    if (!this.broken && Tripwire.tripped() === undefined) {
      this.recorder?.add({ type: "phase", at: kernel.now, name: "liveness" })
      this.nemesis.heal()
      this.clients.finish()
      if (!this.finished) kernel.run(plan.durationMicros + scenario.livenessMicros)
      if (!this.finished && !this.broken) {
        this.judging.notice("liveness", {
          detail: `${scenario.livenessMicros / 1_000} ms after the faults had healed: ${this.clients.unfinishedOperations().join("; ")}`,
          atMicros: kernel.now
        })
      }
    }
    const trip = Tripwire.tripped()
    if (trip !== undefined) {
      const node = kernel.running?.machine
      this.judging.notice("ambient", {
        detail: `${trip.what} was called at ${trip.site}`,
        atMicros: kernel.now,
        ...(node === undefined ? {} : { node })
      })
    }
    this.recorder?.add({ type: "phase", at: kernel.now, name: "end" })
  }

  private recordOperations(): void {
    for (const { client, completedAt, invokedAt, operation, outcome } of this.clients.history) {
      this.recorder?.add({
        type: "operation",
        node: this.plan.nodes + client,
        at: invokedAt,
        ...(completedAt === Infinity ? {} : { until: completedAt }),
        label: this.scenario.workload.label(operation),
        outcome: outcome.type,
        result: outcome.type === "ok" ? (JSON.stringify(outcome.value) ?? "") : outcome.reason
      })
    }
  }

  run(): RunOutput {
    const startedAt = Tripwire.hostMillis()
    let error: string | undefined
    numberFibersAnew()
    Tripwire.arm()
    let checks: ReadonlyArray<Check> = []
    try {
      this.play()
      checks = this.judging.finish(this.clients.history)
    } catch (thrown) {
      error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
    } finally {
      Tripwire.disarm()
    }
    error ??= this.failure
    return this.output(checks, error, Math.max(0.001, Tripwire.hostMillis() - startedAt))
  }

  private output(checks: ReadonlyArray<Check>, error: string | undefined, wallMillis: number): RunOutput {
    const { kernel, plan, scenario } = this
    const all =
      error === undefined ? checks : [{ name: "simulator", verdict: "fail" as const, detail: error }, ...checks]
    const failed = all.find((check) => check.verdict === "fail")
    const verdict: RunVerdict = error !== undefined ? "error" : failed === undefined ? "pass" : "fail"
    const result: RunResult = {
      scenario: scenario.name,
      seed: plan.seed,
      verdict,
      traceHash: kernel.hash.digest(),
      events: kernel.events,
      virtualMillis: kernel.now / 1_000,
      wallMillis: Math.round(wallMillis * 1_000) / 1_000,
      eventsPerSecond: Math.round((kernel.events * 1_000) / wallMillis),
      faults: this.faults,
      operations: { ...this.clients.counts },
      checks: all,
      marks: this.marks,
      reproduce: `npm run sim -- --scenario ${scenario.name} --seed ${plan.seed}`
    }
    const decisions = this.streams.decisions()
    const journal: Journal | undefined =
      decisions === undefined
        ? undefined
        : {
            format: 1,
            plan: { ...plan, operations: this.clients.reached() },
            decisions,
            ...(failed === undefined ? {} : { failed: { judge: failed.name, detail: failed.detail } })
          }
    this.recordOperations()
    const histories = this.recorder === undefined ? [] : this.judging.histories(`${scenario.name} seed ${plan.seed}`)
    const recording = this.recorder?.recording({
      scenario: scenario.name,
      seed: plan.seed,
      verdict,
      traceHash: result.traceHash,
      reproduce: result.reproduce,
      virtualMicros: kernel.now,
      lanes: lanesOf(this.servers, this.clientAddresses),
      options: {
        nodes: plan.nodes,
        clients: plan.clients,
        policy: plan.policy,
        preemptionOneIn: plan.preemptionOneIn,
        buggify: plan.buggify,
        ...plan.options
      },
      checks: all,
      histories
    })
    return { result, ...(journal === undefined ? {} : { journal }), ...(recording === undefined ? {} : { recording }) }
  }
}

/** Runs a plan. Never throws: what breaks outside of nodes is the verdict `error`. */
export const run = (scenario: Scenario, plan: Plan, options: RunOptions = {}): RunOutput =>
  new Running(scenario, plan, options).run()
