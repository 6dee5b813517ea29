/**
 * Server: one store of a bench's cluster as a process of its own, with its keyspace, its transactions and a plain door (`Frames`), by which a
 * request is a whole transaction.
 *
 * `node bench/txn/Server.ts STORE DIRECTORY PEERPORT,... DOORPORT ENGINE [rounds]`
 */
import { Buffer } from "node:buffer"
import * as net from "node:net"
import * as Effect from "effect/Effect"
import type { KeyspaceError } from "#keyspace/KeyspaceError.ts"
import { Keyspace } from "#keyspace/Keyspace.ts"
import * as KeyspaceNode from "#keyspace/KeyspaceNode.ts"
import { end, systemEnd } from "#keyspace/Descriptor.ts"
import type { Request } from "#keyspace/Request.ts"
import * as Transactions from "#txn/Transactions.ts"
import * as Completion from "#world/Completion.ts"
import * as RealWorld from "#world/real/RealWorld.ts"
import * as Accounts from "./Accounts.ts"
import { Frames, ends, kinds, numbers } from "./Frames.ts"
import { Rounds } from "./Rounds.ts"

const [storeText, directory, peerPorts, doorPort, engine, extra] = process.argv.slice(2)
const store = Number(storeText)
const ports = peerPorts.split(",").map(Number)
const stores = ports.map((_, i) => i + 1)
const manageMicros = 5_000_000

interface Answer {
  readonly end: number
  readonly body?: Buffer
}

interface Parts {
  readonly node: KeyspaceNode.KeyspaceNode
  readonly transactions: Transactions.Transactions["Service"]
  readonly rounds: Rounds
}

const manage = (router: KeyspaceNode.KeyspaceNode["router"], key: Uint8Array, request: Request) =>
  Effect.as(
    Completion.submit<unknown, KeyspaceError>((done) =>
      router.at(key, request, { timeoutMicros: manageMicros }, (error) => done(error, undefined))
    ),
    { end: ends.done }
  )

/** The ranges that have a replica here: where each begins, as text, and who leads it. */
const where = ({ ranges }: KeyspaceNode.KeyspaceNode): Answer => {
  const all = ranges
    .known({ from: new Uint8Array(0), to: systemEnd })
    .concat(ranges.known({ from: systemEnd, to: end }))
  const said = all.map(({ descriptor, leaseholder }) => ({
    range: descriptor.range,
    from: Buffer.from(descriptor.from).toString("hex"),
    leaseholder: leaseholder ?? 0
  }))
  return { end: ends.done, body: Buffer.from(JSON.stringify(said)) }
}

const perform = (parts: Parts, kind: number, body: Buffer): Effect.Effect<Answer, unknown> => {
  const { node, rounds, transactions } = parts
  const given = (index: number): number => body.readUInt32LE(index * 4)
  switch (kind) {
    case kinds.transfer: {
      const wanted = { from: given(0), to: given(1), amount: given(2) }
      return transactions
        .runCommitted((txn) => Accounts.transfer(txn, wanted))
        .pipe(
          Effect.map(({ attempts }): Answer => ({ end: ends.done, body: numbers(attempts) })),
          Effect.catchTag("Poor", () => Effect.succeed<Answer>({ end: ends.poor }))
        )
    }
    case kinds.fill: {
      const filled = transactions.run((txn) => Accounts.fill(txn, given(0), given(1)))
      return Effect.as(filled, { end: ends.done })
    }
    case kinds.split:
      return manage(node.router, Accounts.keyOf(given(0)), { type: "split", key: Accounts.keyOf(given(0)) })
    case kinds.move:
      return manage(node.router, Accounts.keyOf(given(0)), { type: "transfer", range: given(1), to: given(2) })
    case kinds.where:
      return Effect.sync(() => where(node))
    case kinds.rounds:
      return Effect.sync(() => ({ end: ends.done, body: Buffer.from(JSON.stringify(rounds.take())) }))
    default:
      return Effect.succeed({ end: ends.failed })
  }
}

const program = Effect.gen(function* () {
  const address = (each: number) => ({ host: "127.0.0.1", port: ports[each - 1] })
  const node = yield* KeyspaceNode.open({
    store,
    cluster: "0".repeat(31) + "1",
    listen: address(store),
    peers: new Map(stores.filter((each) => each !== store).map((each) => [each, address(each)])),
    directory: "store",
    engine: engine as "memory" | "lsm" | "btree",
    memory: { memoryBytesMax: 2 ** 31 },
    founders: stores,
    halted: (message) => {
      process.stderr.write(`${message}\n`)
      process.exit(1)
    }
  })
  const rounds = new Rounds()
  const keyspace = extra === "rounds" ? rounds.watch(node.keyspace) : node.keyspace
  const transactions = yield* Effect.provideService(Transactions.make(), Keyspace, keyspace)
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const parts = { node, transactions, rounds }
  const serve = (socket: net.Socket): void => {
    const frames = new Frames(socket, (number, kind, body) => {
      const answered = Effect.catchCause(perform(parts, kind, body), (cause) =>
        Effect.succeed<Answer>({ end: ends.failed, body: Buffer.from(String(cause)) })
      )
      run(Effect.map(answered, ({ body, end }) => frames.send(number, end, body)))
    })
  }
  net.createServer({ noDelay: true }, serve).listen(Number(doorPort), "127.0.0.1")
  return yield* Effect.never
})

const running = RealWorld.runFork(Effect.scoped(program), {
  root: directory,
  name: `s${store}`,
  trace: { levelMin: "warn" }
})
void Effect.runPromise(running.ended).then((ended) => {
  process.stderr.write(`store ${store} ended: ${JSON.stringify(ended)}\n`)
  process.exit(1)
})
// Also so that a profile is written.
process.on("SIGTERM", () => process.exit(0))
