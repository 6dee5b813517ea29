/** The engines from packages keep the contract on this machine, but for what is named here. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { afterAll, describe, expect, it } from "vitest"
import * as RealIncarnations from "#sim/storage/RealIncarnations.ts"
import type { World } from "#world/World.ts"
import type { EngineClaim } from "../contract/EngineClaim.ts"
import * as EngineContract from "../contract/EngineContract.ts"
import type * as Engine from "../Engine.ts"
import type { StorageError } from "../StorageError.ts"
import type { Options } from "./Adapter.ts"
import * as LevelDb from "./LevelDb.ts"
import * as Lmdb from "./Lmdb.ts"
import * as RocksDb from "./RocksDb.ts"

const parent = mkdtempSync(join(tmpdir(), "orbit-adapters-"))
afterAll(() => rmSync(parent, { recursive: true }))

interface Adapter {
  readonly name: string
  readonly open: (options: Options) => Effect.Effect<Engine.Port, StorageError, World | Scope.Scope>
  /** Claims that the package cannot keep, and why: one that is kept after all does not belong here. */
  readonly exceptions: Readonly<Record<string, string>>
}

const unverified = {
  "a flipped bit in an engine's files is never returned: what was written, or Corrupt":
    "the package does not check, or does not say, what it reads",
  "verification finds what rots under an engine that runs, by file and offset": "verify is refused",
  "verification reads everything once, in bounded steps, and finds nothing in what is whole": "verify is refused"
}

const adapters: ReadonlyArray<Adapter> = [
  {
    name: "classic-level",
    open: LevelDb.open,
    exceptions: unverified
  },
  {
    name: "lmdb",
    open: Lmdb.open,
    exceptions: {
      ...unverified,
      "keys of the largest size and values of megabytes come back whole": "keys have at most 4,025 bytes"
    }
  },
  { name: "rocksdb-native", open: RocksDb.open, exceptions: unverified }
]

let roots = 0

const outcomeOf = (claim: EngineClaim, adapter: Adapter): Promise<string> => {
  const root = join(parent, String(roots++))
  const holders = new Set<() => Promise<void>>()
  const open = (directory: string) => adapter.open({ root, directory, holders })
  const closed = Effect.promise(async () => {
    for (const close of holders) await close()
    holders.clear()
  })
  return Effect.runPromise(RealIncarnations.outcomeOf(claim.incarnations({ open }), root, closed))
}

describe.each(adapters)("the engine of $name", (adapter) => {
  const { exceptions } = adapter
  const names = EngineContract.claims.map((claim) => claim.name)

  it("excepts only claims that there are", () => {
    expect(Object.keys(exceptions).filter((name) => !names.includes(name))).toEqual([])
  })

  const kept = EngineContract.claims.filter((claim) => exceptions[claim.name] === undefined)
  const broken = EngineContract.claims
    .filter((claim) => exceptions[claim.name] !== undefined)
    .map((claim) => ({ claim, name: claim.name, reason: exceptions[claim.name] }))

  it.each(kept)("keeps: $name", async (claim) => {
    expect(await outcomeOf(claim, adapter)).toBe("kept")
  })

  it.each(broken)("does not keep: $name, because $reason", async ({ claim }) => {
    expect(await outcomeOf(claim, adapter)).not.toBe("kept")
  })
})
