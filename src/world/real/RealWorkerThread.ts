/**
 * RealWorkerThread: what runs in a worker thread. It takes one job at a time from `RealWorkers`, imports its module, and runs it
 * with a World of the thread's own on the node's directory. Its traces are the node's.
 */
import { flushCompileCache } from "node:module"
import { parentPort, workerData } from "node:worker_threads"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Trace } from "../Trace.ts"
import type { Job } from "../Workers.ts"
import type { Answer, Question, Start } from "./RealWorkers.ts"
import * as RealWorld from "./RealWorld.ts"

const port = parentPort!
const start = workerData as Start

/** Of the first job. */
let flushes = true

const answer = (message: Answer): void => port.postMessage(message)

const trace: Trace["Service"] = {
  emit: (level, name, fields) => answer({ type: "traced", level, name, fields }),
  mark: (name) => answer({ type: "traced", name })
}

const jobOf = async (question: Question): Promise<Job> => {
  const module: Record<string, Job | undefined> = await import(question.module)
  const job = module[question.name]
  if (job === undefined) throw new Error(`${question.module} exports no job ${question.name}`)
  // Node.js writes it at the end of a thread, and threads are broken off.
  if (flushes) flushCompileCache()
  flushes = false
  return job
}

/** Memory that was sent is nobody else's. Left to the collector of a thread that makes few objects it would stay for tens of megabytes. */
const free = ({ buffer }: Uint8Array): void => {
  // Node.js 20 has no such call.
  if ("transfer" in buffer) (buffer as ArrayBuffer).transfer(0)
}

const program = Effect.gen(function* () {
  const context = Context.add(yield* RealWorld.context(start), Trace, trace)
  port.on("message", (question: Question) => {
    jobOf(question).then(
      (job) => {
        const fiber = Effect.runForkWith(context)(Effect.scoped(job.run(question.input)))
        fiber.addObserver((exit) => {
          free(question.input)
          if (Exit.isSuccess(exit)) answer({ type: "done", output: exit.value })
          else answer({ type: "died", why: Cause.pretty(exit.cause) })
        })
      },
      (error: unknown) => answer({ type: "died", why: String(error) })
    )
  })
  return yield* Effect.never
})

Effect.runFork(Effect.scoped(program))
