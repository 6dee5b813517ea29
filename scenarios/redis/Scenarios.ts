/** Scenarios of Redis clients: what they share; each file beside has what is its own. */
import * as Ownership from "#database/redis/Ownership.ts"
import * as Atlas from "#sim/faults/Atlas.ts"
import type { Judge } from "#sim/run/Judge.ts"
import type { Scenario, Workload } from "#sim/run/Scenario.ts"
import * as Faults from "../Faults.ts"
import * as Raft from "../raft/Invariants.ts"
import * as Settings from "../txn/Settings.ts"
import * as Exile from "./Exile.ts"
import * as Server from "./Server.ts"
import * as Tenure from "./Tenure.ts"
import * as Waiting from "./Waiting.ts"

export interface Parts<Operation, Value> {
  readonly name: string
  readonly summary: string
  readonly workload: Workload<Operation, Value>
  readonly judges: ReadonlyArray<Judge<Operation, Value>>
  /** Other than the usual ones. */
  readonly more?: Partial<Pick<Scenario<Operation, Value>, "nodes" | "clients" | "durationMicros" | "faults">>
  readonly options?: NonNullable<Scenario["options"]>
  readonly behaviour?: Server.Behaviour
}

export const make = <Operation, Value>({
  behaviour,
  judges,
  more = {},
  name,
  options = {},
  summary,
  workload
}: Parts<Operation, Value>): Scenario<Operation, Value> => ({
  name,
  summary,
  nodes: { default: 3, min: 1, max: 5 },
  clients: { default: 4, min: 1, max: 6 },
  durationMicros: 8_000_000,
  livenessMicros: 30_000_000,
  server: Server.make(behaviour),
  options: {
    ...Settings.options,
    // How long the node that has the data may be silent before another one takes it.
    leaseMillis: [600, 300, 2_000],
    // How much is stored as records before it is put among the keys.
    foldBytes: [1_000, 100, 1_000_000],
    // Whether each node has a part of the data, or one all of it.
    spreads: [true, true, false],
    // How often nobody is told what became of a command of several nodes.
    forgetsPercent: [0, 20],
    ...Exile.options,
    // As far as leases allow for, and not beyond: redis/lease-drift is.
    "clock.driftPpmMax": [500, Ownership.driftPpmMax],
    ...options
  },
  workload,
  faults: Faults.groups,
  atlas: Atlas.nothing,
  judges: [...judges, Waiting.turns, Tenure.alone, Raft.invariants()],
  ...more
})
