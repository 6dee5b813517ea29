/**
 * Door: where clients come in: the port between a node and the protocols. A protocol's door listens as the configuration says, and needs nothing but
 * the world and the node's services.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Keyspace } from "#keyspace/Keyspace.ts"
import type { Locks } from "#txn/locks/Locks.ts"
import type { Transactions } from "#txn/Transactions.ts"
import type { Address } from "#world/Net.ts"
import type { World } from "#world/World.ts"
import type { DiskError, NetError } from "#world/WorldError.ts"
import type { Configuration } from "./Configuration.ts"
import type { StartError } from "./Ending.ts"
import type { Verdict } from "./Health.ts"
import type { Metrics } from "./Metrics.ts"

/** What a door may use besides the world. */
export type Services = Keyspace | Transactions | Locks

export interface Options {
  readonly configuration: Configuration
  /** What it counts is shown with everything else. */
  readonly metrics: Metrics
}

export interface OpenDoor {
  readonly addresses: ReadonlyArray<Address>
  /** Why its clients cannot be served now; undefined: they can. */
  readonly verdict: () => Verdict
  /** Reads again what may have changed: certificates. What is wrong with it is traced, and changes nothing. */
  readonly reload: () => void
  /** Takes no new clients, lets those that are there finish what they have begun, and ends. Its caller bounds the time; then its scope closes. */
  readonly drain: Effect.Effect<void>
}

export interface Door {
  /** For people: what listens there. */
  readonly name: string
  readonly open: (
    options: Options
  ) => Effect.Effect<OpenDoor, StartError | NetError | DiskError, World | Services | Scope.Scope>
}
