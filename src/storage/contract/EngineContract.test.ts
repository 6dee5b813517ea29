/** The contract suite itself: the simplest engine keeps it, and every engine that is broken in one place does not. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Incarnations from "#sim/storage/Incarnations.ts"
import * as ReferenceEngine from "#sim/storage/ReferenceEngine.ts"
import * as Disk from "#world/Disk.ts"
import { Batch, visit } from "../Batch.ts"
import type * as Engine from "../Engine.ts"
import type { Subject } from "./EngineClaim.ts"
import * as EngineContract from "./EngineContract.ts"

const reference: Subject = { open: (directory) => ReferenceEngine.open(directory) }

const courses: ReadonlyArray<Incarnations.Course> = [
  { seed: "1", policy: "fifo", preemptionOneIn: 0, keeps: "nothing" },
  { seed: "2", policy: "uniform", preemptionOneIn: 8, keeps: "some" },
  { seed: "3", policy: "pct", preemptionOneIn: 16, keeps: "everything" }
]

describe("the reference engine keeps the contract", () => {
  it.each(EngineContract.claims)("$name", (claim) => {
    for (const course of courses) expect(Incarnations.outcomeOf(claim, reference, course)).toBe("kept")
  })
})

/** The reference engine with its port changed. */
const withPort = (change: (port: Engine.Port) => Partial<Engine.Port>): Subject => ({
  open: (directory) => Effect.map(ReferenceEngine.open(directory), (port) => ({ ...port, ...change(port) }))
})

/** The reference engine on a disk that does not do all that it is asked to. */
const withDisk = (change: (disk: Disk.Port) => Partial<Disk.Port>): Subject => ({
  open: (directory) =>
    Effect.flatMap(Disk.Disk, (disk) =>
      Effect.provideService(
        ReferenceEngine.open(directory),
        Disk.Disk,
        Disk.make({ ...disk.port, ...change(disk.port) })
      )
    )
})

type Rewrite = {
  readonly put?: (batch: Batch, key: Uint8Array, value: Uint8Array) => void
  readonly remove?: (batch: Batch, key: Uint8Array) => void
  readonly removeRange?: (batch: Batch, from: Uint8Array, to: Uint8Array) => void
}

/** A batch with each operation done another way. */
const rewritten = (batch: Batch, { put, remove, removeRange }: Rewrite): Batch => {
  if (batch.refused !== undefined) return batch
  const other = new Batch()
  const bytes = batch.encoded()
  visit(bytes, 0, bytes.length, {
    put: (all, from, middle, end) => {
      const [key, value] = [all.slice(from, middle), all.slice(middle, end)]
      if (put === undefined) other.put(key, value)
      else put(other, key, value)
    },
    delete: (all, from, to) => {
      if (remove === undefined) other.delete(all.slice(from, to))
      else remove(other, all.slice(from, to))
    },
    deleteRange: (all, from, middle, to) => {
      const [first, end] = [all.slice(from, middle), all.slice(middle, to)]
      if (removeRange === undefined) other.deleteRange(first, end)
      else removeRange(other, first, end)
    }
  })
  return other
}

const rewriting = (rewrite: Rewrite): Subject =>
  withPort((port) => ({ write: (batch, durability, done) => port.write(rewritten(batch, rewrite), durability, done) }))

/** The key just above. */
const after = (key: Uint8Array): Uint8Array => new Uint8Array([...key, 0])

const turned = (key: Uint8Array): Uint8Array => (key.length === 0 ? key : key.with(0, key[0] ^ 128))

