/**
 * Workload: what clients of a replicated key-value state do, and the model that judges it. A few cells each in a few groups, with
 * integers as decimal text. Writes go through a session, so the copies that a client sends to one server after another take effect
 * once; a read is a linearizable query of any server, or a transaction that only looks.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { Writer, type Reader } from "#base/Bytes.ts"
import * as Command from "#consensus/KeyValueCommand.ts"
import * as Sessions from "#consensus/Sessions.ts"
import * as Cell from "#models/Cell.ts"
import * as Keyed from "#models/Keyed.ts"
import { unknown } from "#models/Model.ts"
import type { Draw } from "#sim/kernel/Draw.ts"
import * as Linearizability from "#sim/judges/Linearizability.ts"
import type { Outcome } from "#sim/run/History.ts"
import type { Judge } from "#sim/run/Judge.ts"
import type { ClientSpec, Perform } from "#sim/run/Scenario.ts"
import * as Call from "../systems/Call.ts"

export type MemberChange = "add-voter" | "add-learner" | "remove"

export type Operation =
  | {
      readonly type: "cell"
      readonly group: number
      readonly key: number
      readonly does: Cell.Operation
      /** Of a get: as a command of the log. */
      readonly isLogged: boolean
    }
  /** The leadership goes to a server. */
  | { readonly type: "transfer"; readonly group: number; readonly to: number }
  /** Joint changes take several servers at once. */
  | {
      readonly type: "members"
      readonly group: number
      readonly changes: ReadonlyArray<{ readonly type: MemberChange; readonly server: number }>
    }

export type Value = number | boolean | null

/** The first byte of a request's body; then the group, u32. */
export const requests = { command: 1, query: 2, transfer: 3, members: 4 } as const
export const memberChanges: ReadonlyArray<MemberChange> = ["add-voter", "add-learner", "remove"]

const decoder = new TextDecoder()

/** Of letters and digits: an encoder takes ten times as long for so few. */
const bytesOf = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

const keyOf = (key: number): Uint8Array => bytesOf(`cell ${key}`)
const textOf = (value: number | null): Uint8Array | undefined => (value === null ? undefined : bytesOf(String(value)))

export const label = (operation: Operation): string => {
  switch (operation.type) {
    case "cell": {
      const { does, group, isLogged, key } = operation
      const words = Cell.make().describe(does, unknown).replace(" -> ?", "")
      return `${group}/${key} ${words}${isLogged ? " by the log" : ""}`
    }
    case "transfer":
      return `group ${operation.group} to server ${operation.to}`
    case "members":
      return `group ${operation.group}: ${operation.changes.map(({ server, type }) => `${type} ${server}`).join(", ")}`
  }
}

const sharedValues = 3

/** Half of the values are an operation's own, so that an odd one is traced to its writer; every other client mostly reads. */
export const drawCell = (
  draw: Draw,
  at: { readonly client: number; readonly index: number },
  size: { readonly groups: number; readonly keys: number }
): Operation => {
  const own = (at.client + 1) * 1_000_000 + at.index
  const value = draw.chance(1, 2) ? draw.below(sharedValues) : own
  const place = {
    type: "cell" as const,
    group: 1 + draw.below(size.groups),
    key: draw.below(size.keys),
    isLogged: draw.chance(1, 5)
  }
  const reads = draw.chance(1, 2) || (at.client % 2 === 1 && draw.chance(9, 10))
  if (reads) return { ...place, does: Cell.get }
  const does = draw.pick<Cell.Operation>([
    Cell.put(value),
    Cell.put(draw.chance(1, 4) ? null : value),
    Cell.cas(draw.below(sharedValues), value),
    Cell.add(1)
  ])
  return { ...place, does, isLogged: true }
}

const transactionOf = (key: Uint8Array, does: Cell.Operation): Command.Transaction => {
  switch (does.type) {
    case "get":
      return { compares: [], onMatch: [{ type: "get", key }], otherwise: [] }
    case "put": {
      const value = textOf(does.value)
      return value === undefined ? Command.remove(key) : Command.put(key, value)
    }
    case "cas":
      return Command.compareAndSet(key, { from: textOf(does.from), to: textOf(does.to) })
    case "add":
      return Command.increment(key, does.delta)
  }
}

const valueOf = (entry: { readonly value: Uint8Array } | undefined): number | null =>
  entry === undefined ? null : Number(decoder.decode(entry.value))

/** What a cell's operation returned; undefined: it was refused. */
const resultOf = (does: Cell.Operation, answer: Command.Answer | undefined): Value | undefined => {
  if (answer?.type !== "done") return undefined
  if (does.type === "cas") return answer.isMatch
  const [result] = answer.results
  if (result.type === "get") return valueOf(result.entry)
  return result.type === "increment" ? result.value : result.existed
}

