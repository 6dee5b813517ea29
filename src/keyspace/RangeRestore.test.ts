/** A snapshot that is put in place of a range's replica, on an engine in memory, without a group around it. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { emptyState } from "#consensus/Configuration.ts"
import type { Restore } from "#consensus/StateMachine.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import { Batch } from "#storage/Batch.ts"
import * as Engine from "#storage/Engine.ts"
import { Deferral } from "#storage/memory/Deferral.ts"
import * as MemoryEngine from "#storage/memory/MemoryEngine.ts"
import type { StorageError } from "#storage/StorageError.ts"
import * as Completion from "#world/Completion.ts"
import { Timers } from "#world/Timers.ts"
import * as Key from "./Key.ts"
import { RangeMachine } from "./RangeMachine.ts"
import { install } from "./RangeRestore.ts"
import { RangeSnapshot } from "./RangeSnapshot.ts"
import * as RangeState from "./RangeState.ts"

const range = 2
const head = Key.head(Uint8Array.of(0x20, 1))
const value = Uint8Array.of(7)
const applied = { index: 9, term: 3, configuration: { ...emptyState, voters: [1, 2] } }

const state: RangeState.RangeState = {
  ...RangeState.founding({ range, from: Uint8Array.of(8), to: Uint8Array.of(0xff), generation: 1 }, []),
  phase: "ready",
  applied
}

/** What a leaseholder would send. */
const content = Effect.gen(function* () {
  const port = yield* MemoryEngine.openVolatile()
  yield* Engine.make(port).write(new Batch().put(head, value), "buffered")
  const snapshot = new RangeSnapshot(port, new Deferral((yield* Timers).attach), state)
  const stretches: Array<Uint8Array> = []
  for (;;) {
    const bytes = yield* Completion.submit<Uint8Array, StorageError>((done) => snapshot.next(32, done))
    if (bytes.length === 0) return stretches
    stretches.push(bytes)
  }
})

const take = (restore: Restore, bytes: Uint8Array) =>
  Completion.submit<void, StorageError>((done) => restore.take(bytes, done))

/** An engine that tells of each write, and of each read of what was staged, which takes its time. */
const watched = (port: Engine.Port, seen: (what: "fetch" | "write") => void, later: (call: () => void) => void) =>
  Object.assign(Object.create(port) as Engine.Port, {
    write: (...given: Parameters<Engine.Port["write"]>) => {
      seen("write")
      port.write(...given)
    },
    get: () => Engine.elsewhere,
    fetch: (...[key, , done]: Parameters<Engine.Port["fetch"]>) => {
      seen("fetch")
      later(() => done(undefined, port.get(key) as Uint8Array | undefined))
    }
  })

describe("a snapshot of a range", () => {
  it("is not put in place of a replica that is gone, and stays staged as long as the engine says that it is to be", () => {
    // The record that it is to be put in place, then each stretch.
    let callsMax = 1
    for (let calls = 1; calls <= callsMax; calls++) {
      const bench = new TestBench({ machines: 1 })
      const told: Array<string | undefined> = []
      let writesAfter = 0
      const program = Effect.gen(function* () {
        const stretches = yield* content
        callsMax = 1 + stretches.length
        const plain = yield* MemoryEngine.openVolatile()
        const deferral = new Deferral((yield* Timers).attach)
        let left: number | undefined
        const port = watched(
          plain,
          (what) => {
            if (left === 0 && what === "write") writesAfter++
            if (left !== undefined && left > 0 && --left === 0) deferral.defer(() => machine.close())
          },
          (call) => deferral.defer(call)
        )
        const neighbours = { founded: () => {}, reserve: () => true, release: () => {}, absorbed: () => false }
        const nothing = { index: 0, term: 0, configuration: emptyState }
        const machine = new RangeMachine({ range, port, deferral, neighbours, applied: nothing, state: undefined })
        const restore = machine.restore(applied)
        for (const bytes of stretches) yield* take(restore, bytes)
        left = calls
        const finished = yield* Effect.result(Completion.submit<void, StorageError>((done) => restore.finish(done)))
        told.push(finished._tag === "Failure" ? finished.failure._tag : undefined)
        yield* Effect.sleep(10)
        // The store is opened again before the replica's state was removed.
        const record = plain.get(Key.state(range)) as Uint8Array
        const installed = yield* Completion.submit<RangeState.RangeState | undefined, StorageError>((done) =>
          install(plain, RangeState.decode(record)!, () => false, done)
        )
        expect(installed).toMatchObject({ phase: "ready", applied })
        expect(plain.get(head)).toEqual(value)
      })
      bench.start(0, program)
      bench.pass(1_000_000)
      expect(bench.notes.map(({ error, what }) => error ?? what)).toEqual(["started"])
      expect(told).toEqual(["Refused"])
      expect(writesAfter).toBe(0)
    }
    expect(callsMax).toBeGreaterThan(2)
  })
})
