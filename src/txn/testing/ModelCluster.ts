/**
 * ModelCluster: a `ModelKeyspace` and stores on simulated machines that run transactions on it. The machines are somebody else's: a test bench
 * of the simulator has what is asked for here.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Keyspace } from "#keyspace/Keyspace.ts"
import type { Timers } from "#world/Timers.ts"
import type { Trace } from "#world/Trace.ts"
import * as Transactions from "../Transactions.ts"
import { ModelKeyspace, type Options } from "./ModelKeyspace.ts"

interface Bench<Epoch> {
  readonly kernel: {
    readonly now: number
    readonly streams: { get: (name: string) => { below: (bound: number) => number } }
    call: (at: number, call: () => void, epoch?: Epoch) => void
  }
  readonly machines: ReadonlyArray<{ readonly epoch: Epoch | undefined }>
}

/** The key of raw bytes: a letter, then a number. */
export const keyOf = (number: number): Uint8Array => Uint8Array.of(0xfe, number)

export const numberOf = (key: Uint8Array): number => key[1]

/** Three ranges, of which the first has the keys below 4 and the second those below 8. */
export const defaults: Options = {
  cuts: [keyOf(4), keyOf(8)],
  ttlMicros: 500_000,
  delayMicrosMax: 1_000,
  repeatOneIn: 0,
  loseOneIn: 0,
  forgetLocksOneIn: 0
}

export interface Programs {
  readonly transactions: Transactions.Transactions["Service"]
  readonly keyspace: Keyspace["Service"]
}

export class ModelCluster<Epoch> {
  readonly keyspace: ModelKeyspace
  private readonly bench: Bench<Epoch>

  constructor(bench: Bench<Epoch>, options: Partial<Options> = {}) {
    this.bench = bench
    const draws = bench.kernel.streams.get("txn/model")
    this.keyspace = new ModelKeyspace(
      { ...defaults, ...options },
      {
        after: (micros, call) => bench.kernel.call(bench.kernel.now + micros, call),
        nowMicros: () => bench.kernel.now,
        below: (bound) => draws.below(bound)
      }
    )
  }

  /** A program of a machine; `hear` is told of each call to the keyspace, before it leaves and when it is over. */
  program<E>(
    machine: number,
    use: (programs: Programs) => Effect.Effect<void, E, Scope.Scope | Timers | Trace>,
    hear: (what: string) => boolean | void = () => {}
  ): Effect.Effect<void, E, Scope.Scope | Timers | Trace> {
    return Effect.suspend(() => {
      const { epoch } = this.bench.machines[machine]
      const { kernel } = this.bench
      const keyspace = this.keyspace.serviceOf({ deliver: (call) => kernel.call(kernel.now, call, epoch), hear })
      return Effect.flatMap(
        Effect.provideService(Transactions.make({ heartbeatMillis: 100, openMax: 100 }), Keyspace, keyspace),
        (transactions) => use({ transactions, keyspace })
      )
    })
  }
}