/** What the server said to an operation of a session. */
type Said = { readonly type: "value"; readonly value: Value } | { readonly type: "lost" }

/** A client's sessions, one a group, opened when they are first used. */
class Client {
  private readonly caller: Call.Caller
  private readonly sessions = new Map<number, { readonly id: number; sequence: number }>()

  constructor(caller: Call.Caller) {
    this.caller = caller
  }

  readonly perform: Perform<Operation, Value> = (operation, done) => {
    if (operation.type === "cell") this.cell(operation, done)
    else this.manage(operation, done)
  }

  private cell(operation: Extract<Operation, { type: "cell" }>, done: (outcome: Outcome<Value>) => void): void {
    const { does, group, isLogged, key } = operation
    if (does.type === "get" && !isLogged) return this.query(group, keyOf(key), done)
    const session = this.sessions.get(group)
    if (session === undefined) return this.open(operation, done)
    const sequence = ++session.sequence
    const command = Sessions.numbered(
      { session: session.id, sequence, acknowledged: sequence - 1 },
      Command.encode(transactionOf(keyOf(key), does))
    )
    this.caller.call<Said>(
      (writer) => writer.u8(requests.command).u32(group).raw(command),
      (body) => {
        const reply = Sessions.readReply(body.rest())
        if (reply?.type !== "applied") return reply === undefined ? undefined : { type: "lost" }
        const value = resultOf(does, Command.decodeAnswer(reply.answer))
        return value === undefined ? undefined : { type: "value", value }
      },
      (outcome) => {
        if (outcome.type !== "ok") return done(outcome)
        if (outcome.value.type === "value") return done({ type: "ok", value: outcome.value.value })
        // An earlier copy may have been carried out before the session expired.
        this.sessions.delete(group)
        done({ type: "unknown", reason: "the session is no more" })
      }
    )
  }

  private open(operation: Extract<Operation, { type: "cell" }>, done: (outcome: Outcome<Value>) => void): void {
    const { group } = operation
    this.caller.call<number>(
      (writer) => writer.u8(requests.command).u32(group).raw(Sessions.open()),
      (body) => {
        const reply = Sessions.readReply(body.rest())
        return reply?.type === "opened" ? reply.session : undefined
      },
      (outcome) => {
        if (outcome.type !== "ok") return done({ type: "failed", reason: "no session could be opened" })
        this.sessions.set(group, { id: outcome.value, sequence: 0 })
        this.cell(operation, done)
      }
    )
  }

  private query(group: number, key: Uint8Array, done: (outcome: Outcome<Value>) => void): void {
    const query = Command.encodeQuery({ type: "get", key })
    this.caller.call<Value>(
      (writer) => writer.u8(requests.query).u32(group).raw(query),
      (body) => {
        const answer = Command.decodeQueryAnswer(body.rest())
        return answer?.type === "get" ? valueOf(answer.entry) : undefined
      },
      done
    )
  }

  private manage(operation: Exclude<Operation, { type: "cell" }>, done: (outcome: Outcome<Value>) => void): void {
    this.caller.call<Value>(
      (writer) => writeManagement(writer, operation),
      (body) => body.u8() === 1,
      done
    )
  }
}

const writeManagement = (writer: Writer, operation: Exclude<Operation, { type: "cell" }>): void => {
  writer.u8(requests[operation.type]).u32(operation.group)
  if (operation.type === "transfer") {
    writer.u8(operation.to)
    return
  }
  writer.u8(operation.changes.length)
  for (const { server, type } of operation.changes) writer.u8(memberChanges.indexOf(type)).u8(server)
}

export const readChanges = (body: Reader): Extract<Operation, { type: "members" }>["changes"] =>
  Array.from({ length: body.u8() }, () => ({ type: memberChanges[body.u8()], server: body.u8() }))

export const client = Effect.fnUntraced(function* (spec: ClientSpec) {
  const retryMicros = Number(spec.options["retryMillis"] ?? 150) * 1_000
  const random = yield* Random.Random
  const jitter = spec.options["retryJitter"] === true ? { jitter: () => random.nextDoubleUnsafe() } : {}
  const caller = yield* Call.make(spec, { retryMicros, timeoutMicros: 3_000_000, ...jitter })
  return new Client(caller).perform
})

export const linearizability: Judge<Operation, Value> = Linearizability.judge({
  name: "linearizability",
  model: Keyed.make(Cell.make()),
  toOperation: (operation: Operation, outcome) => {
    if (operation.type !== "cell") return undefined
    const { does, group, key } = operation
    // What failed has not happened.
    if (outcome.type === "failed") return undefined
    return {
      operation: { key: `${group}/${key}`, operation: does },
      result: outcome.type === "ok" ? outcome.value : unknown
    }
  }
})
