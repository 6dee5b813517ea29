import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { assert } from "#base/Assert.ts"
import { Draw } from "#sim/kernel/Draw.ts"
import { prngOf } from "#sim/kernel/Stream.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import { Batch } from "#storage/Batch.ts"
import * as Engine from "#storage/Engine.ts"
import * as LsmEngine from "#storage/lsm/LsmEngine.ts"
import * as MemoryEngine from "#storage/memory/MemoryEngine.ts"
import { Refused, type StorageError } from "#storage/StorageError.ts"
import * as Wal from "#storage/wal/Wal.ts"
import { bytesOf, textOf } from "#world/contract/Claim.ts"
import * as Completion from "#world/Completion.ts"
import * as Configuration from "./Configuration.ts"
import * as KeyValue from "./KeyValue.ts"
import * as Command from "./KeyValueCommand.ts"
import * as Sessions from "./Sessions.ts"
import type { StateMachine } from "./StateMachine.ts"

const prefix = bytesOf("g1")

const flush = (machine: StateMachine) => Completion.submit<void, StorageError>((done) => machine.flush(done))

const members = { ...Configuration.emptyState, voters: [1, 2, 3], learners: [65_537], autoLeave: true }

/** Applies the drawn command of its next index. Sessions are used, retried, acknowledged and closed. */
const applyNext = (machine: StateMachine, draw: Draw): string => {
  const index = machine.applied.index + 1
  const term = machine.applied.term + (draw.chance(1, 10) ? 1 : 0)
  const coin = draw.below(12)
  if (coin === 0) {
    machine.pass(index, term, draw.chance(1, 2) ? members : undefined)
    return ""
  }
  if (coin === 1) return textOf(machine.apply(index, term, Sessions.open()))
  const key = bytesOf(draw.pick(["a", "b", "c", "d"]))
  const payload = Command.encode(
    draw.chance(1, 4)
      ? Command.remove(key)
      : draw.chance(1, 3)
        ? Command.increment(key, 1)
        : Command.put(key, bytesOf("7".repeat(draw.pick([1, 3, 400]))))
  )
  if (coin < 5) return textOf(machine.apply(index, term, Sessions.plain(payload)))
  const session = Math.max(1, index - draw.below(20))
  const sequence = draw.between(1, 5)
  const acknowledged = draw.below(sequence)
  return textOf(machine.apply(index, term, Sessions.numbered({ session, sequence, acknowledged }, payload)))
}

/** All that can be seen of a machine from outside. */
const seen = (machine: StateMachine): string => {
  const query = Command.encodeQuery({ type: "range", from: new Uint8Array(0), to: undefined, limit: 1_000 })
  return JSON.stringify([machine.applied, machine.digest(), textOf(machine.read(query))])
}

const small = {
  sessions: { sessionsMax: 3, outstandingMax: 3, resultsBytesMax: 400, idleEntriesMax: 30 },
  batchBytes: 200,
  syncEntries: 7,
  syncBytes: 1_000
}

/** Runs a program on a simulated machine to its end. */
const run = <A>(program: Effect.Effect<A, unknown, any>): A => {
  const bench = new TestBench()
  let value: { readonly of: A } | undefined
  bench.start(
    0,
    Effect.map(program, (of) => {
      value = { of }
    })
  )
  bench.pass(600_000_000)
  const last = bench.notes.at(-1)
  if (value === undefined) throw new Error(`${last?.what} ${last?.error}`)
  return value.of
}

/** Sends a snapshot from one to another in stretches of one size, which arrive in pieces of another. */
const copy = Effect.fnUntraced(function* (
  from: StateMachine,
  to: StateMachine,
  sizes: { readonly stretchBytes: number; readonly pieceBytes: number },
  meanwhile: () => void = () => {}
) {
  const snapshot = from.snapshot()
  const restore = to.restore(snapshot.applied)
  for (;;) {
    const bytes = yield* Completion.submit<Uint8Array, StorageError>((done) => snapshot.next(sizes.stretchBytes, done))
    if (bytes.length === 0) break
    meanwhile()
    for (let at = 0; at < bytes.length; at += sizes.pieceBytes) {
      const piece = bytes.slice(at, at + sizes.pieceBytes)
      yield* Completion.submit<void, StorageError>((done) => restore.take(piece, done))
    }
  }
  snapshot.close()
  yield* Completion.submit<void, StorageError>((done) => restore.finish(done))
})

const asNew = run(
  Effect.gen(function* () {
    return seen(yield* KeyValue.open({ ...small, port: yield* MemoryEngine.openVolatile(), prefix }))
  })
)

type Step = "apply" | "flush" | "reopen" | "copy"
const steps = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: fc.constant<Step>("apply") },
    { weight: 2, arbitrary: fc.constantFrom<Step>("flush", "reopen", "copy") }
  ),
  { maxLength: 60 }
)

