/** What adapters make of packages that are not there, of stores that are not theirs, and of calls that fail. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { afterAll, describe, expect, it } from "vitest"
import * as Completion from "#world/Completion.ts"
import { bytesOf, textOf } from "#world/contract/Claim.ts"
import * as RealWorld from "#world/real/RealWorld.ts"
import { entries, outcome, putting, read } from "../contract/EngineClaim.ts"
import * as Engine from "../Engine.ts"
import type { StorageError } from "../StorageError.ts"
import * as Adapter from "./Adapter.ts"
import { type Foreign, load } from "./Foreign.ts"
import * as LevelDb from "./LevelDb.ts"
import * as RocksDb from "./RocksDb.ts"

const root = mkdtempSync(join(tmpdir(), "orbit-adapters-"))
afterAll(() => rmSync(root, { recursive: true }))

const run = <A, E>(effect: Effect.Effect<A, E, Adapter.Needs | Scope.Scope>): Promise<A> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(RealWorld.context({ root, name: "n0", trace: { write: () => {} } }), (context) =>
        Effect.provideContext(Effect.scoped(effect), context)
      )
    )
  )

/** A store whose writes fail, once it is broken, after they have shown. */
const breakable = () => {
  const rows = new Map<string, string>([["a", "0"]])
  const state = { isBroken: false, writes: 0, views: 0 }
  const foreign: Foreign<ReadonlyMap<string, string>> = {
    keyBytesMax: 10,
    get: (key, view = rows) => {
      const value = view.get(textOf(key))
      return value === undefined ? undefined : bytesOf(value)
    },
    fetch: async () => {
      throw new Error("Corruption: block checksum mismatch in /data/000007.sst")
    },
    view: () => (state.views++, new Map(rows)),
    release: () => void state.views--,
    scan: () => ({ read: async () => [], close: async () => {} }),
    write: async () => {
      state.writes++
      rows.set("a", "1")
      if (state.isBroken) throw new Error("IO error: No space left on device")
    },
    flush: async () => {},
    compact: async () => {},
    sizes: () => ({ diskBytes: 0, memoryBytes: 0, writtenBytes: 0, details: {} }),
    close: async () => {}
  }
  return { foreign, state }
}

describe("an adapter", () => {
  it("says how a package is installed that is not there", async () => {
    const missing = load("some-store", () => Promise.reject(new Error("Cannot find package")))
    await expect(missing).rejects.toMatchObject({ _tag: "Refused", reason: "not-installed" })
    await expect(missing).rejects.toThrow('run "npm install some-store"')
  })

  it("stops when a write fails, asks the store for no other, and shows what was there before", async () => {
    const { foreign, state } = breakable()
    const found = await run(
      Effect.gen(function* () {
        const engine = Engine.make(yield* Adapter.open("fake", { root, directory: "fake" }, async () => foreign))
        state.isBroken = true
        const failed = yield* Effect.flip(engine.write(putting("a", "1")))
        const later = [yield* outcome(engine.write(putting("b", "1"))), yield* outcome(engine.sync)]
        return { failed, later, writes: state.writes, value: yield* read(engine, "a") }
      })
    )
    expect(found).toMatchObject({ later: ["Stopped", "Stopped"], writes: 1, value: "0" })
    expect(found.failed).toMatchObject({ _tag: "Stopped", cause: { code: "no-space" } })
    expect(state.views).toBe(0)
  })

  it("names the file that a package reports as rotten", async () => {
    const fetched = Effect.gen(function* () {
      const port = yield* Adapter.open("fake", { root, directory: "rotten" }, async () => breakable().foreign)
      return yield* Effect.flip(
        Completion.submit<Uint8Array | undefined, StorageError>((done) => port.fetch(bytesOf("a"), undefined, done))
      )
    })
    const path = `${join(root, "rotten")}/000007.sst`
    expect(await run(fetched)).toMatchObject({ _tag: "Corrupt", path })
  })

  it("refuses keys that its package cannot hold, and finds none of them", async () => {
    const found = Effect.gen(function* () {
      const engine = Engine.make(
        yield* Adapter.open("fake", { root, directory: "short" }, async () => breakable().foreign)
      )
      const long = "0123456789a"
      return [yield* outcome(engine.write(putting(long, "1"))), yield* read(engine, long)]
    })
    expect(await run(found)).toEqual(["key-too-large", undefined])
  })

  it.each([LevelDb, RocksDb])("reports a store that its package cannot open", async ({ open }) => {
    const directory = `broken-${open === LevelDb.open}`
    mkdirSync(join(root, directory))
    writeFileSync(join(root, directory, "CURRENT"), "MANIFEST-000001\n")
    expect(await run(outcome(open({ root, directory })))).toMatch(/Corrupt|DiskError/)
  })

  it("takes the writes of a turn together, and answers each", async () => {
    const { foreign, state } = breakable()
    const answers = await run(
      Effect.gen(function* () {
        const engine = Engine.make(yield* Adapter.open("fake", { root, directory: "groups" }, async () => foreign))
        const all = Array.from({ length: 50 }, (_, index) => engine.write(putting(`k${index}`, "1")))
        yield* Effect.all(all, { concurrency: "unbounded" })
        return (yield* entries(engine)).length
      })
    )
    expect(answers).toBe(0)
    // The first alone, the others together, and one at the end.
    expect(state.writes).toBe(3)
  })
})
