/** Version 1 of tables and manifests: what is written today is what was written then, and what was written then is opened. */
import * as Effect from "effect/Effect"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import * as Completion from "#world/Completion.ts"
import * as Disk from "#world/Disk.ts"
import { Batch } from "../Batch.ts"
import { listed } from "../contract/EngineClaim.ts"
import * as Engine from "../Engine.ts"
import type { StorageError } from "../StorageError.ts"
import * as Wal from "../wal/Wal.ts"
import * as LsmEngine from "./LsmEngine.ts"

const golden = new URL("testdata/store-1.hex", import.meta.url)
const directory = "store"

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const bytesOf = (text: string): Uint8Array => encoder.encode(text)

const open = Effect.gen(function* () {
  const log = yield* Wal.open({ directory: "log", aheadBytes: 0 })
  const port = yield* LsmEngine.open({
    directory,
    log,
    stream: 1,
    blockBytes: 300,
    compression: "lz4",
    level0Tables: 3
  })
  return Engine.make(port)
})

/** Tables on three levels: compressed and plain blocks, an ingested table, deletes, range deletes, versions that a snapshot keeps. */
const write = Effect.gen(function* () {
  const engine = yield* open
  const balances = new Batch()
  for (let i = 0; i < 40; i++) {
    balances.put(bytesOf(`accounts/${String(i).padStart(3, "0")}`), bytesOf(`balance ${i * i} of nobody in particular`))
  }
  yield* engine.write(balances.put(new Uint8Array(0), bytesOf("nothing")))
  yield* engine.compact
  yield* engine.ingest(
    listed([
      ["persons/1", "Ada"],
      ["persons/2", ""]
    ])
  )
  const snapshot = engine.port.snapshot()
  yield* engine.write(new Batch().delete(bytesOf("accounts/007")).put(bytesOf("persons/1"), bytesOf("Grace")))
  yield* engine.write(new Batch().deleteRange(bytesOf("accounts/010"), bytesOf("accounts/030")))
  yield* engine.flush
  yield* engine.write(new Batch().put(bytesOf("accounts/011"), bytesOf("again")))
  yield* engine.flush
  snapshot.release()
})

const expected = [
  "=nothing",
  ...Array.from({ length: 40 }, (_, i) => i)
    .filter((i) => i !== 7 && (i < 10 || i >= 30 || i === 11))
    .map(
      (i) => `accounts/${String(i).padStart(3, "0")}=${i === 11 ? "again" : `balance ${i * i} of nobody in particular`}`
    ),
  "persons/1=Grace",
  "persons/2="
]

const readFiles = Effect.gen(function* () {
  const disk = yield* Disk.Disk
  const lines: Array<string> = []
  for (const name of yield* disk.list(directory)) {
    const file = yield* disk.open(`${directory}/${name}`)
    const bytes = yield* file.readAt(0, yield* file.size)
    lines.push(
      name,
      ...(Buffer.from(bytes)
        .toString("hex")
        .match(/.{1,64}/g) ?? [])
    )
  }
  return `${lines.join("\n")}\n`
})

const makeFiles = (text: string) =>
  Effect.gen(function* () {
    const disk = yield* Disk.Disk
    yield* disk.makeDirectory(directory)
    let file: Disk.Handle | undefined
    for (const line of text.trim().split("\n")) {
      if (/^[0-9a-f]+$/.test(line)) yield* file!.append(Buffer.from(line, "hex"))
      else file = yield* disk.open(`${directory}/${line}`, { create: true })
    }
  })

const readAll = Effect.gen(function* () {
  const engine = yield* open
  const found: Array<string> = []
  yield* engine.scan({}, (key, value) => {
    found.push(`${decoder.decode(key)}=${decoder.decode(value)}`)
  })
  let rot = 0
  for (let position = -1; position !== 0;) {
    const verified = yield* Completion.submit<Engine.Verified | undefined, StorageError>((done) =>
      engine.port.verify(Math.max(0, position), done)
    )
    rot += verified!.rot.length
    position = verified!.position
  }
  return { found, rot }
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

/** `UPDATE=1` writes the file anew: only ever for a new version, which gets a file of its own. */
it("writes version 1 as the golden file has it", () => {
  const text = run(Effect.scoped(Effect.andThen(Effect.scoped(write), readFiles)))
  if (process.env["UPDATE"] === "1") {
    mkdirSync(new URL("testdata", import.meta.url), { recursive: true })
    writeFileSync(golden, text)
  }
  expect(text).toBe(readFileSync(golden, "utf8"))
})

it("opens version 1 as the golden file has it, with all that is in it", () => {
  const text = readFileSync(golden, "utf8")
  const { found, rot } = run(Effect.scoped(Effect.andThen(Effect.scoped(makeFiles(text)), readAll)))
  expect(found).toEqual(expected)
  expect(rot).toBe(0)
})
