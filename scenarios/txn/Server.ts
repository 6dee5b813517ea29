/**
 * Server: a store with the keyspace and its transactions; clients ask over datagrams (`Requests.ts`), stores talk over streams, under the same
 * address. The first ones found the cluster, and the very first cuts it into ranges then.
 *
 * The store stops when its disk fails, and the process with it; it finds out at its next start what is true.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import { assert } from "#base/Assert.ts"
import type { Reader } from "#base/Bytes.ts"
import { firstRange } from "#keyspace/Descriptor.ts"
import type { KeyspaceError } from "#keyspace/KeyspaceError.ts"
import * as KeyspaceNode from "#keyspace/KeyspaceNode.ts"
import type { Request, Response, Txn } from "#keyspace/Request.ts"
import type { ServerSpec } from "#sim/run/Scenario.ts"
import type { Committed } from "#txn/Coordinator.ts"
import * as Transactions from "#txn/Transactions.ts"
import { OutcomeUnknown, type RunError } from "#txn/TxnError.ts"
import * as Completion from "#world/Completion.ts"
import { Host } from "#world/Host.ts"
import { Net, type DatagramSocket } from "#world/Net.ts"
import { Trace } from "#world/Trace.ts"
import * as Call from "../systems/Call.ts"
import * as Auditing from "./Auditing.ts"
import * as Following from "./Following.ts"
import * as Node from "./Node.ts"
import { Observed } from "./Observed.ts"
import { ObservedSteps } from "./ObservedSteps.ts"
import * as Requests from "./Requests.ts"
import * as Settings from "./Settings.ts"
import * as Step from "./Step.ts"

/** Shorter than a client waits. */
const timeoutMillis = 3_000
const attemptsMax = 20
/** An unknown outcome is asked for so often. */
const questionsMax = 3
const manageMicros = 2_000_000
const cutMillis = 30

/** What runs, and what was answered last, of each client. */
interface Remembered {
  readonly number: number
  answer: Uint8Array | undefined
}

const unknown = (reason: string): Requests.Ending => ({ type: "unknown", reason })

interface Running {
  readonly transactions: Transactions.Transactions["Service"]
  readonly asksOutcome: boolean
  /** What this server committed last; every other program begins after it. */
  readonly last: { committed: Committed<unknown> | undefined }
  /** Is told of every attempt, and what becomes of the transaction. */
  readonly observer: Observed
}

/** Runs a program, and finds out what became of it as far as it can. */
const run = Effect.fnUntraced(function* (
  { asksOutcome, last, observer, transactions }: Running,
  program: Step.Program
): Effect.fn.Return<Requests.Ending> {
  let seen: ReadonlyArray<Step.Seen> = []
  let attempts = 0
  const after = program.steps.length % 2 === 0 ? undefined : last.committed
  const committed = (id: number, at: number): Requests.Ending => {
    observer.told(id, at)
    return { type: "committed", value: { id, follows: id === after?.at, at, attempts, seen } }
  }
  const { isolation, readOnly = false } = program
  const body = (txn: Parameters<typeof Step.performAll>[0]) => {
    observer.attempted(txn.id, isolation)
    return Effect.map(Step.performAll(txn, program), (all) => {
      attempts = txn.attempt
      seen = all
    })
  }
  const options = { isolation, readOnly, timeoutMillis, attemptsMax, ...(after === undefined ? {} : { after }) }
  const result = yield* Effect.result(transactions.runCommitted(body, options))
  if (result._tag === "Success") {
    last.committed = result.success
    return committed(result.success.id, result.success.at)
  }
  const error: RunError = result.failure
  if (!(error instanceof OutcomeUnknown)) return { type: "aborted", reason: error._tag }
  if (!asksOutcome) return unknown("the outcome is unknown")
  const outcome = yield* outcomeOf(transactions, error.txn)
  if (outcome === undefined) return unknown("the outcome is unknown, and remains so")
  if (outcome.type === "committed") return committed(error.txn.id, outcome.at)
  observer.told(error.txn.id, 0)
  return { type: "aborted", reason: "after all" }
})

const outcomeOf = Effect.fnUntraced(function* (transactions: Transactions.Transactions["Service"], txn: Txn) {
  for (let question = 0; question < questionsMax; question++) {
    const result = yield* Effect.result(transactions.outcome(txn, { timeoutMillis: 500 }))
    if (result._tag === "Success") return result.success
    yield* Effect.sleep(50)
  }
  return undefined
})

