/** NodeMetrics: what a node tells of itself besides what its doors count: its store, its ranges, its transactions, its events. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { type StoreId, storeOf } from "#consensus/Replica.ts"
import { end } from "#keyspace/Descriptor.ts"
import type { KeyspaceNode } from "#keyspace/KeyspaceNode.ts"
import type { Transactions } from "#txn/Transactions.ts"
import type { Host } from "#world/Host.ts"
import type { Trace } from "#world/Trace.ts"
import { type Metrics, type Sample, secondsBounds } from "./Metrics.ts"

/** The trace, with its events and marks counted by name; names stand in the source, so they are few. */
export const watchTrace = (metrics: Metrics, trace: Trace["Service"]): Trace["Service"] => {
  const events = metrics.counters("orbit_events_total", "Events of the node's trace, logged or not, by name.", "event")
  const levels = metrics.counters("orbit_log_events_total", "Events of the node's trace by level.", "level")
  const marks = metrics.counters(
    "orbit_rare_paths_total",
    "Times that a rare path of the code was taken, by name.",
    "path"
  )
  return {
    emit: (level, name, fields) => {
      events.add(name)
      levels.add(level)
      trace.emit(level, name, fields)
    },
    mark: (name) => {
      marks.add(name)
      trace.mark(name)
    }
  }
}

export const watchHost = (metrics: Metrics, host: Host["Service"], version: string): void => {
  metrics.read({ name: "orbit_info", type: "gauge", help: "1, with the version." }, () => [
    { labels: { version }, value: 1 }
  ])
  metrics.read({ name: "orbit_cores", type: "gauge", help: "Cores that the process may use." }, () => host.cores)
  metrics.read(
    { name: "orbit_memory_limit_bytes", type: "gauge", help: "Memory that the process may use." },
    () => host.memoryBytes
  )
}

/** The store's engine and log, and the ranges on it. */
export const watchStore = (metrics: Metrics, node: KeyspaceNode, self: StoreId): void => {
  const { engine, wal } = node.store
  const gauge = (name: string, help: string, of: () => number | ReadonlyArray<Sample>): void =>
    metrics.read({ name, type: "gauge", help }, of)
  const counter = (name: string, help: string, of: () => number): void =>
    metrics.read({ name, type: "counter", help }, of)
  gauge("orbit_engine_disk_bytes", "Bytes of the engine's files.", () => engine.stats().diskBytes)
  gauge(
    "orbit_engine_memory_bytes",
    "Memory that the engine counts against its budget.",
    () => engine.stats().memoryBytes
  )
  counter(
    "orbit_engine_user_bytes_total",
    "Bytes of keys and values that were written.",
    () => engine.stats().userBytes
  )
  counter(
    "orbit_engine_written_bytes_total",
    "Bytes written to the engine's files, without the log.",
    () => engine.stats().writtenBytes
  )
  counter("orbit_engine_batches_total", "Batches that the engine took.", () => engine.stats().batches)
  gauge("orbit_engine_detail", "What else the engine knows of itself, by name.", () =>
    Object.entries(engine.stats().details).map(([detail, value]) => ({ labels: { detail }, value }))
  )
  gauge("orbit_log_disk_bytes", "Bytes of the log's files.", () => wal.stats().diskBytes)
  gauge("orbit_log_segments", "Files of the log.", () => wal.stats().segments)
  gauge("orbit_log_records", "Records of the log that are still needed.", () => wal.stats().records)
  counter("orbit_log_syncs_total", "Times that the log was made durable.", () => wal.stats().syncs)
  gauge("orbit_ranges", "Ranges with a replica here, by what it is.", () => {
    const known = node.ranges.known({ from: new Uint8Array(0), to: end })
    const led = known.filter(({ leaseholder }) => leaseholder !== undefined && storeOf(leaseholder) === self).length
    return [
      { labels: { role: "leaseholder" }, value: led },
      { labels: { role: "follower" }, value: known.length - led }
    ]
  })
}

/** An error's name. */
const nameOf = (error: unknown): string => {
  const tag = typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined
  return typeof tag === "string" ? tag : "defect"
}

/** Transactions, counted by how they end. */
export const watchTransactions = Effect.fnUntraced(function* (metrics: Metrics, transactions: Transactions["Service"]) {
  const clock = yield* Clock.Clock
  const ends = metrics.counters(
    "orbit_transactions_total",
    "Transactions by how they ended: committed, or an error's name.",
    "end"
  )
  const seconds = metrics.histogram(
    "orbit_transaction_seconds",
    "Time that a transaction took, with all its attempts.",
    secondsBounds
  )
  const watched = <A, E, R>(run: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.suspend(() => {
      const from = clock.monotonicTimeNanosUnsafe()
      return Effect.onExit(run, (exit) =>
        Effect.sync(() => {
          seconds.observe(Number(clock.monotonicTimeNanosUnsafe() - from) / 1e9)
          ends.add(exit._tag === "Success" ? "committed" : nameOf(Cause.squash(exit.cause)))
        })
      )
    })
  const service: Transactions["Service"] = {
    run: (body, options) => watched(transactions.run(body, options)),
    runCommitted: (body, options) => watched(transactions.runCommitted(body, options)),
    outcome: transactions.outcome
  }
  return service
})
