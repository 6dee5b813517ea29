/**
 * How fast the simulator is: virtual seconds a wall second, and events a second, on one core. Five nodes run the leased
 * register (`scenarios/systems/LeaseRegister.ts`) with a renewal, which is a heartbeat with an answer, every 50 ms.
 *
 * - `quiet`: nothing else happens.
 * - `busy`: 100 replicated writes a virtual second from five clients, simulated disks, the fault mix below, every judge on.
 * - `raft quiet`, `raft busy`: the same with a replicated key-value group of five stores (`scenarios/raft/KeyValue.ts`), a heartbeat every
 *   50 ms as well, over byte streams, with a shared log, sessions and all invariants judged at every event.
 */
import { cpus } from "node:os"
import type { Fault } from "#sim/faults/Fault.ts"
import { hostMillis } from "#sim/kernel/Tripwire.ts"
import type { Plan } from "#sim/run/Plan.ts"
import { run } from "#sim/run/Run.ts"
import type { Scenario } from "#sim/run/Scenario.ts"
import * as Cell from "#models/Cell.ts"
import { scenario as raft } from "#scenarios/raft/KeyValue.ts"
import { scenario as register } from "#scenarios/register/Lease.ts"

export interface Row {
  readonly name: string
  readonly virtualSeconds: number
  /** Medians over the rounds. */
  readonly virtualPerWallSecond: number
  readonly virtualPerCpuSecond: number
  readonly eventsPerWallSecond: number
  readonly eventsPerCpuSecond: number
  readonly operations: number
}

export const faultMix =
  "each in one second of five: 2 % loss, 2 % duplicates, up to 4 ms more delay; a power loss of one node every 20 s"

const seconds = 1_000_000
const nodes = 5

const times = {
  "net.latencyMicrosMin": 200,
  "net.latencyMicrosMax": 1_000,
  "disk.callMicrosMin": 10,
  "disk.callMicrosMax": 50,
  "disk.syncMicrosMin": 100,
  "disk.syncMicrosMax": 500
}

const registerPlan: Plan = {
  scenario: register.name,
  seed: "bench",
  nodes,
  clients: 1,
  policy: "fifo",
  preemptionOneIn: 0,
  durationMicros: 0,
  options: { leaseMillis: 1_000, renewMillis: 50, ...times },
  buggify: false,
  faults: [],
  operations: []
}

/** As in production, but for the ticks; the group never sleeps. */
const raftPlan: Plan = {
  ...registerPlan,
  scenario: raft.name,
  options: {
    tickMillis: 50,
    heartbeatTicks: 1,
    reads: "quorum",
    messageBytes: 65_536,
    inflight: 256,
    logBytes: 1_048_576,
    segmentBytes: 1_048_576,
    chunkBytes: 65_536,
    sleepTicks: 1_000_000_000,
    // No reads but those of clients.
    probeMillis: 0,
    ...times
  }
}

const quiet = (base: Plan, virtualSeconds: number): Plan => ({ ...base, durationMicros: virtualSeconds * seconds })

const drawFaults = (virtualSeconds: number): ReadonlyArray<Fault> => {
  const faults: Array<Fault> = []
  for (let at = 0; at < virtualSeconds; at += 5) {
    const lasting = { forMicros: seconds, nodes: [] }
    faults.push({ ...lasting, kind: "loss", atMicros: at * seconds, amount: 20 })
    faults.push({ ...lasting, kind: "duplicate", atMicros: (at + 1) * seconds, amount: 20 })
    faults.push({ ...lasting, kind: "delay", atMicros: (at + 2) * seconds, amount: 4_000 })
    if (at % 20 === 0) {
      faults.push({
        kind: "lose-unsynced",
        atMicros: (at + 3) * seconds,
        forMicros: seconds / 2,
        nodes: [(at / 20) % nodes],
        amount: 0
      })
    }
  }
  return faults
}

const registerWrite = (client: number, index: number) => ({ type: "write", value: (client + 1) * 1_000_000 + index })

const raftWrite = (client: number, index: number) => ({
  type: "cell",
  group: 1,
  key: (client + index) % 5,
  does: Cell.put((client + 1) * 1_000_000 + index),
  isLogged: true
})

