/** Node: a server's share of the keyspace and its transactions, with a drawn plan's options. */
import * as Effect from "effect/Effect"
import { Keyspace } from "#keyspace/Keyspace.ts"
import * as KeyspaceNode from "#keyspace/KeyspaceNode.ts"
import type { ServerSpec } from "#sim/run/Scenario.ts"
import * as Transactions from "#txn/Transactions.ts"
import { Host } from "#world/Host.ts"
import type { Address } from "#world/Net.ts"
import { Trace } from "#world/Trace.ts"
import * as ObservedKeyspace from "./ObservedKeyspace.ts"
import * as Settings from "./Settings.ts"

const cluster = "0123456789abcdef0123456789abcdef"

/** That a store stops, or that its log was damaged, is no surprise among faults: the judges look at what it did. */
const calm = (trace: Trace["Service"]): Trace["Service"] => ({
  ...trace,
  emit: (level, name, fields) => {
    const isExpected = name === "raft/halted" || name.startsWith("storage/")
    trace.emit(level === "error" && isExpected ? "warn" : level, name, fields)
  }
})

/** What a range writes of itself with each batch. */
const rangeStateBytes = 160

/** All servers found the cluster, and no more is moved than is said in `more`. */
export const open = Effect.fnUntraced(function* (spec: ServerSpec, more: Partial<KeyspaceNode.Options> = {}) {
  const host = yield* Host
  const trace = yield* Trace
  const peers = new Map<number, Address>()
  for (const [index, address] of spec.peers.entries()) if (index !== spec.index) peers.set(index + 1, address)
  const engine = Settings.engine(spec)
  const segmentBytesMax = Settings.number(spec, "segmentBytes")
  // Some segments, as on a machine, of which old ones are removed all the time, and a start reads few.
  const logBytesMax = 16 * segmentBytesMax
  // One of less than what all ranges write of themselves in a round is merged with every round: a second or two where that fiber is starved,
  // while all wait for it.
  const memtableBytesMin = rangeStateBytes * Settings.number(spec, "ranges")
  const ttlMillis = Settings.number(spec, "ttlMillis")
  const node = yield* KeyspaceNode.open({
    store: spec.index + 1,
    cluster,
    listen: spec.self,
    peers,
    directory: "store",
    wal: { segmentBytesMax, aheadBytes: 0, carryAboveBytes: logBytesMax },
    ...engine,
    memory: { ...engine.memory, logBytesMax },
    lsm: { ...engine.lsm, memtableBytes: Math.max(engine.lsm?.memtableBytes ?? 0, memtableBytesMin) },
    transport: Settings.transport(spec),
    host: Settings.host(spec),
    founders: spec.peers.map((_, index) => index + 1),
    range: {
      txnTtlMicros: ttlMillis * 1_000,
      pushAfterMicros: Settings.number(spec, "pushMillis") * 1_000,
      audits: spec.options["audits"] === true
    },
    splitBytes: Settings.number(spec, "splitBytes") || Infinity,
    halted: (message) => {
      trace.emit("warn", "txn/store-stopped", { message })
      host.exit(1)
    },
    ...more
  }).pipe(Effect.provideService(Trace, calm(trace)))
  const made = Transactions.make({ heartbeatMillis: ttlMillis / Settings.number(spec, "heartbeats") })
  const { keyspace } = node
  const isTraced = spec.options["trace.steps"] === true
  const asked = isTraced ? ObservedKeyspace.make(keyspace, trace) : keyspace
  const transactions = yield* Effect.provideService(made, Keyspace, asked)
  return { node, transactions }
})
