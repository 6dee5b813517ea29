/**
 * StreamOperations: what clients of streams do, through RESP: entries are added, read by groups of consumers, acknowledged, and claimed from who has
 * not acknowledged them. Every entry has a value of its own, and every client is a consumer in each group.
 */
import * as Effect from "effect/Effect"
import type { Draw } from "#sim/kernel/Draw.ts"
import type { Outcome } from "#sim/run/History.ts"
import type { ClientSpec, Perform } from "#sim/run/Scenario.ts"
import { Net } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Connection } from "./Connection.ts"
import { Meeting } from "./Meeting.ts"
import { isError, type Reply } from "./Replies.ts"
import { doorOf } from "./Server.ts"

interface Place {
  readonly key: string
  readonly group: string
}

/** `acknowledge`: what the client was given last there. `check`: everything at one moment. */
export type InGroup = Place &
  (
    | { readonly type: "read"; readonly countMax: number; readonly waitMillis?: number }
    | { readonly type: "acknowledge" }
    | { readonly type: "claim"; readonly countMax: number; readonly idleMillis: number }
    | { readonly type: "check" }
  )

export type Operation =
  | { readonly type: "add"; readonly key: string; readonly value: number; readonly cutAt?: number }
  | InGroup
  /** One waits at a stream of its own, another one adds. */
  | { readonly type: "meet"; readonly number: number }

/** An id whose order as text is that of the stream, and what is told of the entry. */
export interface Entry {
  readonly id: string
  readonly value: number
}

export type Value =
  | { readonly type: "added"; readonly id: string }
  | { readonly type: "entries"; readonly entries: ReadonlyArray<Entry> }
  | { readonly type: "acknowledged"; readonly count: number }
  | { readonly type: "checked"; readonly entries: ReadonlyArray<Entry>; readonly pending: ReadonlyArray<string> }
  | { readonly type: "met" }
  /** A group that was there is not. */
  | { readonly type: "no group" }

type Done = (outcome: Outcome<Value>) => void

export const keys = ["stream:0", "stream:1"]
export const groups = ["one", "two"]
const cutBytesMax = 60
const everything = "100000"
/** Values from here on are added once. */
export const distinctMin = 1_000_000

export const draw = (one: Draw, at: { readonly client: number; readonly index: number }): Operation => {
  const what = one.below(20)
  const key = one.pick(keys)
  const group = one.pick(groups)
  if (what < 7) {
    const value = (at.client + 1) * distinctMin + at.index
    return { type: "add", key, value, ...(one.chance(1, 25) && { cutAt: one.below(cutBytesMax) }) }
  }
  if (what < 13) {
    const waitMillis = one.between(10, 400)
    return { type: "read", key, group, countMax: one.between(1, 4), ...(one.chance(1, 2) && { waitMillis }) }
  }
  if (what < 16) return { type: "acknowledge", key, group }
  if (what < 18) return { type: "claim", key, group, countMax: one.between(1, 4), idleMillis: one.pick([0, 50, 500]) }
  return { type: "check", key, group }
}

/** `1700-3` so that texts sort like ids. */
export const ordered = (id: string): string => {
  const [millis, sequence] = id.split("-")
  return `${millis.padStart(15, "0")}-${sequence.padStart(8, "0")}`
}

const redisId = (id: string): string => id.split("-").map(Number).join("-")

const list = (reply: Reply): ReadonlyArray<Reply> => (reply === null ? [] : (reply as ReadonlyArray<Reply>))
const idIn = (reply: Reply): string => ordered(reply as string)

const entriesIn = (reply: Reply): ReadonlyArray<Entry> =>
  list(reply).map((entry) => {
    const [id, fields] = list(entry)
    return { id: idIn(id), value: Number(list(fields)[1]) }
  })

const commandsOf = (
  { group, key, ...does }: InGroup,
  consumer: string,
  given: ReadonlyArray<string>
): ReadonlyArray<ReadonlyArray<string>> => {
  switch (does.type) {
    case "read": {
      const waits = does.waitMillis === undefined ? [] : ["BLOCK", String(does.waitMillis)]
      return [["XREADGROUP", "GROUP", group, consumer, "COUNT", String(does.countMax), ...waits, "STREAMS", key, ">"]]
    }
    case "acknowledge":
      return [["XACK", key, group, ...given.map(redisId)]]
    case "claim":
      return [["XAUTOCLAIM", key, group, consumer, String(does.idleMillis), "0", "COUNT", String(does.countMax)]]
    case "check":
      return [["MULTI"], ["XRANGE", key, "-", "+"], ["XPENDING", key, group, "-", "+", everything], ["EXEC"]]
  }
}