const busy = (base: Plan, virtualSeconds: number, write: (client: number, index: number) => unknown): Plan => {
  const clients = 5
  const perSecond = 100 / clients
  const gapMicros = seconds / perSecond
  const operations = Array.from({ length: clients }, (_, client) =>
    Array.from({ length: virtualSeconds * perSecond }, (__, index) => ({
      client,
      gapMicros: index === 0 ? (client * gapMicros) / clients : gapMicros,
      operation: write(client, index)
    }))
  ).flat()
  return { ...base, clients, operations, durationMicros: virtualSeconds * seconds, faults: drawFaults(virtualSeconds) }
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)]

const measure = <O, V>(name: string, scenario: Scenario<O, V>, plan: Plan, rounds: number): Row => {
  const wall: Array<number> = []
  const cpu: Array<number> = []
  let events = 0
  let operations = 0
  // The first round warms the compiler up and is not counted.
  for (let round = 0; round <= rounds; round++) {
    const cpuBefore = process.cpuUsage()
    const before = hostMillis()
    const { result } = run(scenario, plan)
    const wallSeconds = (hostMillis() - before) / 1_000
    const used = process.cpuUsage(cpuBefore)
    if (result.verdict !== "pass") {
      throw new Error(
        `${name} must pass to be measured: ${JSON.stringify(result.checks.filter((check) => check.verdict !== "pass"))}`
      )
    }
    events = result.events
    operations = result.operations.ok
    if (round === 0) continue
    wall.push(wallSeconds)
    cpu.push((used.user + used.system) / 1_000_000)
  }
  const virtualSeconds = plan.durationMicros / seconds
  return {
    name,
    virtualSeconds,
    virtualPerWallSecond: Math.round(virtualSeconds / median(wall)),
    virtualPerCpuSecond: Math.round(virtualSeconds / median(cpu)),
    eventsPerWallSecond: Math.round(events / median(wall)),
    eventsPerCpuSecond: Math.round(events / median(cpu)),
    operations
  }
}

export interface Report {
  readonly machine: string
  readonly node: string
  readonly rounds: number
  readonly faultMix: string
  readonly rows: ReadonlyArray<Row>
}

export const bench = (options: { readonly rounds: number }): Report => ({
  machine: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`,
  node: process.version,
  rounds: options.rounds,
  faultMix,
  rows: [
    measure("quiet", register, quiet(registerPlan, 5_000), options.rounds),
    measure("busy", register, busy(registerPlan, 300, registerWrite), options.rounds),
    measure("raft quiet", raft, quiet(raftPlan, 500), options.rounds),
    measure("raft busy", raft, busy(raftPlan, 60, raftWrite), options.rounds)
  ]
})

/** The table that a person reads, with what others have published beside it. */
export const render = (report: Report): string => {
  const head = ["", "virtual : wall", "events/s", "virtual : CPU", "events/CPU s", "aim"]
  const aims: Readonly<Record<string, string>> = {
    quiet: "10,000",
    busy: "700",
    "raft quiet": "3,000",
    "raft busy": "300"
  }
  const shown = (value: number): string => value.toLocaleString("en-US")
  const rows = report.rows.map((row) => [
    row.name,
    shown(row.virtualPerWallSecond),
    shown(row.eventsPerWallSecond),
    shown(row.virtualPerCpuSecond),
    shown(row.eventsPerCpuSecond),
    aims[row.name] ?? ""
  ])
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column].length)))
  const line = (row: ReadonlyArray<string>): string =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join("  ")
  return [
    `simulator · ${report.machine} · Node.js ${report.node} · median of ${report.rounds}`,
    "",
    ...[head, ...rows].map(line),
    "",
    `quiet: five nodes, a heartbeat with its answer every 50 ms; busy: 100 replicated writes a virtual second as well,`,
    `disks, all judges on, and faults (${report.faultMix}).`,
    `raft: the same with a replicated key-value group over byte streams, with a shared log, sessions, and all invariants judged.`,
    `Published by others: TigerBeetle's simulator about 700 : 1, FoundationDB's about 10 : 1.`
  ].join("\n")
}
