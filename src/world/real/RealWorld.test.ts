import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scheduler from "effect/Scheduler"
import { afterAll, describe, expect, it } from "vitest"
import type { Claim } from "../contract/Claim.ts"
import * as ClockContract from "../contract/ClockContract.ts"
import * as DiskContract from "../contract/DiskContract.ts"
import * as HostContract from "../contract/HostContract.ts"
import * as NetContract from "../contract/NetContract.ts"
import * as TlsContract from "../contract/TlsContract.ts"
import * as TimersContract from "../contract/TimersContract.ts"
import * as TraceContract from "../contract/TraceContract.ts"
import * as WorkersContract from "../contract/WorkersContract.ts"
import * as Disk from "../Disk.ts"
import { Host } from "../Host.ts"
import * as Net from "../Net.ts"
import { Timers } from "../Timers.ts"
import { RealClock } from "./RealClock.ts"
import { RealRandom } from "./RealRandom.ts"
import { RealScheduler } from "./RealScheduler.ts"
import * as RealWorld from "./RealWorld.ts"
import * as TestCredentials from "./TestCredentials.ts"

const parent = mkdtempSync(join(tmpdir(), "orbit-world-"))
afterAll(() => rmSync(parent, { recursive: true }))

let roots = 0
const freshOptions = (): RealWorld.Options => ({
  root: join(parent, String(roots++)),
  name: "node-0",
  trace: { write: () => {} }
})

/** "kept", or what broke. */
const outcome = async (claim: Claim): Promise<string> => {
  const end = await Effect.runPromise(RealWorld.runFork(claim.test, freshOptions()).ended)
  if (end.type !== "finished") return `the node ${end.type}`
  return Exit.isSuccess(end.exit) ? "kept" : Cause.pretty(end.exit.cause)
}

const contracts: Readonly<Record<string, ReadonlyArray<Claim>>> = {
  Disk: DiskContract.claims,
  Net: NetContract.claims({ host: "127.0.0.1" }),
  "Net, lending reads": NetContract.lendingClaims({ host: "127.0.0.1" }),
  "Net, with TLS": TlsContract.claims("127.0.0.1", {
    one: TestCredentials.of("store-1"),
    two: TestCredentials.of("store-2"),
    stranger: TestCredentials.of("stranger")
  }),
  Timers: TimersContract.claims,
  "Clock, Random, Scheduler": ClockContract.claims,
  Host: HostContract.claims,
  Trace: TraceContract.claims,
  Workers: WorkersContract.claims
}

describe.each(Object.keys(contracts))("the real World keeps the contract of %s", (contract) => {
  it.each(contracts[contract])("$name", async (claim) => {
    expect(await outcome(claim)).toBe("kept")
  })
})

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** Waits until `condition` holds; the test's own time limit is the bound. */
const eventually = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await pause(2)
}

const bytes = new TextEncoder().encode("abc")
const silentStream: Net.StreamSink = {
  opened: () => {},
  data: () => {},
  drained: () => {},
  ended: () => {},
  closed: () => {}
}

/** A node that holds one of everything, notes what it does, and never ends by itself. */
const greedy = (notes: Array<string>, address: Net.Address) =>
  Effect.gen(function* () {
    const [disk, net, timers, host] = [yield* Disk.Disk, yield* Net.Net, yield* Timers, yield* Host]
    yield* Effect.addFinalizer(() => Effect.sync(() => notes.push("finalised")))
    host.onSignal((signal) => notes.push(signal))
    const file = yield* disk.open("log", { create: true })
    const listener = yield* net.listen(address, () => silentStream)
    yield* Effect.forkDetach(Effect.forever(Effect.tap(Effect.sleep(2), () => Effect.sync(() => notes.push("daemon")))))
    const port = timers.attach({
      fired: () => {
        notes.push("fired")
        port.set(0, 1_000)
      }
    })
    port.set(0, 1_000)
    notes.push(`listens at ${listener.address.port}`)
    return yield* Effect.forever(Effect.andThen(file.append(bytes), Effect.sleep(1)))
  })

const started = async (options: RealWorld.Options, address: Net.Address = { host: "127.0.0.1", port: 0 }) => {
  const notes: Array<string> = []
  const running = RealWorld.runFork(greedy(notes, address), options)
  await eventually(() => notes.includes("daemon") && notes.includes("fired") && existsSync(join(options.root, "log")))
  const port = Number(/\d+$/.exec(notes.find((note) => note.startsWith("listens"))!)![0])
  return { notes, running, address: { host: "127.0.0.1", port } }
}

/** Neither notes nor the file change any more. */
const mustBeStill = async (notes: ReadonlyArray<string>, root: string): Promise<void> => {
  const before = [notes.length, readFileSync(join(root, "log")).length]
  await pause(40)
  expect([notes.length, readFileSync(join(root, "log")).length]).toEqual(before)
}