/** As an administrator would. */
const manage = Effect.fnUntraced(function* (
  { router }: KeyspaceNode.KeyspaceNode,
  { deed, place, server }: Requests.Management
): Effect.fn.Return<void, KeyspaceError> {
  const key = Step.boundary(place)
  const range = router.locations.find(key)?.descriptor.range ?? firstRange
  const request = requestOf(deed, key, range, server + 1)
  yield* Completion.submit<Response | undefined, KeyspaceError>((done) =>
    router.at(key, request, { timeoutMicros: manageMicros }, done)
  )
})

const requestOf = (deed: Requests.Deed, key: Uint8Array, range: number, store: number): Request => {
  switch (deed) {
    case "split":
      return { type: "split", key }
    case "merge":
      return { type: "merge" }
    case "lead":
      return { type: "transfer", range, to: store }
    case "add":
      return { type: "members", range, changes: [{ type: "add-voter", store }], of: [] }
    case "remove":
      return { type: "members", range, changes: [{ type: "remove", store }], of: [] }
  }
}

/** Splits what there is at some places; one where a range begins already is refused. */
const cut = Effect.fnUntraced(function* (node: KeyspaceNode.KeyspaceNode, boundaries: ReadonlyArray<number>) {
  for (const place of boundaries) {
    for (;;) {
      const result = yield* Effect.result(manage(node, { deed: "split", place, server: 0 }))
      if (result._tag === "Success" || result.failure._tag === "Refused") break
      yield* Effect.sleep(cutMillis)
    }
  }
})

export const server = Effect.fnUntraced(function* (spec: ServerSpec) {
  const host = yield* Host
  const net = yield* Net
  const trace = yield* Trace
  const retentionMillis = Settings.number(spec, "retentionMillis")
  const observer = spec.options["trace.steps"] === true ? new ObservedSteps(trace) : new Observed(trace)
  const { node, transactions } = yield* Node.open(spec, {
    observer,
    founders: spec.peers.slice(0, Settings.number(spec, "founders")).map((_, index) => index + 1),
    placing: {
      replicas: Settings.number(spec, "replicas"),
      everyMicros: 200_000,
      deadAfterMicros: Settings.number(spec, "deadMillis") * 1_000
    },
    sweep: { retentionMicros: retentionMillis * 1_000, everyMicros: retentionMillis * 100 }
  })
  // One of them is enough.
  if (spec.index === 0) yield* Effect.forkChild(cut(node, Step.boundaries(Settings.number(spec, "ranges"))))

  if (spec.options["follows"] === true) yield* Effect.forkChild(Following.follow(node.feed, trace, spec.index))
  const fork = yield* FiberSet.makeRuntime<never>()
  const clients = new Map<number, Remembered>()
  const last: Running["last"] = { committed: undefined }
  const running = { transactions, observer, last, asksOutcome: spec.options["asksOutcome"] !== false }
  const begin = (client: number, number: number, body: Reader, answer: (bytes: Uint8Array) => void): void => {
    if (body.u32() !== host.incarnation) {
      return answer(Requests.writeEnding(Call.answer(number), { type: "elsewhere" }).finish())
    }
    const known = clients.get(client)
    if (known !== undefined && number <= known.number) {
      if (number === known.number && known.answer !== undefined) answer(known.answer)
      return
    }
    const own: Remembered = { number, answer: undefined }
    clients.set(client, own)
    const program = Requests.readProgram(body)
    fork(
      Effect.map(run(running, program), (ending) => {
        own.answer = Requests.writeEnding(Call.answer(number), ending).finish()
        answer(own.answer)
      })
    )
  }
  // The socket hears before this fiber goes on.
  let isBound = false
  const socket: DatagramSocket = yield* net.bind(spec.self, {
    received: (from, bytes) => {
      const request = Call.readRequest(bytes)
      if (request === undefined || !isBound) return
      const { body, client, number } = request
      const answer = (reply: Uint8Array): void => socket.send(from, reply)
      const kind = body.u8()
      if (kind === Requests.kinds.greet) return answer(Call.answer(number).u32(host.incarnation).finish())
      if (kind === Requests.kinds.run) return begin(client, number, body, answer)
      if (kind === Requests.kinds.tell) {
        fork(
          Effect.map(Effect.isSuccess(Auditing.tell(node.ranges.port, trace)), (isDone) => {
            const reply = Call.answer(number).u8(isDone ? 1 : 0)
            answer(reply.finish())
          })
        )
        return
      }
      assert(kind === Requests.kinds.manage, "clients ask for what servers know")
      const management = Requests.readManagement(body)
      const managed = manage(node, { ...management, server: management.server % spec.peers.length })
      fork(
        Effect.map(Effect.isSuccess(managed), (isDone) => {
          const reply = Call.answer(number).u8(isDone ? 1 : 0)
          answer(reply.finish())
        })
      )
    }
  })
  isBound = true
  return yield* Effect.never
})