const broken: Readonly<Record<string, Subject>> = {
  "a snapshot is not respected by get": withPort((port) => ({ get: (key) => port.get(key) })),
  "a snapshot is not respected by fetch": withPort((port) => ({
    get: (key, at) => (at === undefined ? port.get(key) : (Symbol.for("none") as Engine.Elsewhere)),
    fetch: (key, _, done) => port.fetch(key, undefined, done)
  })),
  "a snapshot is not respected by scans": withPort((port) => ({
    scan: ({ bounds, reverse }) => port.scan({ ...(bounds && { bounds }), ...(reverse && { reverse }) })
  })),
  "releasing one snapshot changes another": withPort((port) => {
    const taken: Array<Engine.Snapshot> = []
    return {
      snapshot: () => {
        const snapshot = port.snapshot()
        taken.push(snapshot)
        return {
          ...snapshot,
          release: () => {
            for (const other of taken) Object.assign(other, { map: [] })
          }
        }
      }
    }
  }),
  "a cursor sees what is written later": withPort((port) => ({
    scan: (options) => {
      let steps = 0
      let cursor = port.scan(options)
      return {
        next: () => {
          cursor = port.scan(options)
          for (let step = 0; step < steps; step++) cursor.next()
          steps++
          return cursor.next()
        },
        key: () => cursor.key(),
        value: () => cursor.value(),
        fill: () => {},
        close: () => {}
      }
    }
  })),
  "a scan includes its end": withPort((port) => ({
    scan: (options) =>
      port.scan(
        options.bounds?.to ? { ...options, bounds: { ...options.bounds, to: after(options.bounds.to) } } : options
      )
  })),
  "a scan leaves out its beginning": withPort((port) => ({
    scan: (options) =>
      port.scan(
        options.bounds?.from ? { ...options, bounds: { ...options.bounds, from: after(options.bounds.from) } } : options
      )
  })),
  "a scan back has no bounds": withPort((port) => ({
    scan: ({ bounds, ...options }) => port.scan({ ...options, ...(bounds && options.reverse !== true && { bounds }) })
  })),
  "keys sort as signed bytes": withPort((port) => ({
    get: (key, at) => port.get(turned(key), at),
    fetch: (key, at, done) => port.fetch(turned(key), at, done),
    write: (batch, durability, done) =>
      port.write(
        rewritten(batch, { put: (other, key, value) => void other.put(turned(key), value) }),
        durability,
        done
      ),
    scan: (options) => {
      const cursor = port.scan(options)
      return {
        next: () => cursor.next(),
        key: () => turned(cursor.key()),
        value: () => cursor.value(),
        fill: () => {},
        close: () => {}
      }
    }
  })),
  "a deleted range includes its end": rewriting({
    removeRange: (batch, from, to) => void batch.deleteRange(from, after(to))
  }),
  "a deleted range leaves out its beginning": rewriting({
    removeRange: (batch, from, to) => void batch.deleteRange(after(from), to)
  }),
  "an empty value is a deletion": rewriting({
    put: (batch, key, value) => void (value.length === 0 ? batch.delete(key) : batch.put(key, value))
  }),
  "deletions are forgotten": rewriting({ remove: () => {} }),
  "values are cut at a megabyte": rewriting({
    put: (batch, key, value) => void batch.put(key, value.subarray(0, 1_048_576))
  }),
  "long keys are cut": rewriting({ put: (batch, key, value) => void batch.put(key.subarray(0, 8_191), value) }),
  "what is over a bound is not refused": withPort((port) => ({
    write: (batch, durability, done) =>
      port.write(
        batch.refused === undefined ? batch : new Batch().put(new Uint8Array([120]), new Uint8Array(1)),
        durability,
        done
      )
  })),
  "a batch takes effect in two": withPort((port) => ({
    write: (batch, durability, done) => {
      const parts: Array<Batch> = []
      const part = (fill: (batch: Batch) => void): void => {
        const one = new Batch()
        fill(one)
        parts.push(one)
      }
      if (batch.refused !== undefined || batch.count < 2) return port.write(batch, durability, done)
      rewritten(batch, {
        put: (_, key, value) => part((one) => one.put(key, value)),
        remove: (_, key) => part((one) => one.delete(key)),
        removeRange: (_, from, to) => part((one) => one.deleteRange(from, to))
      })
      parts.forEach((one, index) => port.write(one, durability, index === parts.length - 1 ? done : () => {}))
    }
  })),
  "batches overtake each other": withPort((port) => {
    let waiting: (() => void) | undefined
    return {
      write: (batch, durability, done) => {
        const write = () => port.write(batch, durability, done)
        if (durability === "buffered" && waiting === undefined) {
          waiting = write
          port.sync(() => {
            waiting = undefined
            write()
          })
        } else write()
      }
    }
  }),
  "a completion runs inside its call": withPort((port) => ({
    write: (batch, durability, done) =>
      batch.count === 0 ? done(undefined, undefined) : port.write(batch, durability, done)
  })),
  "a write completes twice": withPort((port) => ({
    write: (batch, durability, done) =>
      port.write(batch, durability, (error, value) => {
        done(error, value)
        done(error, value)
      })
  })),
  "a sync never completes": withPort(() => ({ sync: () => {} })),
  "a synced batch is acknowledged at once": withPort((port) => ({
    write: (batch, durability, done) => {
      port.write(batch, durability, () => {})
      port.stats()
      port.fetch(new Uint8Array(0), undefined, () => done(batch.refused, undefined))
    }
  })),
  "synced batches are only buffered": withPort((port) => ({
    write: (batch, _, done) => port.write(batch, "buffered", done)
  })),
  "a sync does nothing": withPort((port) => ({
    sync: (done) => port.fetch(new Uint8Array(0), undefined, (error) => done(error, undefined))
  })),
  "a flush is not durable": withPort((port) => ({
    flush: (done) => port.fetch(new Uint8Array(0), undefined, (error) => done(error, undefined))
  })),
  "the directory is not synced": withDisk((disk) => ({
    syncDirectory: (_, done) => disk.list("", (error) => done(error, undefined))
  })),
  "a torn tail is kept": {
    open: (directory) => ReferenceEngine.open(directory, { keepsTornTail: true })
  },
  "checksums are not looked at": {
    open: (directory) => ReferenceEngine.open(directory, { believesDamaged: true })
  },
  "verification looks at nothing": withPort(() => ({
    verify: (_, done) => done(undefined, { position: 0, bytesRead: 0, rot: [] })
  })),
  "verification finds nothing": withPort((port) => ({
    verify: (position, done) => port.verify(position, (error, value) => done(error, value && { ...value, rot: [] }))
  })),
  "verification names the wrong file": withPort((port) => ({
    verify: (position, done) =>
      port.verify(position, (error, value) =>
        done(error, value && { ...value, bytesRead: 1, rot: [{ path: "other", offsetBytes: 0, message: "" } as never] })
      )
  })),
  "a checkpoint takes what comes later": withPort((port) => ({
    checkpoint: (directory, done) => port.sync(() => port.checkpoint(directory, done))
  })),
  "a checkpoint is taken over another": withPort((port) => ({
    checkpoint: (directory, done) => port.checkpoint(directory, () => done(undefined, undefined))
  })),
  "a checkpoint is empty": withPort((port) => ({
    checkpoint: (_, done) => port.sync(done)
  })),
  "an ingestion is only buffered": withPort((port) => ({
    ingest: (source, done) => {
      const batch = new Batch()
      let last = -1
      while (source.next()) {
        batch.put(source.key(), source.value())
        last++
      }
      port.write(batch, last < 0 ? "synced" : "buffered", done)
    }
  })),
  "an ingestion drops its last entry": withPort((port) => ({
    ingest: (source, done) => {
      let ahead = source.next()
      let [key, value] = [new Uint8Array(0), new Uint8Array(0)]
      port.ingest(
        {
          next: () => {
            if (!ahead) return false
            key = source.key().slice()
            value = source.value().slice()
            ahead = source.next()
            return ahead
          },
          key: () => key,
          value: () => value
        },
        done
      )
    }
  })),
  "files grow for ever": withPort((port) => ({
    stats: () => ({ ...port.stats(), diskBytes: port.stats().writtenBytes + 1 })
  })),
  "nothing is counted": withPort((port) => ({ stats: () => ({ ...port.stats(), batches: 0 }) })),
  "a closed engine takes writes": {
    open: (directory) =>
      Effect.gen(function* () {
        const port = yield* ReferenceEngine.open(directory)
        let closed = false
        yield* Effect.addFinalizer(() => Effect.sync(() => (closed = true)))
        const write: Engine.Port["write"] = (batch, durability, done) =>
          port.write(batch, durability, (error, value) => done(closed ? undefined : error, value))
        return { ...port, write }
      })
  },
  "a file is left behind at each start": {
    open: (directory) =>
      Effect.gen(function* () {
        const port = yield* ReferenceEngine.open(directory)
        const disk = yield* Disk.Disk
        const names = yield* disk.list(directory)
        yield* disk.open(`${directory}/left-${names.length}`, { create: true })
        return port
      })
  }
}

describe("the contract refuses an engine where", () => {
  it.each(Object.keys(broken))("%s", (name) => {
    const refused = courses.some((course) =>
      EngineContract.claims.some((claim) => Incarnations.outcomeOf(claim, broken[name], course) !== "kept")
    )
    expect(refused).toBe(true)
  })
})