describe("a node that runs in this process", () => {
  it("hears terminate when it is stopped, runs its finalisers, and leaves its directory and address to a successor", async () => {
    const options = freshOptions()
    const { address, notes, running } = await started(options)
    const end = await Effect.runPromise(running.stop)
    expect(end.type).toBe("finished")
    expect(notes.filter((note) => !["fired", "daemon"].includes(note)).slice(1)).toEqual(["terminate", "finalised"])
    await mustBeStill(notes, options.root)
    const successor = await started(options, address)
    expect(successor.address).toEqual(address)
    expect(await Effect.runPromise(successor.running.kill)).toEqual({ type: "killed" })
  })

  it("does nothing any more once it is killed, runs no finaliser, and leaves its address to a successor", async () => {
    const options = freshOptions()
    const { address, notes, running } = await started(options)
    expect(await Effect.runPromise(running.kill)).toEqual({ type: "killed" })
    expect(notes).not.toContain("finalised")
    await mustBeStill(notes, options.root)
    const successor = await started(options, address)
    await Effect.runPromise(successor.running.stop)
    expect(await Effect.runPromise(running.ended)).toEqual({ type: "killed" })
  })

  it("ends by Host.exit, at that very operation, and no other node with it", async () => {
    const other = await started(freshOptions())
    const notes: Array<string> = []
    const program = Effect.gen(function* () {
      const host = yield* Host
      yield* Effect.addFinalizer(() => Effect.sync(() => notes.push("finalised")))
      yield* Effect.sync(() => host.exit(7))
      yield* Effect.sync(() => notes.push("after"))
    })
    const end = await Effect.runPromise(RealWorld.runFork(program, freshOptions()).ended)
    expect(end).toEqual({ type: "exited", code: 7 })
    await pause(10)
    expect(notes).toEqual([])
    const before = other.notes.length
    await eventually(() => other.notes.length > before)
    await Effect.runPromise(other.running.stop)
  })

  it("takes its fibers with it that would outlive its program", async () => {
    let ticks = 0
    const tick = Effect.tap(Effect.sleep(1), () => Effect.sync(() => ticks++))
    const program = Effect.andThen(Effect.forkDetach(Effect.forever(tick)), Effect.sleep(10))
    const end = await Effect.runPromise(RealWorld.runFork(program, freshOptions()).ended)
    expect(end.type).toBe("finished")
    const before = ticks
    await pause(20)
    expect(ticks).toBe(before)
  })

  it("fails with a DiskError where its directory cannot be", async () => {
    const file = join(parent, "file")
    writeFileSync(file, "")
    const running = RealWorld.runFork(Effect.void, { ...freshOptions(), root: join(file, "data") })
    const end = await Effect.runPromise(running.ended)
    expect(end.type === "finished" && Exit.isFailure(end.exit) && Cause.squash(end.exit.cause)).toMatchObject({
      _tag: "DiskError",
      code: "not-a-file"
    })
    expect(await Effect.runPromise(running.kill)).toBe(end)
  })

  it("runs with its own clock, chance, order and settings, in its children too", async () => {
    const references = Effect.gen(function* () {
      const own = [yield* Clock.Clock, yield* Random.Random, yield* Scheduler.Scheduler]
      return [...own, yield* Config.String("ORBIT_COLOUR")]
    })
    const program = Effect.gen(function* () {
      const child = yield* Fiber.join(yield* Effect.forkChild(references))
      return { own: yield* references, child }
    })
    const options = { ...freshOptions(), environment: { ORBIT_COLOUR: "red" } }
    const end = await Effect.runPromise(RealWorld.runFork(program, options).ended)
    if (end.type !== "finished" || Exit.isFailure(end.exit)) throw new Error("the program must succeed")
    const { own, child } = end.exit.value
    expect(own.slice(0, 3).map((reference) => Object.getPrototypeOf(reference))).toEqual([
      RealClock.prototype,
      RealRandom.prototype,
      RealScheduler.prototype
    ])
    expect(own[3]).toBe("red")
    own.forEach((reference, index) => expect(child[index]).toBe(reference))
  })
})

describe("a program that owns the process", () => {
  it("has the World by a Layer for the life of a scope", async () => {
    const options = freshOptions()
    const program = Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const file = yield* disk.open("log", { create: true })
      yield* file.append(bytes)
      return Object.getPrototypeOf(yield* Scheduler.Scheduler)
    })
    const scheduler = await Effect.runPromise(Effect.provide(Effect.scoped(program), RealWorld.layer(options)))
    expect(scheduler).toBe(RealScheduler.prototype)
    expect(readFileSync(join(options.root, "log"), "utf8")).toBe("abc")
  })

  it("ends with the code it gives to Host.exit, and its last events are written", () => {
    const world = JSON.stringify(new URL("RealWorld.ts", import.meta.url).href)
    const services = ["Host", "Trace"].map((name) => JSON.stringify(new URL(`../${name}.ts`, import.meta.url).href))
    const script = `
      import * as Effect from "effect/Effect"
      import * as RealWorld from ${world}
      import { Host } from ${services[0]}
      import { Trace } from ${services[1]}
      const program = Effect.gen(function* () {
        const [host, trace] = [yield* Host, yield* Trace]
        trace.emit("info", "test/last")
        host.exit(7)
      })
      Effect.runFork(Effect.provide(program, RealWorld.layer({ root: ${JSON.stringify(join(parent, "exit"))}, name: "n1" })))`
    const result = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" })
    expect([result.status, result.stderr]).toEqual([7, expect.stringContaining('"event":"test/last"')])
  })
})
