/**
 * Locks that sessions hold alone or share, for a while, through everything that may happen to them: they expire when their sessions die, stall or
 * are cut off, and whoever holds a lock after that has a later token. Whatever a lease guarded happened while nobody else held the lock.
 */
import * as Effect from "effect/Effect"
import type { Reader } from "#base/Bytes.ts"
import type { Operation as Performed, Outcome } from "#sim/run/History.ts"
import type { Judge, Violation } from "#sim/run/Judge.ts"
import type { Perform, Scenario } from "#sim/run/Scenario.ts"
import * as Call from "../systems/Call.ts"
import { damage } from "../txn/Scenarios.ts"
import * as Settings from "../txn/Settings.ts"
import * as Server from "./Server.ts"

interface Operation {
  readonly lock: number
  readonly shared: boolean
  readonly stayMillis: number
  readonly waitMillis: number
}

type Value = Server.Use
type Done = Performed<Operation, Value> & { readonly outcome: Extract<Outcome<Value>, { readonly type: "ok" }> }

const locks = 3
const patienceMillis = 3_000

const label = ({ lock, shared, stayMillis }: Operation): string =>
  `${shared ? "share" : "hold"} lock ${lock} for ${stayMillis} ms`

const text = new TextDecoder()

/** What a server answers is the outcome of the call; that it answers is not. */
const read = (body: Reader): Outcome<Value> | undefined => {
  const ending = body.u8()
  const told: unknown = JSON.parse(text.decode(body.rest()))
  if (ending === Server.endings.used) return { type: "ok", value: told as Value }
  return { type: ending === Server.endings.failed ? "failed" : "unknown", reason: String(told) }
}

const client: Scenario<Operation, Value>["workload"]["client"] = Effect.fnUntraced(function* (spec) {
  // It stays with a server that answers late, and waits for less than that: another one would use the lock besides.
  const caller = yield* Call.make(spec, { retryMicros: 4_000_000, timeoutMicros: 16_000_000 })
  const perform: Perform<Operation, Value> = ({ lock, shared, stayMillis, waitMillis }, done) =>
    caller.call<Outcome<Value>>(
      (writer) => {
        writer
          .u8(lock)
          .u8(shared ? 1 : 0)
          .u32(stayMillis)
          .u32(waitMillis)
      },
      read,
      (outcome) => done(outcome.type === "ok" ? outcome.value : outcome)
    )
  return perform
})

const isOk = (operation: Performed<Operation, Value>): operation is Done => operation.outcome.type === "ok"

const violation = (detail: string, { client: by, completedAt }: Done, nodes: number): Violation => ({
  detail,
  atMicros: completedAt,
  node: nodes + by
})

/** What is wrong with the uses of one lock, in the order in which they entered. */
const judge = (uses: ReadonlyArray<Done>, nodes: number): Violation | undefined => {
  for (const [at, one] of uses.entries()) {
    const { enteredAt, leftAt, seen, token } = one.outcome.value
    if (!(token < enteredAt && enteredAt < leftAt)) return violation("it entered before it held the lock", one, nodes)
    for (const other of uses.slice(at + 1)) {
      const later = other.outcome.value
      const isShared = one.operation.shared && other.operation.shared
      if (later.token === token) return violation(`two uses have the token ${token}`, other, nodes)
      if (isShared) continue
      if (later.enteredAt < leftAt) {
        return violation(`it entered at ${later.enteredAt}, where token ${token} was until ${leftAt}`, other, nodes)
      }
      if (later.token < token) return violation(`its token is older than ${token}, which left before`, other, nodes)
      if (!one.operation.shared && later.seen <= seen) {
        return violation(
          `it saw ${later.seen} uses, and token ${token} had seen ${seen} and added its own`,
          other,
          nodes
        )
      }
    }
  }
  return undefined
}

const exclusion: Judge<Operation, Value> = {
  name: "exclusion",
  make: ({ nodes }) => ({
    finish: (history) => {
      const uses = history.filter(isOk)
      uses.sort((left, right) => left.outcome.value.enteredAt - right.outcome.value.enteredAt)
      for (let lock = 0; lock < locks; lock++) {
        const found = judge(
          uses.filter((each) => each.operation.lock === lock),
          nodes
        )
        if (found !== undefined) return found
      }
      return uses.length === 0 ? "unknown" : "pass"
    }
  })
}

export const scenario: Scenario<Operation, Value> = {
  name: "locks/fencing",
  summary: "locks of sessions that die, stall and are cut off: one holds them at a time, under later and later tokens",
  nodes: { default: 3, min: 1, max: 5 },
  clients: { default: 4, min: 1, max: 6 },
  durationMicros: 10_000_000,
  livenessMicros: 60_000_000,
  server: Server.server,
  options: { ...Settings.options, engine: Settings.engines, leaseMillis: Server.leaseMillis },
  workload: {
    gapMicros: 30_000,
    draw: (draw) => ({
      lock: draw.below(locks),
      shared: draw.chance(1, 3),
      // Now and then for longer than a lease is good for without being renewed.
      stayMillis: draw.chance(1, 10) ? 2_000 : draw.below(60),
      waitMillis: draw.chance(1, 5) ? 0 : patienceMillis
    }),
    client,
    // All come after each other, and stay for longer than the shortest lease is good for: only with leases that are renewed, and given back, all have their turn.
    final: () => [0, 1, 2].map((lock) => ({ lock, shared: false, stayMillis: 900, waitMillis: patienceMillis })),
    label
  },
  ...damage,
  judges: [exclusion]
}
