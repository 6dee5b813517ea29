/**
 * Keys with a number or nothing in them, through RESP: GET, SET, GETDEL, INCRBY, compare-and-set by WATCH, MULTI and EXEC, and several of them in
 * one MULTI. Each connection goes to one server of the cluster, whichever has the data; clients break off in the midst of a command.
 */
import * as Effect from "effect/Effect"
import * as Cell from "#models/Cell.ts"
import * as Keyed from "#models/Keyed.ts"
import { unknown } from "#models/Model.ts"
import * as Linearizability from "#sim/judges/Linearizability.ts"
import type { Draw } from "#sim/kernel/Draw.ts"
import type { Outcome } from "#sim/run/History.ts"
import type { ClientSpec, Perform } from "#sim/run/Scenario.ts"
import { Net } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Connection } from "./Connection.ts"
import { isError, type Reply } from "./Replies.ts"
import * as Scenarios from "./Scenarios.ts"
import { doorOf } from "./Server.ts"

export interface Operation {
  readonly key: number
  readonly does: Cell.Operation
  /** In a MULTI of its own. */
  readonly isQueued?: true
  /** The client breaks off after so many bytes. */
  readonly cutAt?: number
}

export type Value = number | boolean | null

type Done = (outcome: Outcome<Value>) => void

const keys = 4
const sharedValues = 3
const cutBytesMax = 60

/** Half of the values are an operation's own, so that an odd one is traced to its writer; every other client mostly reads. */
const draw = (one: Draw, at: { readonly client: number; readonly index: number }): Operation => {
  const own = (at.client + 1) * 1_000_000 + at.index
  const value = one.chance(1, 2) ? one.below(sharedValues) : own
  const reads = one.chance(1, 3) || (at.client % 2 === 1 && one.chance(9, 10))
  const does = reads
    ? Cell.get
    : one.pick<Cell.Operation>([
        Cell.put(value),
        Cell.put(one.chance(1, 3) ? null : value),
        Cell.cas(one.below(sharedValues), value),
        Cell.add(1)
      ])
  const isQueued = does.type !== "cas" && one.chance(1, 5)
  const isCut = one.chance(1, 25)
  return {
    key: one.below(keys),
    does,
    ...(isQueued && { isQueued }),
    ...(isCut && { cutAt: one.below(cutBytesMax) })
  }
}

/** Behind each other in the slots, so that they lie in several ranges. */
const nameOf = (key: number): string => `cell:${key}`

const commandOf = (key: string, does: Exclude<Cell.Operation, { type: "cas" }>): ReadonlyArray<string> => {
  switch (does.type) {
    case "get":
      return ["GET", key]
    case "put":
      return does.value === null ? ["GETDEL", key] : ["SET", key, String(does.value), "GET"]
    case "add":
      return ["INCRBY", key, String(does.delta)]
  }
}

/** The server says that it did not do it. */
const refused = (replies: ReadonlyArray<Reply>): string | undefined => {
  for (const reply of replies) if (isError(reply)) return reply.error
  return undefined
}

const valueOf = (does: Cell.Operation, reply: Reply): Value => {
  if (does.type === "put") return reply !== null
  return reply === null ? null : Number(reply)
}

class Client {
  private readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
  }

  readonly perform: Perform<Operation, Value> = (operation, done) => {
    const { cutAt, does, isQueued, key } = operation
    if (does.type === "cas") return this.compareAndSet(nameOf(key), does, done)
    const command = commandOf(nameOf(key), does)
    const commands = isQueued === true ? [["MULTI"], command, ["EXEC"]] : [command]
    this.connection.call(
      commands,
      (answered) => {
        if (answered.type === "broken") return done(this.broken(does, answered.reason))
        const reason = refused(answered.replies)
        if (reason !== undefined) return this.refused(reason, done)
        const last = answered.replies[answered.replies.length - 1]
        const reply = isQueued === true && Array.isArray(last) ? (last as ReadonlyArray<Reply>)[0] : last
        done({ type: "ok", value: valueOf(does, reply) })
      },
      cutAt
    )
  }

  private compareAndSet(key: string, does: Extract<Cell.Operation, { type: "cas" }>, done: Done): void {
    const { from, to } = does
    this.connection.call(
      [
        ["WATCH", key],
        ["GET", key]
      ],
      (watched) => {
        if (watched.type === "broken") return done({ type: "failed", reason: watched.reason })
        const reason = refused(watched.replies)
        if (reason !== undefined) return this.refused(reason, done)
        const [, held] = watched.replies
        if ((held === null ? null : Number(held)) !== from) return this.unwatch(done)
        const write = to === null ? ["DEL", key] : ["SET", key, String(to)]
        this.connection.call([["MULTI"], write, ["EXEC"]], (answered) => {
          if (answered.type === "broken") return done({ type: "unknown", reason: answered.reason })
          const late = refused(answered.replies)
          if (late !== undefined) return this.refused(late, done)
          // Somebody changed the key meanwhile: nothing was done.
          if (answered.replies[2] === null) return done({ type: "failed", reason: "the key has changed" })
          done({ type: "ok", value: true })
        })
      }
    )
  }

  private unwatch(done: Done): void {
    this.connection.call([["UNWATCH"]], () => done({ type: "ok", value: false }))
  }

  private broken(does: Cell.Operation, reason: string): Outcome<Value> {
    return does.type === "get" ? { type: "failed", reason } : { type: "unknown", reason }
  }

  /** Maybe another server is better. */
  private refused(reason: string, done: Done): void {
    this.connection.leave()
    done({ type: "failed", reason })
  }
}

const client = Effect.fnUntraced(function* (spec: ClientSpec) {
  const net = yield* Net
  const timers = yield* Timers
  const servers = spec.servers.map(doorOf)
  // Every other client, if a scenario says so: who asks elsewhere soon changes what patient ones still read where they are.
  const impatientMillis = Number(spec.options["impatientMillis"] ?? 0)
  const isImpatient = impatientMillis > 0 && spec.index % 2 === 1
  const patience = isImpatient ? { timeoutMicros: impatientMillis * 1_000 } : {}
  return new Client(new Connection({ net, timers, servers, first: spec.index, ...patience })).perform
})

const label = ({ cutAt, does, isQueued, key }: Operation): string => {
  const words = Cell.make().describe(does, unknown).replace(" -> ?", "")
  return `${nameOf(key)} ${words}${isQueued === true ? " in a MULTI" : ""}${cutAt === undefined ? "" : `, cut at ${cutAt}`}`
}

/** A few seconds: where takeovers leave much unknown there may be too many orders. */
const configurationsMax = 500_000

const linearizability = Linearizability.judge({
  name: "linearizability",
  configurationsMax,
  model: Keyed.make(Cell.make()),
  toOperation: ({ does, key }: Operation, outcome) =>
    // What failed has not happened.
    outcome.type === "failed"
      ? undefined
      : {
          operation: { key: nameOf(key), operation: does },
          result: outcome.type === "ok" ? (outcome.value as Value) : unknown
        }
})

/** What the scenarios on cells share. */
export const parts = {
  workload: {
    gapMicros: 20_000,
    draw,
    client,
    final: (number: number): ReadonlyArray<Operation> => [
      { key: 0, does: Cell.add(number + 1) },
      { key: 0, does: Cell.get }
    ],
    label
  },
  judges: [linearizability]
}

export const scenario = Scenarios.make<Operation, Value>({
  ...parts,
  name: "redis/cells",
  summary: "numbers under keys of Redis: linearizable through RESP, MULTI and WATCH, whichever node has the data"
})
