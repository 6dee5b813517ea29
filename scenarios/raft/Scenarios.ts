/** Scenarios of replicated key-value groups: what they share; each file beside has what is its own. */
import * as Atlas from "#sim/faults/Atlas.ts"
import type { Kind } from "#sim/faults/Fault.ts"
import type { OptionValue } from "#sim/run/Plan.ts"
import type { Scenario } from "#sim/run/Scenario.ts"
import type { Draw } from "#sim/kernel/Draw.ts"
import * as Cell from "#models/Cell.ts"
import * as Faults from "../Faults.ts"
import { memory } from "./Holdings.ts"
import { invariants } from "./Invariants.ts"
import * as Server from "./Server.ts"
import * as Workload from "./Workload.ts"

export const disk: ReadonlyArray<Kind> = [...Faults.powerLoss, "io-error", "slow-sync", "stuck-sync"]
export const process: ReadonlyArray<Kind> = ["crash", "stop", "pause", "kill-at-io"]

/** From everything as usual to everything in small pieces: snapshots all the time, messages of one entry, segments of a few records. */
export const options: Readonly<Record<string, ReadonlyArray<OptionValue>>> = {
  tickMillis: [20, 10, 50],
  heartbeatTicks: [1, 2],
  reads: ["quorum"],
  messageBytes: [16_384, 1, 200],
  inflight: [64, 1, 4],
  logBytes: [65_536, 400, 3_000],
  segmentBytes: [65_536, 1_500, 8_000],
  // Applied entries after which a state becomes durable; only then its log may be cut.
  syncEntries: [64, 1, 1_024],
  chunkBytes: [1_000, 50, 300],
  sleepTicks: [10, 3, 1_000_000],
  // How soon a client asks another server.
  retryMillis: [150, 30, 60],
  // How often servers read for themselves; 0: never, so that groups sleep.
  probeMillis: [2, 0, 5],
  // Commands that a leader proposes for itself, a hundred times a second.
  fillers: [0]
}

export interface Parts {
  readonly name: string
  readonly summary: string
  readonly behaviour?: Partial<Server.Behaviour>
  readonly keys?: number
}

export const make = ({
  behaviour = {},
  keys = 3,
  name,
  summary
}: Parts): Scenario<Workload.Operation, Workload.Value> => {
  const all: Server.Behaviour = { membersMax: 7, groups: 1, ...behaviour }
  const size = { groups: all.groups, keys }
  return {
    name,
    summary,
    nodes: { default: 3, min: 1, max: 5 },
    clients: { default: 3, min: 1, max: 5 },
    durationMicros: 10_000_000,
    livenessMicros: 30_000_000,
    server: (spec) => Server.server(spec, all),
    options,
    workload: {
      gapMicros: 15_000,
      draw: (draw, at) => Workload.drawCell(draw, at, size),
      client: Workload.client,
      final: (client) => [
        { type: "cell", group: 1, key: 0, does: Cell.add(client + 1), isLogged: true },
        { type: "cell", group: 1, key: 0, does: Cell.get, isLogged: false }
      ],
      label: Workload.label
    },
    faults: [...Faults.network, ...disk, ...process, ...Faults.clock],
    atlas: Atlas.nothing,
    judges: [Workload.linearizability, invariants(), memory]
  }
}

type Clients = Scenario<Workload.Operation, Workload.Value>["workload"]

/** A server of so many; mostly the first, so that it leads when something happens to it. */
export const mostlyFirst =
  (servers: number) =>
  (draw: Draw): number =>
    draw.chance(3, 4) ? 0 : draw.below(servers)

/** What clients do, but so often the first of them asks that a server leads the first group. */
export const transferring = (
  workload: Clients,
  [times, of]: readonly [times: number, of: number],
  to: (draw: Draw) => number
): Clients => ({
  ...workload,
  draw: (draw, at) =>
    at.client === 0 && draw.chance(times, of) ? { type: "transfer", group: 1, to: to(draw) } : workload.draw(draw, at)
})
