/** WorkersContract: what `Workers.ts` promises, but for what becomes of jobs when their node ends: each World's own tests do. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Disk from "../Disk.ts"
import { Host } from "../Host.ts"
import { Trace } from "../Trace.ts"
import { Workers, type Job } from "../Workers.ts"
import { aWhile, bytesOf, type Claim, must, mustEqual, mustEqualBytes, pattern, textOf, until } from "./Claim.ts"

const module = import.meta.url

/** Answers with each byte of its input one higher, and overwrites the input. */
export const increment: Job = {
  module,
  name: "increment",
  run: (input) =>
    Effect.sync(() => {
      const output = input.map((byte) => byte + 1)
      input.fill(0)
      return output
    })
}

/** Copies the file that its input names to one with `.copy` behind the name; answers with the node's name. */
export const copyFile: Job = {
  module,
  name: "copyFile",
  run: (input) =>
    Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const host = yield* Host
      const trace = yield* Trace
      const from = yield* disk.open(textOf(input))
      const to = yield* disk.open(`${textOf(input)}.copy`, { create: true })
      yield* to.append(yield* from.readAt(0, yield* from.size))
      yield* to.sync
      trace.emit("info", "contract/copied")
      return bytesOf(host.name)
    }).pipe(Effect.scoped, Effect.orDie)
}

/** Appends to the file that its input names again and again, without end. */
export const appendForEver: Job = {
  module,
  name: "appendForEver",
  run: (input) =>
    Effect.gen(function* () {
      const disk = yield* Disk.Disk
      const file = yield* disk.open(textOf(input), { create: true })
      for (;;) {
        yield* file.append(Uint8Array.of(1))
        yield* Effect.sleep(1)
      }
    }).pipe(Effect.scoped, Effect.orDie)
}

export const breaks: Job = {
  module,
  name: "breaks",
  run: () =>
    Effect.sync(() => {
      throw new Error("it breaks")
    })
}

const sizeOf = Effect.fnUntraced(function* (path: string) {
  const disk = yield* Disk.Disk
  const file = yield* disk.open(path)
  return yield* file.size
}, Effect.scoped)

export const claims: ReadonlyArray<Claim> = [
  {
    name: "a job gets its input and gives its output, whatever parts of memory they are",
    test: Effect.gen(function* () {
      const workers = yield* Workers
      const output = yield* workers.run(increment, Uint8Array.of(1, 2, 255))
      mustEqualBytes("the output", output, Uint8Array.of(2, 3, 0))
      const memory = pattern(3, 0, 1_000)
      const part = yield* workers.run(increment, memory.subarray(10, 20))
      mustEqualBytes(
        "the output of a part",
        part,
        pattern(3, 10, 10).map((byte) => byte + 1)
      )
      mustEqualBytes("what is around the part", memory.subarray(20), pattern(3, 20, 980))
      mustEqual("the empty output", (yield* workers.run(increment, new Uint8Array(0))).length, 0)
    })
  },
  {
    name: "a job works on the files of its node, knows the node's name, and its events are the node's",
    test: Effect.gen(function* () {
      const workers = yield* Workers
      const disk = yield* Disk.Disk
      const file = yield* disk.open("large", { create: true })
      const bytes = pattern(7, 0, 300_000)
      yield* file.append(bytes)
      const name = yield* workers.run(copyFile, bytesOf("large"))
      mustEqual("the name", textOf(name), (yield* Host).name)
      const copy = yield* disk.open("large.copy")
      mustEqualBytes("the copy", yield* copy.readAt(0, 400_000), bytes)
    })
  },
  {
    name: "jobs that are asked for at the same time are all done, each with its own answer",
    test: Effect.gen(function* () {
      const workers = yield* Workers
      const inputs = Array.from({ length: 20 }, (_, i) => i)
      const outputs = yield* Effect.forEach(inputs, (i) => workers.run(increment, Uint8Array.of(i)), {
        concurrency: "unbounded"
      })
      mustEqual(
        "the answers",
        outputs.map((output) => output[0]),
        inputs.map((i) => i + 1)
      )
    })
  },
  {
    name: "a job that breaks is a defect of its caller, and the next job is done",
    test: Effect.gen(function* () {
      const workers = yield* Workers
      const exit = yield* Effect.exit(workers.run(breaks, new Uint8Array(1)))
      must(Exit.isFailure(exit) && Exit.hasDies(exit), "a job that throws must be a defect")
      mustEqualBytes("the next answer", yield* workers.run(increment, Uint8Array.of(1)), Uint8Array.of(2))
    })
  },
  {
    name: "an interrupted job does nothing any more, and others are done",
    test: Effect.gen(function* () {
      const workers = yield* Workers
      const fiber = yield* Effect.forkChild(workers.run(appendForEver, bytesOf("log")))
      let sizeBytes = 0
      for (let polls = 0; sizeBytes === 0; polls++) {
        must(polls < 1_000, "the job must begin to write")
        yield* Effect.sleep(10)
        sizeBytes = yield* Effect.orElseSucceed(sizeOf("log"), () => 0)
      }
      let ended = false
      yield* Effect.forkChild(Effect.map(Fiber.interrupt(fiber), () => (ended = true)))
      yield* until("the job is interrupted", () => ended)
      const before = yield* sizeOf("log")
      yield* aWhile
      mustEqual("the size of what it wrote", yield* sizeOf("log"), before)
      mustEqualBytes("the next answer", yield* workers.run(increment, Uint8Array.of(1)), Uint8Array.of(2))
    })
  }
]