describe("a key-value machine", () => {
  it("that is opened again, or is another's copy, goes on as one that never stopped", () => {
    fc.assert(
      fc.property(steps, fc.nat(), fc.integer({ min: 1, max: 500 }), (steps, seed, pieceBytes) => {
        const program = Effect.gen(function* () {
          const port = yield* MemoryEngine.openVolatile({ fanOut: 4, slabBytes: 4_096 })
          const open = (prefix: string) => KeyValue.open({ ...small, port, prefix: bytesOf(prefix) })
          const draws = () => new Draw(prngOf(String(seed), "commands"))
          const [drawOne, drawOther] = [draws(), draws()]
          const steady = yield* open("steady")
          let moved = yield* open("moved 0")
          let copies = 0
          const answers: Array<readonly [one: string, other: string]> = []
          for (const step of steps) {
            if (step === "apply") answers.push([applyNext(moved, drawOne), applyNext(steady, drawOther)])
            else if (step === "copy") {
              const next = yield* open(`moved ${++copies}`)
              yield* copy(moved, next, { stretchBytes: 100, pieceBytes })
              moved = next
            } else yield* flush(moved)
            if (step === "reopen") moved = yield* open(`moved ${copies}`)
            expect(seen(moved)).toBe(seen(steady))
          }
          return answers
        })
        for (const [one, other] of run(program)) expect(one).toBe(other)
      }),
      { numRuns: 60 }
    )
  })

  it("snapshots the state as of the call, while it goes on", () => {
    run(
      Effect.gen(function* () {
        const port = yield* MemoryEngine.openVolatile()
        const from = yield* KeyValue.open({ ...small, port, prefix })
        const to = yield* KeyValue.open({ ...small, port, prefix: bytesOf("g2") })
        const draw = new Draw(prngOf("snapshot", "commands"))
        for (let entries = 0; entries < 100; entries++) applyNext(from, draw)
        const before = seen(from)
        yield* copy(from, to, { stretchBytes: 50, pieceBytes: 17 }, () => {
          for (let entries = 0; entries < 20; entries++) applyNext(from, draw)
        })
        expect(seen(to)).toBe(before)
        expect(seen(from)).not.toBe(before)
        // What was restored is durable at once, and lies in the engine.
        expect(to.durable).toEqual(to.applied)
        expect(seen(yield* KeyValue.open({ ...small, port, prefix: bytesOf("g2") }))).toBe(before)
        yield* flush(from)
        expect(seen(yield* KeyValue.open({ ...small, port, prefix }))).toBe(seen(from))
      })
    )
  })

  it("takes no snapshot that was cut, lengthened, changed in a byte, or is of another entry, and stays as it was", () => {
    run(
      Effect.gen(function* () {
        const port = yield* MemoryEngine.openVolatile()
        const from = yield* KeyValue.open({ ...small, port, prefix })
        const to = yield* KeyValue.open({ ...small, port, prefix: bytesOf("g2") })
        const draw = new Draw(prngOf("damage", "commands"))
        for (let entries = 0; entries < 30; entries++) applyNext(from, draw)
        for (let entries = 0; entries < 10; entries++) applyNext(to, draw)
        yield* flush(to)
        const before = seen(to)
        const snapshot = from.snapshot()
        const bytes = yield* Completion.submit<Uint8Array, StorageError>((done) => snapshot.next(1_000_000, done))
        const refuses = Effect.fnUntraced(function* (what: string, bytes: Uint8Array, applied = snapshot.applied) {
          const restore = to.restore(applied)
          const taken = Completion.submit<void, StorageError>((done) => restore.take(bytes, done))
          const finished = Completion.submit<void, StorageError>((done) => restore.finish(done))
          const end = yield* Effect.match(Effect.andThen(Effect.ignore(taken), finished), {
            onFailure: (error) => error._tag,
            onSuccess: () => "taken"
          })
          expect([end, what]).toEqual(["Corrupt", what])
          expect(seen(to)).toBe(before)
        })
        for (let length = 0; length < bytes.length; length += 5)
          yield* refuses(`cut at ${length}`, bytes.slice(0, length))
        yield* refuses("longer", Uint8Array.of(...bytes, 0))
        for (let at = 0; at < bytes.length; at++) {
          const damaged = bytes.slice()
          damaged[at] ^= 1 << (at % 8)
          yield* refuses(`byte ${at} of ${bytes.length}`, damaged)
        }
        yield* refuses("another", bytes, { ...snapshot.applied, index: snapshot.applied.index + 1 })
        expect(seen(yield* KeyValue.open({ ...small, port, prefix: bytesOf("g2") }))).toBe(before)
      })
    )
  })

  it("flushes again, in order and with nothing left out, what the engine refused", () => {
    run(
      Effect.gen(function* () {
        const inner = yield* MemoryEngine.openVolatile()
        let refuses = 0
        const port: Engine.Port = Object.assign(Object.create(inner) as Engine.Port, {
          write: (batch: Batch, durability: Engine.Durability, done: Engine.Done<void>) => {
            const isRefused = refuses-- > 0
            inner.write(isRefused ? new Batch() : batch, durability, () =>
              done(isRefused ? new Refused({ reason: "no-space", message: "full" }) : undefined, undefined)
            )
          }
        })
        const machine = yield* KeyValue.open({ ...small, port, prefix })
        const draw = new Draw(prngOf("refused", "commands"))
        for (let round = 0; round < 6; round++) {
          for (let entries = 0; entries < 30; entries++) applyNext(machine, draw)
          refuses = round % 3
          const ends: Array<string> = []
          for (let flushes = 0; flushes < 3; flushes++) {
            ends.push(
              yield* Effect.match(flush(machine), { onFailure: (error) => error._tag, onSuccess: () => "flushed" })
            )
          }
          expect(ends.filter((end) => end === "Refused").length).toBe(round % 3)
          expect(seen(yield* KeyValue.open({ ...small, port: inner, prefix }))).toBe(seen(machine))
        }
      })
    )
  })

  it("asks for a flush after a sync that failed, and is durable after it", () => {
    run(
      Effect.gen(function* () {
        const inner = yield* MemoryEngine.openVolatile()
        let refuses = 2
        const port: Engine.Port = Object.assign(Object.create(inner) as Engine.Port, {
          sync: (done: Engine.Done<void>) => {
            const error = refuses-- > 0 ? new Refused({ reason: "no-space", message: "full" }) : undefined
            inner.sync(() => done(error, undefined))
          }
        })
        const machine = yield* KeyValue.open({ ...small, port, prefix })
        const draw = new Draw(prngOf("unsynced", "commands"))
        while (machine.applied.index < 10) applyNext(machine, draw)
        const ends: Array<readonly [boolean, number]> = []
        for (let flushes = 0; flushes < 3; flushes++) {
          yield* flush(machine)
          yield* Effect.sleep(100)
          ends.push([machine.needsFlush, machine.durable.index])
        }
        expect(ends).toEqual([
          [true, 0],
          [true, 0],
          [false, 10]
        ])
      })
    )
  })

  it("goes on while a snapshot is taken, and drops one that is overtaken by a later one", () => {
    run(
      Effect.gen(function* () {
        const port = yield* MemoryEngine.openVolatile()
        const from = yield* KeyValue.open({ ...small, port, prefix })
        const to = yield* KeyValue.open({ ...small, port, prefix: bytesOf("g2") })
        const draw = new Draw(prngOf("overtaken", "commands"))
        const begun = Effect.fnUntraced(function* () {
          for (let entries = 0; entries < 30; entries++) applyNext(from, draw)
          const snapshot = from.snapshot()
          const restore = to.restore(snapshot.applied)
          const bytes = yield* Completion.submit<Uint8Array, StorageError>((done) => snapshot.next(1_000_000, done))
          yield* Completion.submit<void, StorageError>((done) => restore.take(bytes, done))
          return restore
        })
        const early = yield* begun()
        const late = yield* begun()
        const expected = seen(from)
        applyNext(to, draw)
        yield* flush(to)
        early.abandon()
        yield* Completion.submit<void, StorageError>((done) => late.finish(done))
        expect(seen(to)).toBe(expected)
        expect(seen(yield* KeyValue.open({ ...small, port, prefix: bytesOf("g2") }))).toBe(expected)
        yield* flush(from)
        yield* KeyValue.remove({ port, prefix: bytesOf("g2") })
        expect(seen(yield* KeyValue.open({ ...small, port, prefix: bytesOf("g2") }))).toBe(asNew)
        expect(seen(yield* KeyValue.open({ ...small, port, prefix }))).toBe(expected)
      })
    )
  })

  it("keeps to its prefix in an engine that it shares", () => {
    run(
      Effect.gen(function* () {
        const port = yield* MemoryEngine.openVolatile()
        const engine = Engine.make(port)
        const neighbours = ["g0", "g0\uffff", "g2", "g"].map(bytesOf)
        for (const key of neighbours) yield* engine.write(new Batch().put(key, key))
        const [one, other] = [
          yield* KeyValue.open({ port, prefix }),
          yield* KeyValue.open({ port, prefix: bytesOf("h") })
        ]
        const draw = new Draw(prngOf("prefix", "commands"))
        for (let entries = 0; entries < 50; entries++) applyNext(one, draw)
        yield* copy(one, other, { stretchBytes: 1_000, pieceBytes: 1_000 })
        yield* copy(other, yield* KeyValue.open({ port, prefix }), { stretchBytes: 1_000, pieceBytes: 1_000 })
        for (const key of neighbours) expect(yield* engine.get(key)).toEqual(key)
        expect(seen(yield* KeyValue.open({ port, prefix }))).toBe(seen(one))
      })
    )
  })
})

