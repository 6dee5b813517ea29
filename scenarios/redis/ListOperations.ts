/**
 * ListOperations: what clients of lists do, through RESP: items are pushed, popped, moved from list to list and waited for, by clients that break off in
 * the midst of a command. Every item is its own, so each is traced from the push to the pop.
 */
import * as Effect from "effect/Effect"
import * as Model from "#models/Lists.ts"
import { unknown } from "#models/Model.ts"
import type { Draw } from "#sim/kernel/Draw.ts"
import type { Outcome } from "#sim/run/History.ts"
import type { ClientSpec, Perform } from "#sim/run/Scenario.ts"
import { Net } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Connection } from "./Connection.ts"
import { Meeting } from "./Meeting.ts"
import { isError, type Reply } from "./Replies.ts"
import { doorOf } from "./Server.ts"

export interface Use {
  readonly type: "use"
  readonly does: Model.Step
  /** A take that waits so long for something. */
  readonly waitMillis?: number
  /** In a MULTI, where nobody waits, with a look at these lists behind it. */
  readonly looks?: ReadonlyArray<string>
  /** The client breaks off after so many bytes. */
  readonly cutAt?: number
}

/** One waits at a list of its own, another one pushes. */
export interface Meet {
  readonly type: "meet"
  readonly number: number
}

export type Operation = Use | Meet
export type Value = Model.Result | "met"

type Done = (outcome: Outcome<Value>) => void

export const keys = ["list:0", "list:1", "list:2"]
const cutBytesMax = 100
const itemsMax = 3

const drawEnd = (one: Draw): Model.End => one.pick(["left", "right"])

const drawDoes = (one: Draw, at: { readonly client: number; readonly index: number }): Model.Step => {
  const what = one.below(10)
  if (what < 3) {
    const first = (at.client + 1) * 1_000_000 + at.index * 10
    const values = Array.from({ length: one.between(1, itemsMax) }, (_, number) => first + number)
    return { type: "push", key: one.pick(keys), end: drawEnd(one), values }
  }
  if (what < 7) {
    const countMax = one.chance(1, 3) ? one.between(1, itemsMax) : 1
    return { type: "pop", keys: inOrder(one.sample(keys, one.between(1, 2))), end: drawEnd(one), countMax }
  }
  if (what < 9) {
    // Upwards only, as pops have their keys: who is served from one key does not find something in an earlier one then.
    const [from, to = from] = inOrder(one.sample(keys, one.between(1, 2)))
    return { type: "move", from, to, ends: [drawEnd(one), drawEnd(one)] }
  }
  return { type: "range", key: one.pick(keys) }
}

const inOrder = (some: ReadonlyArray<string>): ReadonlyArray<string> => [...some].sort()

export const draw = (one: Draw, at: { readonly client: number; readonly index: number }): Operation => {
  const does = drawDoes(one, at)
  const waits = (does.type === "pop" || does.type === "move") && one.chance(1, 2)
  // What is seen of everything leaves few orders to search.
  const looks = !waits && one.chance(1, 2)
  return {
    type: "use",
    does,
    ...(waits && { waitMillis: one.between(10, 400) }),
    ...(looks && { looks: keys }),
    ...(one.chance(1, 50) && { cutAt: one.below(cutBytesMax) })
  }
}

const word = (end: Model.End): string => end.toUpperCase()

