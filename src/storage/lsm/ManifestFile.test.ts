/** ManifestFile: on a simulated disk, without an engine around it. */
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import { Disk } from "#world/Disk.ts"
import { ManifestFile } from "./ManifestFile.ts"
import * as TestTables from "./TestTables.ts"
import * as Version from "./Version.ts"

const tuning = { blockBytes: 100, restartInterval: 2, bloomBitsPerKey: 10, compression: "none" as const }
const count = 100

it("a manifest is written anew now and then, and not with each edit, where there are more tables than fit its bound", () => {
  const bench = new TestBench({ machines: 1 })
  let written: { readonly all: number; readonly last: number; readonly number: number } | undefined
  const program = Effect.gen(function* () {
    yield* (yield* Disk).makeDirectory("store")
    let number = 1
    const manifest = yield* ManifestFile.open({
      directory: "store",
      sizeBytesMax: 1,
      takeNumber: () => number++,
      contents: { version: Version.empty, state: { logPosition: 0, sequence: 0, nextNumber: 0 } },
      loaded: undefined
    })
    for (let table = 0; table < count; table++) {
      const { meta } = TestTables.build(tuning, 1_000 + table, [
        { key: Uint8Array.of(table), sequence: 1, value: Uint8Array.of(1) }
      ])
      const state = { logPosition: table, sequence: table, nextNumber: number }
      yield* manifest.commit(
        () => ({ state, added: [{ level: 1, meta }], removed: [] }),
        () => {}
      )
    }
    written = { all: manifest.writtenBytes, last: manifest.sizeBytes, number: manifest.number }
  })
  bench.start(0, program)
  bench.pass(60_000_000)
  // It doubles: what all of them have is a few times what the last one has.
  expect(written!.all).toBeLessThan(4 * written!.last)
  expect(written!.number).toBeGreaterThan(5)
})