const engines: Readonly<Record<string, (log: Wal.Wal) => Effect.Effect<Engine.Port, StorageError, any>>> = {
  memory: (log) =>
    MemoryEngine.open({ directory: "store", log, stream: 1, blockBytes: 40, fanOut: 4, logBytesMax: 2_000 }),
  lsm: (log) =>
    LsmEngine.open({ directory: "store", log, stream: 1, memtableBytes: 4_096, tableBytes: 1_024, blockBytes: 100 })
}

/** What a crash may leave: by the index of its last entry, what was seen then; and what was said to be durable. */
interface Lives {
  readonly seenAt: Map<string, string>
  durable: number
}

const label = (machine: StateMachine): string => `${machine.applied.index} ${machine.applied.term}`

/** Applies, flushes and syncs, then takes another's snapshot, and goes on. */
const life = Effect.fnUntraced(function* (port: Engine.Port, lives: Lives) {
  const machine = yield* KeyValue.open({ ...small, port, prefix })
  const other = yield* KeyValue.open({ ...small, port: yield* MemoryEngine.openVolatile(), prefix })
  const note = (): void => {
    lives.seenAt.set(label(machine), seen(machine))
    lives.durable = machine.durable.index
  }
  note()
  const work = Effect.fnUntraced(function* (draw: Draw) {
    for (let round = 0; round < 5; round++) {
      for (let entries = 0; entries < 4; entries++) {
        applyNext(machine, draw)
        note()
      }
      yield* flush(machine)
      note()
    }
  })
  yield* work(new Draw(prngOf("one", "commands")))
  const draw = new Draw(prngOf("other", "commands"))
  while (other.applied.index < 40) applyNext(other, draw)
  lives.seenAt.set(label(other), seen(other))
  yield* copy(other, machine, { stretchBytes: 500, pieceBytes: 300 })
  note()
  yield* work(new Draw(prngOf("later", "commands")))
})

