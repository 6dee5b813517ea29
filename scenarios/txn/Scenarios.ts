/** Scenarios of transactions: what they share; each file beside has what is its own. */
import * as Atlas from "#sim/faults/Atlas.ts"
import type { Draw } from "#sim/kernel/Draw.ts"
import type { Judge } from "#sim/run/Judge.ts"
import type { Scenario } from "#sim/run/Scenario.ts"
import type { Isolation } from "#txn/Attempt.ts"
import * as Faults from "../Faults.ts"
import * as Raft from "../raft/Invariants.ts"
import * as Client from "./Client.ts"
import { invariants } from "./Invariants.ts"
import * as Judges from "./Judges.ts"
import * as Requests from "./Requests.ts"
import * as Server from "./Server.ts"
import * as Settings from "./Settings.ts"
import type { Step } from "./Step.ts"

type At = { readonly client: number; readonly index: number }

export interface Parts {
  readonly name: string
  readonly summary: string
  readonly draw: (draw: Draw, at: At) => Client.Operation
  /** Once all has healed; the last one reads everything. */
  readonly final: (client: number) => ReadonlyArray<Client.Operation>
  readonly judges: ReadonlyArray<Judge<Client.Operation, Client.Value>>
  /** What the administrator does. Default: everything. */
  readonly deeds?: ReadonlyArray<Requests.Deed>
  /** Disks lose what was durable. */
  readonly rots?: boolean
}

/**
 * Beside what all groups survive: one disk that rots and writes astray, and disks that fill up. Of each range's voters, three or more, one at most has
 * not all that it promised. Where an administrator or a single founder makes ranges of fewer, they may lose everything by it.
 */
export const damage: Pick<Scenario, "atlas" | "faults"> = {
  faults: [...Faults.groups, "bit-rot", "misdirect", "disk-full"],
  atlas: { copiesIntactMin: 2, nodesDamagedMax: 1, wholeNodes: true }
}

const places = 256
export const serversMax = 7

/** One of the clients is an administrator besides. */
const drawManagement = (draw: Draw, deeds: ReadonlyArray<Requests.Deed>): Client.Operation => ({
  type: "manage",
  deed: draw.pick(deeds),
  place: draw.below(places),
  server: draw.below(serversMax)
})

export const make = ({
  deeds = Requests.deeds,
  draw,
  final,
  judges,
  name,
  rots = false,
  summary
}: Parts): Scenario<Client.Operation, Client.Value> => ({
  name,
  summary,
  nodes: { default: 3, min: 1, max: serversMax },
  clients: { default: 4, min: 1, max: 6 },
  durationMicros: 5_000_000,
  livenessMicros: 30_000_000,
  server: Server.server,
  options: { ...Settings.options, engine: Settings.engines },
  workload: {
    gapMicros: 20_000,
    draw: (one, at) => (at.client === 0 && one.chance(1, 12) ? drawManagement(one, deeds) : draw(one, at)),
    client: Client.make,
    final,
    label: Client.label
  },
  faults: Faults.groups,
  atlas: Atlas.nothing,
  judges: [...judges, Judges.timestamps, invariants, Raft.invariants({ rots })]
})

export const upTo = (count: number): ReadonlyArray<number> => Array.from({ length: count }, (_, number) => number)

/** A read of everything. */
export const sweep = (keys: ReadonlyArray<number>): Client.Operation => ({
  type: "run",
  isolation: "strict-serializable",
  isLocked: false,
  steps: [{ type: "scan", keys, reverse: false }]
})

// Transactions of any steps on a few keys at a time, which move on, so that lists remain short.

const window = 8
const windows = 24
const stride = 4
const perWindow = 40
const wholeKeys = upTo(windows * stride + window)
const finalKeys = upTo(8).map((number) => 200 + number)

export interface Mix {
  readonly writes: "append" | "put"
  readonly isolation: Isolation
}

const valueOf = ({ client, index }: At, step: number): number => (client + 1) * 1_000_000 + index * 10 + step

const drawStep = (draw: Draw, key: () => number, base: number, write: () => Step, reads: boolean): Step => {
  if (draw.chance(1, 16)) {
    const keys = upTo(window).map((number) => base + number)
    return { type: "scan", keys, reverse: draw.chance(1, 3) }
  }
  return reads || draw.chance(1, 3) ? { type: "get", key: key() } : write()
}

export const drawMix =
  ({ isolation, writes }: Mix) =>
  (draw: Draw, at: At): Client.Operation => {
    const base = (Math.floor(at.index / perWindow) % windows) * stride
    const only = draw.chance(1, 4) ? draw.below(window) : undefined
    const key = (): number => base + (only ?? draw.below(window))
    const reads = draw.chance(1, 5)
    const steps = upTo(draw.between(1, 4)).map((number) =>
      drawStep(draw, key, base, () => ({ type: writes, key: key(), value: valueOf(at, number) }), reads)
    )
    const isLocked = draw.chance(1, 4)
    return { type: "run", isolation, isLocked, readOnly: reads && !isLocked && draw.chance(1, 2), steps }
  }

/** Writes to many ranges at once, and a read of everything. What is written may be written again. */
export const finals =
  ({ isolation }: Mix) =>
  (): ReadonlyArray<Client.Operation> => {
    const steps = [0, 2, 4, 6].map((at) => ({
      type: "move" as const,
      from: finalKeys[at],
      to: finalKeys[at + 1],
      amount: 1
    }))
    // What is read there may change before it is written.
    const isLocked = isolation === "read-committed"
    return [{ type: "run", isolation, isLocked, steps }, sweep(wholeKeys)]
  }
