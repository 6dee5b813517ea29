/**
 * Scenario = workload + cluster + faults + judges, one file each under `scenarios/`. The workload knows nothing of
 * faults, and a fault nothing of workloads.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "#world/Net.ts"
import type { World } from "#world/World.ts"
import type * as Atlas from "#sim/faults/Atlas.ts"
import type { Kind } from "#sim/faults/Fault.ts"
import type { Draw } from "#sim/kernel/Draw.ts"
import type { PolicyName } from "#sim/kernel/PolicyName.ts"
import type { Outcome } from "./History.ts"
import type { Judge } from "./Judge.ts"
import type { OptionValue } from "./Plan.ts"

/** What a server's program is told of its place in the cluster. */
export interface ServerSpec {
  readonly index: number
  readonly self: Address
  /** All servers, `self` included, by index. */
  readonly peers: ReadonlyArray<Address>
  readonly options: Readonly<Record<string, OptionValue>>
  /** 0 unless a `version` fault restarted the node with another one. */
  readonly version: number
}

export interface ClientSpec {
  readonly index: number
  readonly self: Address
  readonly servers: ReadonlyArray<Address>
  readonly options: Readonly<Record<string, OptionValue>>
}

/** Starts one operation; `done` is called once, later. One operation of a client is under way at a time. */
export type Perform<Operation, Value> = (operation: Operation, done: (outcome: Outcome<Value>) => void) => void

export interface Workload<Operation, Value> {
  /** The next operation of a client: a JSON value, drawn before the run starts. */
  readonly draw: (draw: Draw, at: { readonly client: number; readonly index: number }) => Operation
  /** Think time between a client's operations: drawn from 0 to twice this. */
  readonly gapMicros: number
  /** A client's session: sockets, timers, retries. Lives until the run ends. */
  readonly client: (spec: ClientSpec) => Effect.Effect<Perform<Operation, Value>, unknown, World | Scope.Scope>
  /** Performed by each client once the faults have healed, each again until it is ok: the liveness phase. */
  readonly final: (client: number) => ReadonlyArray<Operation>
  /** A few words for reports. */
  readonly label: (operation: Operation) => string
}

export interface Scenario<Operation = any, Value = any> {
  /** `area/name`, the name on the command line and of the file under `scenarios/`. */
  readonly name: string
  /** One line for `sim list`. */
  readonly summary: string
  readonly nodes: { readonly default: number; readonly min: number; readonly max: number }
  readonly clients: { readonly default: number; readonly min: number; readonly max: number }
  /** Safety phase when `--for` says nothing. */
  readonly durationMicros: number
  /** After the faults have healed, every client's final operations are done within this. */
  readonly livenessMicros: number
  /** One cluster member. It ends only by failing, by `Host.exit`, or by being stopped. */
  readonly server: (spec: ServerSpec) => Effect.Effect<void, unknown, World | Scope.Scope>
  readonly workload: Workload<Operation, Value>
  /** The faults that the protocol declares it survives; the swarm draws among them. */
  readonly faults: ReadonlyArray<Kind>
  /**
   * Of these, those without which a run shows nothing of what the scenario is about: they are every second fault, whatever else the swarm
   * leaves out. Default: none.
   */
  readonly subject?: ReadonlyArray<Kind>
  /** Bounds disk faults to what the protocol can recover from. */
  readonly atlas: Atlas.Declaration
  readonly judges: ReadonlyArray<Judge<Operation, Value>>
  /** Values from which each run draws; the first is the default. */
  readonly options?: Readonly<Record<string, ReadonlyArray<OptionValue>>>
  /** Of these, those that are the cluster's: `config` gives no server another value of them. */
  readonly sharedOptions?: ReadonlyArray<string>
  /** Scheduling policies from which a run draws; all of them when absent. */
  readonly policies?: ReadonlyArray<PolicyName>
  /** How many versions of the program `server` knows; `version` faults draw among them. Default: 1. */
  readonly versions?: number
  /** A canary must fail, and by this judge: it tests the tester. */
  readonly canary?: { readonly judge: string; readonly bug: string }
  /** Words for a message's bytes in reports. */
  readonly describe?: (bytes: Uint8Array) => string
}