describe.each(Object.keys(engines))("on a %s engine", (name) => {
  const opened = Effect.flatMap(
    Wal.open({ directory: "log", segmentBytesMax: 10_000, aheadBytes: 0, bufferedBytesMax: 500 }),
    engines[name]
  )

  /** Loses its power in one disk call; returns whether it came so far. */
  const dies = (at: number, keeps: "nothing" | "some"): boolean => {
    const bench = new TestBench({ seed: `${name} ${at}` })
    const [machine] = bench.machines
    machine.faults.losesUnsynced = machine.faults.losesEntries = true
    machine.faults.tearsWrites = keeps === "some"
    machine.faults.losesAll = keeps === "nothing"
    machine.faults.killAtCall = at
    const lives: Lives = { seenAt: new Map([["0 0", asNew]]), durable: 0 }
    let isDone = false
    bench.start(
      0,
      Effect.gen(function* () {
        yield* life(yield* opened, lives)
        isDone = true
      })
    )
    bench.pass(60_000_000)
    machine.faults.heal()
    bench.watched(() => machine.crash({ powerLost: true }))
    let found: StateMachine | undefined
    bench.start(
      0,
      Effect.gen(function* () {
        const port = yield* opened
        found = yield* KeyValue.open({ ...small, port, prefix })
        expect(seen(found)).toBe(lives.seenAt.get(label(found)))
        expect(found.applied.index).toBeGreaterThanOrEqual(lives.durable)
        expect(found.durable).toEqual(found.applied)
        // What an unfinished restore left there is gone, and nothing comes back with the next one.
        const spaces: Array<string> = []
        yield* Engine.make(port).scan({ bounds: { from: bytesOf("g1\u0001") } }, (key) => {
          spaces.push(key.slice(2, 7).join())
        })
        expect(new Set(spaces).size).toBeLessThanOrEqual(1)
        applyNext(found, new Draw(prngOf("after", "commands")))
        yield* flush(found)
        expect(seen(yield* KeyValue.open({ ...small, port, prefix }))).toBe(seen(found))
      })
    )
    bench.pass(60_000_000)
    expect(bench.notes.at(-1)).toMatchObject({ what: "started", error: undefined })
    assert(found !== undefined, "it opens")
    return isDone
  }

  it("has after any crash the state as of one entry, no earlier one than it said was durable", () => {
    let at = 1
    while (!dies(at, at % 2 === 0 ? "nothing" : "some")) at++
    expect(at).toBeGreaterThan(20)
  })
})
