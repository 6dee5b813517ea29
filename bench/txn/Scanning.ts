/**
 * Scanning: a million entries on one node, scanned at a timestamp through its keyspace, in one process: no door in between. Prints one JSON object
 * (`Sample`).
 *
 * `node bench/txn/Scanning.ts DIRECTORY PORT ENGINE ROUNDS ENTRIES`
 */
import { Buffer } from "node:buffer"
import * as Effect from "effect/Effect"
import { Keyspace } from "#keyspace/Keyspace.ts"
import * as KeyspaceNode from "#keyspace/KeyspaceNode.ts"
import type { Span } from "#keyspace/Request.ts"
import * as Spaces from "#keyspace/Spaces.ts"
import * as Transactions from "#txn/Transactions.ts"
import * as RealWorld from "#world/real/RealWorld.ts"

export interface Scanned {
  readonly entries: number
  readonly ranges: number
  readonly scans: ReadonlyArray<{ readonly seconds: number; readonly cpuMicros: number }>
}

const [directory, port, engine, roundsText, entriesText] = process.argv.slice(2)
const rounds = Number(roundsText)
const entries = Number(entriesText)
const putsAtOnce = 1_000
const pageEntries = 5_000
const pageBytes = 4 * 1_048_576
const value = Buffer.alloc(100, "v")

/** 16 bytes, in the space of whoever has no model. */
const keyOf = (number: number): Uint8Array => Spaces.rawKeyOf(Buffer.from(String(number).padStart(15, "0")))

const program = Effect.gen(function* () {
  const node = yield* KeyspaceNode.open({
    store: 1,
    cluster: "0".repeat(31) + "1",
    listen: { host: "127.0.0.1", port: Number(port) },
    peers: new Map(),
    directory: "store",
    engine: engine as "memory" | "lsm" | "btree",
    memory: { memoryBytesMax: 2 ** 32 },
    founders: [1],
    halted: (message) => {
      process.stderr.write(`${message}\n`)
      process.exit(1)
    }
  })
  const { keyspace } = node
  const transactions = yield* Effect.provideService(Transactions.make(), Keyspace, keyspace)
  for (let from = 0; from < entries; from += putsAtOnce) {
    yield* transactions.run((txn) =>
      Effect.gen(function* () {
        for (let each = from; each < Math.min(entries, from + putsAtOnce); each++) yield* txn.put(keyOf(each), value)
      })
    )
  }
  const scan = Effect.gen(function* () {
    const at = yield* keyspace.timestamp()
    let rest: Span | undefined = Spaces.spanOf("raw")
    let count = 0
    while (rest !== undefined) {
      const page: { readonly entries: ReadonlyArray<unknown>; readonly rest: Span | undefined } = yield* keyspace.scan({
        span: rest,
        at,
        entriesMax: pageEntries,
        sizeBytesMax: pageBytes
      })
      count += page.entries.length
      rest = page.rest
    }
    if (count !== entries) return yield* Effect.die(new Error(`a scan found ${count} entries of ${entries}`))
  })
  yield* scan
  const scans: Array<Scanned["scans"][number]> = []
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    const cpu = process.cpuUsage()
    yield* scan
    const used = process.cpuUsage(cpu)
    scans.push({ seconds: (performance.now() - start) / 1_000, cpuMicros: used.user + used.system })
  }
  const ranges = node.ranges.known(Spaces.spanOf("raw")).length
  process.stdout.write(`${JSON.stringify({ entries, ranges, scans } satisfies Scanned)}\n`)
})

const running = RealWorld.runFork(Effect.scoped(program), {
  root: directory,
  name: "s1",
  trace: { levelMin: "warn" }
})
void Effect.runPromise(running.ended).then((ended) => {
  const isDone = ended.type === "finished" && ended.exit._tag === "Success"
  if (!isDone) process.stderr.write(`the store ended: ${JSON.stringify(ended)}\n`)
  process.exit(isDone ? 0 : 1)
})
