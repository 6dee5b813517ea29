/** Fetching: reads what is stored in slots, and what their streams of records say of it, and makes entries of it. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Mutation, Span } from "#keyspace/Request.ts"
import type { Transactions } from "#txn/Transactions.ts"
import type { RunError } from "#txn/TxnError.ts"
import type { Database } from "./Database.ts"
import type { Engine } from "./Engine.ts"
import type { Folding, Name } from "./Folding.ts"
import { Loading } from "./Loading.ts"
import { Overlay } from "./Overlay.ts"
import type { Taken } from "./Ownership.ts"
import { Joining } from "./Pieces.ts"
import * as Places from "./Places.ts"
import * as Record from "./Record.ts"
import { Staging } from "./Staging.ts"

/** The process has not enough memory for the data. */
export class DoesNotFit extends Data.TaggedError("DoesNotFit")<{ readonly message: string }> {}

export interface Parts {
  readonly engine: Engine
  readonly folding: Folding
  readonly transactions: Transactions["Service"]
  /** Data that takes more, about, is not loaded. */
  readonly dataBytesMax: number
}

const pageEntries = 10_000
const pageBytes = 4 * 1_048_576
const pageMillisMax = 30_000
/** Loaded in a turn: a few milliseconds. */
const turnChanges = 1_024

interface Found {
  readonly name: Name
  readonly sizeBytes: number
}

export class Fetching {
  private readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  /**
   * Everything of these slots becomes the engine's; `isFirst`: it has nothing yet. Otherwise nobody sees anything until all of it has been read. Nobody
   * else changes it meanwhile.
   */
  fetch({ at, slots, streams }: Taken, isFirst: boolean): Effect.Effect<void, RunError | DoesNotFit> {
    const { engine, folding, transactions } = this.parts
    const staging = isFirst ? undefined : new Staging(engine)
    const databaseAt = staging?.databaseAt ?? ((index: number): Database => engine.databaseAt(index))
    const found: Array<Found> = []
    const discarded: Array<Uint8Array> = []
    const garbage = (prefix: Uint8Array): void => void discarded.push(prefix)
    const overlay = new Overlay(databaseAt, garbage)
    const loading = new Loading({ databaseAt, overlay, garbage })
    const breathe = this.breathe(() => overlay.heldBytes + (staging?.usedBytes ?? 0))
    return Effect.gen({ self: this }, function* () {
      engine.advance()
      for (const stream of streams) {
        const records = new Record.Collecting((number, record) => {
          found.push({ name: { stream, number }, sizeBytes: record?.length ?? 0 })
          if (record !== undefined) overlay.add(record)
        })
        const collect = ({ key, value }: Mutation): void => {
          const { number, piece } = Places.pieceOf(stream, key)
          records.take(number, piece, value!)
        }
        yield* this.pages(Places.stream(stream), collect, breathe)
        records.finish()
      }
      let joined: Array<Mutation> = []
      const joining = new Joining(folding.cutting, (entry) => joined.push(entry))
      const load = Effect.gen(function* () {
        const entries = joined
        joined = []
        for (let i = 0; i < entries.length; i++) {
          loading.take(entries[i].key, entries[i].value!)
          if (i % turnChanges === turnChanges - 1) yield* breathe
        }
      })
      for (const span of slots.ranges.flatMap(Places.keysOf)) {
        yield* this.pages(span, (entry) => joining.take(entry), load)
      }
      joining.finish()
      yield* load
      loading.finish()
      let layers = 0
      for (const layer of overlay.others()) {
        loading.layer(layer)
        if (++layers % turnChanges === 0) yield* breathe
      }
      const stored = yield* transactions.run((txn) => txn.get(Places.databasesKey), { readOnly: true })
      const databases = overlay.databases ?? stored
      // All nodes have the same order: it is changed only while one of them has everything.
      if (databases !== undefined) engine.arrange(databases)
      if (staging !== undefined) for (const _ of staging.moved(turnChanges)) yield* breathe
      engine.journal.rise(at)
      for (const { name, sizeBytes } of found) folding.add(name, sizeBytes)
      for (const stream of streams) folding.ends(stream)
      for (const prefix of discarded) folding.discard(prefix)
    })
  }

  /** All entries of a span, page by page, and what is to be done after each. Each page may be of another time. */
  private pages<E = never>(
    span: Span,
    visit: (entry: Mutation) => void,
    visited: Effect.Effect<void, E>
  ): Effect.Effect<void, RunError | E> {
    const options = { entriesMax: pageEntries, sizeBytesMax: pageBytes }
    const scanned = this.parts.transactions.run((txn) => txn.scan(span, options), {
      readOnly: true,
      timeoutMillis: pageMillisMax
    })
    return Effect.flatMap(scanned, ({ entries, rest }) => {
      for (const entry of entries) visit(entry)
      return rest === undefined ? visited : Effect.andThen(visited, this.pages(rest, visit, visited))
    })
  }

  /** Others had their turn, and the data so far fits. */
  private breathe(besideBytes: () => number): Effect.Effect<void, DoesNotFit> {
    return Effect.suspend(() => {
      const { dataBytesMax, engine } = this.parts
      const usedBytes = engine.usedBytes + besideBytes()
      if (usedBytes <= dataBytesMax) return Effect.yieldNow
      const message = `${usedBytes} bytes of data so far, and this process has room for ${dataBytesMax}: start it with a larger --max-old-space-size`
      return Effect.fail(new DoesNotFit({ message }))
    })
  }
}