const valueOf = (type: InGroup["type"], reply: Reply): Value => {
  const parts = typeof reply === "number" ? [] : list(reply)
  switch (type) {
    case "read":
      return { type: "entries", entries: parts.flatMap((stream) => entriesIn(list(stream)[1])) }
    case "acknowledge":
      return { type: "acknowledged", count: Number(reply) }
    case "claim":
      return { type: "entries", entries: entriesIn(parts[1]) }
    case "check":
      return {
        type: "checked",
        entries: entriesIn(parts[0]),
        pending: list(parts[1]).map((each) => idIn(list(each)[0]))
      }
  }
}

class Client {
  private readonly connection: Connection
  private readonly meeting: Meeting
  private readonly consumer: string
  /** Groups that are known to be there. */
  private readonly made = new Set<string>()
  /** By group: what it was given last. */
  private readonly given = new Map<string, ReadonlyArray<string>>()

  constructor(parts: ConstructorParameters<typeof Connection>[0]) {
    this.connection = new Connection(parts)
    this.meeting = new Meeting(parts)
    this.consumer = `consumer-${parts.first}`
  }

  readonly perform: Perform<Operation, Value> = (operation, done) => {
    if (operation.type === "add") return this.add(operation, done)
    if (operation.type === "meet") return this.meet(operation.number, done)
    const place = `${operation.key} ${operation.group}`
    const given = this.given.get(place) ?? []
    if (operation.type === "acknowledge" && given.length === 0) {
      return done({ type: "failed", reason: "there is nothing to acknowledge" })
    }
    const creation = this.made.has(place) ? [] : [["XGROUP", "CREATE", operation.key, operation.group, "0", "MKSTREAM"]]
    this.connection.call([...creation, ...commandsOf(operation, this.consumer, given)], (answered) => {
      if (answered.type === "broken") {
        return done({ type: operation.type === "check" ? "failed" : "unknown", reason: answered.reason })
      }
      const replies = answered.replies.slice(creation.length)
      const last = replies[replies.length - 1]
      const refused = [...replies, ...(Array.isArray(last) ? (last as ReadonlyArray<Reply>) : [])].find(isError)
      if (refused?.error.startsWith("NOGROUP")) return done({ type: "ok", value: { type: "no group" } })
      if (refused !== undefined) return this.refused(refused.error, done)
      this.made.add(place)
      const value = valueOf(operation.type, last)
      if (value.type === "entries" && value.entries.length > 0)
        this.given.set(
          place,
          value.entries.map(({ id }) => id)
        )
      done({ type: "ok", value })
    })
  }

  private add({ cutAt, key, value }: Extract<Operation, { type: "add" }>, done: Done): void {
    this.connection.call(
      [["XADD", key, "*", "value", String(value)]],
      (answered) => {
        if (answered.type === "broken") return done({ type: "unknown", reason: answered.reason })
        const [reply] = answered.replies
        if (isError(reply)) return this.refused(reply.error, done)
        done({ type: "ok", value: { type: "added", id: idIn(reply) } })
      },
      cutAt
    )
  }

  private meet(number: number, done: Done): void {
    const key = `meeting:${number}`
    const inGroup = [
      ["XGROUP", "CREATE", key, "all", "0", "MKSTREAM"],
      ["XREADGROUP", "GROUP", "all", "me", "COUNT", "1", "BLOCK", "0", "STREAMS", key, ">"]
    ]
    const isRepeated = number % 2 === 1
    const waits = isRepeated ? [["XREAD", "BLOCK", "0", "STREAMS", key, `else:${number}`, "$", "$"]] : inGroup
    this.meeting.attend({ waits, puts: ["XADD", key, "*", "value", "1"], isRepeated }, (ending) =>
      done(ending.type === "met" ? { type: "ok", value: ending } : ending)
    )
  }

  /** Maybe another server is better. */
  private refused(reason: string, done: Done): void {
    this.connection.leave()
    done({ type: "failed", reason })
  }
}

export const client = Effect.fnUntraced(function* (spec: ClientSpec) {
  const net = yield* Net
  const timers = yield* Timers
  return new Client({ net, timers, servers: spec.servers.map(doorOf), first: spec.index }).perform
})

export const label = (operation: Operation): string => {
  if (operation.type === "meet") return `meet at ${operation.number}`
  if (operation.type === "add") return `add ${operation.value} to ${operation.key}`
  const { group, key, type } = operation
  const how = operation.type === "read" && operation.waitMillis !== undefined ? ", waiting" : ""
  return `${type} as group ${group} of ${key}${how}`
}
