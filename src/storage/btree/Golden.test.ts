/** Version 1 of the file: what is written today is what was written then, and what was written then is opened. */
import * as Effect from "effect/Effect"
import { readFileSync, writeFileSync } from "node:fs"
import { expect, it } from "vitest"
import { putU32 } from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import * as Completion from "#world/Completion.ts"
import * as Disk from "#world/Disk.ts"
import { Batch } from "../Batch.ts"
import * as Engine from "../Engine.ts"
import type { StorageError } from "../StorageError.ts"
import * as BtreeEngine from "./BtreeEngine.ts"
import { sectorBytes, version } from "./Meta.ts"
import { metaAreaBytes } from "./PageFormat.ts"

const golden = new URL("testdata/data-1.hex", import.meta.url)
const path = "tree/data.btree"

const encoder = new TextEncoder()
const bytesOf = (text: string): Uint8Array => encoder.encode(text)

/** A tree of three levels with prefixes, a large value, a key and a value of nothing, and pages that are free. */
const entries: ReadonlyArray<readonly [key: Uint8Array, value: Uint8Array]> = [
  [new Uint8Array(0), bytesOf("nothing")],
  [bytesOf("a"), new Uint8Array(0)],
  ...Array.from({ length: 60 }, (_, index): readonly [Uint8Array, Uint8Array] => [
    bytesOf(`accounts/${String(index).padStart(3, "0")}`),
    bytesOf(`balance ${index * index}`)
  ]),
  [bytesOf("large"), new Uint8Array(700).fill(0x4c)],
  [new Uint8Array(600).fill(0x7a), bytesOf("a long key")]
]

const write = Effect.gen(function* () {
  const engine = Engine.make(yield* BtreeEngine.open({ directory: "tree", pageBytes: 512 }))
  for (const [key, value] of entries) {
    yield* engine.write(new Batch().put(key, value).put(bytesOf("passing"), key), "buffered")
  }
  yield* engine.write(new Batch().put(bytesOf("accounts/001"), bytesOf("before")))
  yield* engine.write(new Batch().delete(bytesOf("passing")).put(entries[3][0], entries[3][1]))
})

const readAll = Effect.gen(function* () {
  const engine = Engine.make(yield* BtreeEngine.open({ directory: "tree" }))
  const found: Array<readonly [Uint8Array, Uint8Array]> = []
  yield* engine.scan({}, (key, value) => {
    found.push([key.slice(), value.slice()])
  })
  const verified = yield* Completion.submit<Engine.Verified | undefined, StorageError>((done) =>
    engine.port.verify(0, done)
  )
  return { found, verified: verified! }
})

const readFile = Effect.gen(function* () {
  const disk = yield* Disk.Disk
  const file = yield* disk.open(path)
  return yield* file.readAt(0, yield* file.size)
})

const makeFile = (bytes: Uint8Array) =>
  Effect.gen(function* () {
    const disk = yield* Disk.Disk
    yield* disk.makeDirectory("tree")
    const file = yield* disk.open(path, { create: true })
    yield* file.append(bytes)
  })

/** Runs a program on a machine of its own. */
const run = <A>(program: Effect.Effect<A, unknown, any>): A => {
  const bench = new TestBench()
  const results: Array<A> = []
  bench.startOnce(0, Effect.asVoid(Effect.tap(program, (result) => Effect.sync(() => results.push(result)))))
  bench.pass(60_000_000)
  expect(bench.story).toEqual(["n0 started", "n0 exited"])
  return results[0]
}

const lineBytes = 32

/** Lines of 32 bytes; a line of one number stands for so many lines of zeros. */
const textOf = (bytes: Uint8Array): string => {
  const lines: Array<string> = []
  let zeros = 0
  for (let at = 0; at < bytes.length; at += lineBytes) {
    const line = bytes.subarray(at, at + lineBytes)
    if (line.every((byte) => byte === 0)) {
      zeros++
      continue
    }
    if (zeros > 0) lines.push(String(zeros))
    zeros = 0
    lines.push(Buffer.from(line).toString("hex"))
  }
  if (zeros > 0) lines.push(String(zeros))
  return `${lines.join("\n")}\n`
}

const bytesIn = (text: string): Uint8Array =>
  Buffer.concat(
    text
      .trim()
      .split("\n")
      .map((line) =>
        line.length === 2 * lineBytes ? Buffer.from(line, "hex") : Buffer.alloc(Number(line) * lineBytes)
      )
  )

/** `UPDATE=1` writes the file anew: only ever for a new version, which gets a file of its own. */
it("writes version 1 as the golden file has it", () => {
  const text = textOf(run(Effect.scoped(Effect.andThen(Effect.scoped(write), readFile))))
  if (process.env["UPDATE"] === "1") writeFileSync(golden, text)
  expect(text).toBe(readFileSync(golden, "utf8"))
})

it("opens version 1 as the golden file has it, with all that is in it", () => {
  const stored = bytesIn(readFileSync(golden, "utf8"))
  const { found, verified } = run(Effect.scoped(Effect.andThen(Effect.scoped(makeFile(stored)), readAll)))
  expect(found.map(([key, value]) => [[...key], [...value]])).toEqual(
    entries.map(([key, value]) => [[...key], [...value]])
  )
  expect([verified.rot, verified.position]).toEqual([[], 0])
})

it("refuses a file of a later version, and says so", () => {
  const stored = bytesIn(readFileSync(golden, "utf8"))
  for (let at = 0; at < metaAreaBytes; at += sectorBytes) {
    const sector = stored.subarray(at, at + sectorBytes)
    sector[12] = version + 1
    putU32(sector, 0, crc32c(sector, 4))
  }
  const error = run(Effect.scoped(Effect.andThen(Effect.scoped(makeFile(stored)), Effect.flip(readAll))))
  expect((error as StorageError).message).toContain(`version ${version + 1}`)
})