const commandOf = ({ does, waitMillis }: Use): ReadonlyArray<string> => {
  const waits = waitMillis !== undefined
  const seconds = String((waitMillis ?? 0) / 1_000)
  switch (does.type) {
    case "push":
      return [does.end === "left" ? "LPUSH" : "RPUSH", does.key, ...does.values.map(String)]
    case "pop": {
      const side = does.end === "left" ? "L" : "R"
      if (waits && does.countMax === 1) return [`B${side}POP`, ...does.keys, seconds]
      const many = [String(does.keys.length), ...does.keys, word(does.end), "COUNT", String(does.countMax)]
      if (waits) return ["BLMPOP", seconds, ...many]
      return does.keys.length === 1 ? [`${side}POP`, does.keys[0], String(does.countMax)] : ["LMPOP", ...many]
    }
    case "move": {
      const moved = [does.from, does.to, word(does.ends[0]), word(does.ends[1])]
      return waits ? ["BLMOVE", ...moved, seconds] : ["LMOVE", ...moved]
    }
    case "range":
      return ["LRANGE", does.key, "0", "-1"]
  }
}

const numbers = (reply: Reply): ReadonlyArray<number> =>
  typeof reply === "string" ? [Number(reply)] : (reply as ReadonlyArray<Reply>).map(Number)

const seenOf = (does: Model.Step, reply: Reply): Model.Seen => {
  if (reply === null) return null
  switch (does.type) {
    case "push":
    case "move":
      return Number(reply)
    case "range":
      return numbers(reply)
    case "pop": {
      const parts = reply as ReadonlyArray<Reply>
      // With the key where there may be several, or it was waited for.
      const [key, values] = parts
      const hasKey = typeof key === "string" && keys.includes(key)
      return hasKey ? { key, values: numbers(values) } : { key: does.keys[0], values: numbers(parts) }
    }
  }
}

class Client {
  private readonly connection: Connection
  private readonly meeting: Meeting

  constructor(parts: ConstructorParameters<typeof Connection>[0]) {
    this.connection = new Connection(parts)
    this.meeting = new Meeting(parts)
  }

  readonly perform: Perform<Operation, Value> = (operation, done) => {
    if (operation.type === "use") return this.use(operation, done)
    const key = `meeting:${operation.number}`
    this.meeting.attend({ waits: [["BLPOP", key, "0"]], puts: ["RPUSH", key, "1"] }, (ending) =>
      done(ending.type === "met" ? { type: "ok", value: "met" } : ending)
    )
  }

  private use(operation: Use, done: Done): void {
    const { cutAt, does, looks } = operation
    const command = commandOf(operation)
    const looking = (looks ?? []).map((key) => ["LRANGE", key, "0", "-1"])
    this.connection.call(
      looks === undefined ? [command] : [["MULTI"], command, ...looking, ["EXEC"]],
      (answered) => {
        if (answered.type === "broken") {
          return done({ type: does.type === "range" ? "failed" : "unknown", reason: answered.reason })
        }
        const refused = answered.replies.find(isError)
        if (refused !== undefined) {
          this.connection.leave()
          return done({ type: "failed", reason: refused.error })
        }
        const last = answered.replies[answered.replies.length - 1]
        const replies = looks === undefined ? [last] : (last as ReadonlyArray<Reply>)
        done({ type: "ok", value: stepsOf(operation).map((step, at) => seenOf(step, replies[at])) })
      },
      cutAt
    )
  }
}

/** What an operation does, in the model's words. */
export const stepsOf = ({ does, looks = [] }: Use): ReadonlyArray<Model.Step> => [
  does,
  ...looks.map((key): Model.Step => ({ type: "range", key }))
]

export const client = Effect.fnUntraced(function* (spec: ClientSpec) {
  const net = yield* Net
  const timers = yield* Timers
  return new Client({ net, timers, servers: spec.servers.map(doorOf), first: spec.index }).perform
})

const model = Model.make()

export const label = (operation: Operation): string => {
  if (operation.type === "meet") return `meet at ${operation.number}`
  const { cutAt, does, looks, waitMillis } = operation
  const words = model.describe({ steps: [does] }, unknown).replace(" -> ?", "")
  const waits = waitMillis === undefined ? "" : `, waiting ${waitMillis} ms`
  return `${words}${waits}${looks === undefined ? "" : " in a MULTI"}${cutAt === undefined ? "" : `, cut at ${cutAt}`}`
}
