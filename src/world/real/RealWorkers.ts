/**
 * RealWorkers: a node's worker threads. A thread is started when a job finds none idle, up to as many as the node has cores beside
 * its own thread's, and two at least, and is kept. Idle threads do not keep the process alive.
 *
 * A thread imports the job's module, so a job may come from any file that Node.js can run; `RealWorkerThread` is its other end.
 * An interrupted job cannot be told to stop, as it may be in the middle of a long calculation: its thread is ended, and the
 * interruption waits for that.
 */
import { availableParallelism } from "node:os"
import { Worker } from "node:worker_threads"
import * as Effect from "effect/Effect"
import type { Fields, Level, Trace } from "../Trace.ts"
import type { Job, Workers } from "../Workers.ts"

/** What a thread is told when it starts. */
export interface Start {
  readonly root: string
  readonly name: string
}

export interface Question {
  readonly module: string
  readonly name: string
  readonly input: Uint8Array
}

/** Any number of traces, a mark being one without a level, then what became of the job. */
export type Answer =
  | { readonly type: "traced"; readonly level?: Level; readonly name: string; readonly fields?: Fields | undefined }
  | { readonly type: "done"; readonly output: Uint8Array }
  | { readonly type: "died"; readonly why: string }

/** What the young objects of a merge take before the collector looks at them: with less it copies what is dead a moment later. */
const youngMebibytes = 64

/** With one thread a short job, for which somebody may wait, would stand behind a long one. */
const threadsMin = 2

interface Call {
  readonly job: Job
  readonly input: Uint8Array
  readonly resume: (result: Effect.Effect<Uint8Array>) => void
}

interface Thread {
  readonly worker: Worker
  call: Call | undefined
}

/** What is compiled already need not be again, nor have its types taken out, which takes a compiler of its own in each thread. */
const program = `require("node:module").enableCompileCache()
import(${JSON.stringify(new URL("./RealWorkerThread.ts", import.meta.url))})`

export class RealWorkers {
  readonly service: Workers["Service"]
  private readonly start: Start
  private readonly trace: Trace["Service"]
  private readonly threadsMax: number
  private readonly threads = new Set<Thread>()
  private readonly idle: Array<Thread> = []
  private waiting: Array<Call> = []
  /** Threads that were told to end and still run. */
  private ending = 0
  private onEnded: (() => void) | undefined

  constructor(options: { readonly root: string; readonly name: string; readonly trace: Trace["Service"] }) {
    this.start = { root: options.root, name: options.name }
    this.trace = options.trace
    this.threadsMax = Math.max(threadsMin, availableParallelism() - 1)
    this.service = { run: (job, input) => this.run(job, input) }
  }

  /** Ends all threads; their callers hear no more. `done` is called, later, when none runs any more. */
  close(done: () => void): void {
    this.onEnded = done
    this.waiting = []
    for (const thread of this.threads) this.end(thread)
    if (this.ending === 0) setImmediate(done)
  }

  private run(job: Job, input: Uint8Array): Effect.Effect<Uint8Array> {
    return Effect.callback<Uint8Array>((resume) => {
      if (this.onEnded !== undefined) return
      const call = { job, input, resume }
      this.waiting.push(call)
      this.next()
      return Effect.callback<void>((ended) => {
        this.waiting = this.waiting.filter((other) => other !== call)
        const running = [...this.threads].find((thread) => thread.call === call)
        if (running === undefined) return ended(Effect.void)
        this.end(running, () => ended(Effect.void))
      })
    })
  }

  /** Gives waiting calls to threads. */
  private next(): void {
    while (this.waiting.length > 0) {
      const thread = this.idle.pop() ?? (this.threads.size < this.threadsMax ? this.spawn() : undefined)
      if (thread === undefined) return
      const call = this.waiting.shift()!
      thread.call = call
      thread.worker.ref()
      // Sent with its memory, which it must not share with anything then.
      const { input } = call
      const bytes = input.length === input.buffer.byteLength ? input : input.slice()
      const question: Question = { module: call.job.module, name: call.job.name, input: bytes }
      thread.worker.postMessage(question, [bytes.buffer as ArrayBuffer])
    }
  }

  private spawn(): Thread {
    const worker = new Worker(program, {
      eval: true,
      workerData: this.start,
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb: youngMebibytes }
    })
    const spawned: Thread = { worker, call: undefined }
    this.threads.add(spawned)
    worker.on("message", (answer: Answer) => this.answered(spawned, answer))
    worker.on("error", (error) => this.failed(spawned, error))
    return spawned
  }

  private answered(thread: Thread, answer: Answer): void {
    if (!this.threads.has(thread)) return
    if (answer.type === "traced") {
      if (answer.level === undefined) this.trace.mark(answer.name)
      else this.trace.emit(answer.level, answer.name, answer.fields)
      return
    }
    const call = thread.call
    thread.call = undefined
    thread.worker.unref()
    this.idle.push(thread)
    if (answer.type === "done") call?.resume(Effect.succeed(answer.output))
    else call?.resume(Effect.die(new Error(`a job died in its worker: ${answer.why}`)))
    this.next()
  }

  /** The thread itself broke. */
  private failed(thread: Thread, error: unknown): void {
    const call = thread.call
    this.end(thread)
    call?.resume(Effect.die(error))
    this.next()
  }

  private end(thread: Thread, done?: () => void): void {
    if (!this.threads.delete(thread)) return
    const idle = this.idle.indexOf(thread)
    if (idle >= 0) this.idle.splice(idle, 1)
    this.ending++
    void thread.worker.terminate().finally(() => {
      this.ending--
      done?.()
      if (this.onEnded === undefined) this.next()
      else if (this.ending === 0) this.onEnded()
    })
  }
}
