/**
 * Pool: runs tasks in worker processes and hands each outcome on as it comes. Workers fetch ahead a little, so none
 * waits for its neighbour. A worker that dies or hangs costs the one task that it was at: that is reported, the others
 * it held go back, and a new worker takes its place.
 */
import { type ChildProcess, fork } from "node:child_process"
import { getCompileCacheDir } from "node:module"
import { fileURLToPath } from "node:url"
import { SimulatorError } from "./CliError.ts"
import type { FromWorker, Shrunk, Summary, Task, ToWorker } from "./Protocol.ts"
import type { Overrides } from "./Request.ts"

export interface Place {
  /** The worker's file; in a copy of the tree, or in a bundle, another than ours. */
  readonly entry?: string
  /** The Node.js that runs it; default: ours. */
  readonly execPath?: string
}

export interface Options extends Place {
  readonly jobs: number
  /** All scenarios that any task names. */
  readonly scenarios: ReadonlyArray<string>
  readonly overrides: Overrides
  /** After this wall time the pool stops, tasks under way are dropped. */
  readonly budgetMillis?: number
  /** A task that takes longer is reported as lost. */
  readonly hangMillis?: number
  readonly signal?: AbortSignal
}

export type Report =
  | { readonly type: "done"; readonly task: Task; readonly summary: Summary }
  /** The process died or hung at this task. */
  | { readonly type: "lost"; readonly task: Task; readonly reason: string }

/** Why it ended. `stopped`: the listener said so. `gave up`: too many workers died. */
export type End = "finished" | "budget" | "interrupted" | "stopped" | "gave up"

/** A worker could not load the simulator or a scenario: nothing was run. */
export class LoadError extends SimulatorError {}

interface Slot {
  readonly child: ChildProcess
  ready: boolean
  /** In the order in which the worker does them. */
  readonly held: Array<Task>
  /** When the first of `held` was begun, in milliseconds of the process's clock. */
  since: number
  complaint: string
}

const fetchAhead = 3
const complaintCharactersMax = 4_000
const lostMax = 25
const defaultHangMillis = 120_000
const watchMillis = 250
const ownEntry = fileURLToPath(new URL("./Worker.ts", import.meta.url))

const spawn = (place: Place): ChildProcess =>
  fork(place.entry ?? ownEntry, [], {
    ...(place.execPath === undefined ? {} : { execPath: place.execPath }),
    execArgv: [],
    // Workers compile the same files again and again.
    env: { ...process.env, NODE_COMPILE_CACHE: getCompileCacheDir() },
    stdio: ["ignore", "ignore", "pipe", "ipc"]
  })

const tell = (child: ChildProcess, message: ToWorker): void => {
  if (child.connected) child.send(message)
}

/** What a pool tells of its tasks, and whether it goes on. */
export type Listen = (report: Report) => "stop" | void

/**
 * Runs `tasks` until they are done, the budget is over, `signal` fires, or `listen` returns `"stop"`. Rejects with
 * `LoadError` when a worker cannot load what it needs.
 */
export const run = (tasks: Iterator<Task>, options: Options, listen: Listen): Promise<End> =>
  new Promise((resolve, reject) => {
    new Running(tasks, options, listen, { resolve, reject }).start()
  })

class Running {
  private readonly tasks: Iterator<Task>
  private readonly options: Options
  private readonly listen: Listen
  private readonly settle: { readonly resolve: (end: End) => void; readonly reject: (error: SimulatorError) => void }
  private readonly hangMillis: number
  private readonly slots = new Set<Slot>()
  /** Held by workers that died. */
  private readonly returned: Array<Task> = []
  private exhausted = false
  private lost = 0
  private over = false
  private watch: NodeJS.Timeout | undefined
  private deadline: NodeJS.Timeout | undefined

  constructor(tasks: Iterator<Task>, options: Options, listen: Listen, settle: Running["settle"]) {
    this.tasks = tasks
    this.options = options
    this.listen = listen
    this.settle = settle
    this.hangMillis = options.hangMillis ?? defaultHangMillis
  }

  start(): void {
    const { budgetMillis, jobs, signal } = this.options
    if (signal?.aborted === true) return this.end("interrupted")
    signal?.addEventListener("abort", this.interrupt)
    this.watch = setInterval(() => this.findHung(), watchMillis)
    if (budgetMillis !== undefined) this.deadline = setTimeout(() => this.end("budget"), budgetMillis)
    for (let job = 0; job < jobs; job++) this.open()
  }

  private readonly interrupt = (): void => this.end("interrupted")

  private end(reason: End): void {
    if (this.close()) this.settle.resolve(reason)
  }

  private fail(error: SimulatorError): void {
    if (this.close()) this.settle.reject(error)
  }

  /** False: it was closed before. */
  private close(): boolean {
    if (this.over) return false
    this.over = true
    clearInterval(this.watch)
    clearTimeout(this.deadline)
    this.options.signal?.removeEventListener("abort", this.interrupt)
    for (const { child } of this.slots) child.kill("SIGKILL")
    return true
  }

  private tell(report: Report): void {
    if (!this.over && this.listen(report) === "stop") this.end("stopped")
  }

  private open(): void {
    if (this.over) return
    const slot: Slot = { child: spawn(this.options), ready: false, held: [], since: performance.now(), complaint: "" }
    this.slots.add(slot)
    slot.child.stderr?.on("data", (chunk: Buffer) => {
      slot.complaint = (slot.complaint + chunk.toString("utf8")).slice(-complaintCharactersMax)
    })
    slot.child.on("message", (message: FromWorker) => this.hear(slot, message))
    slot.child.on("error", (error) => this.bury(slot, error.message))
    slot.child.on("close", (code, signal) =>
      this.bury(slot, signal === null ? `the worker ended with code ${code}` : `the worker was ended by ${signal}`)
    )
    const { overrides, scenarios } = this.options
    tell(slot.child, { type: "load", scenarios, overrides })
  }

  private next(): Task | undefined {
    const again = this.returned.shift()
    if (again !== undefined || this.exhausted) return again
    const step = this.tasks.next()
    this.exhausted = step.done === true
    return step.done === true ? undefined : step.value
  }

  private feed(slot: Slot): void {
    if (this.over || !slot.ready) return
    const more: Array<Task> = []
    while (slot.held.length < fetchAhead) {
      const task = this.next()
      if (task === undefined) break
      if (slot.held.length === 0) slot.since = performance.now()
      slot.held.push(task)
      more.push(task)
    }
    if (more.length > 0) tell(slot.child, { type: "run", tasks: more })
    const idle = [...this.slots].every((one) => one.held.length === 0)
    if (idle && this.exhausted && this.returned.length === 0) this.end("finished")
  }

  private hear(slot: Slot, message: FromWorker): void {
    if (this.over) return
    if (message.type === "ready") {
      slot.ready = true
      this.feed(slot)
    } else if (message.type === "done") {
      const task = slot.held.shift()
      if (task?.index !== message.index)
        return this.fail(new SimulatorError({ message: "A worker answered out of order." }))
      slot.since = performance.now()
      this.tell({ type: "done", task, summary: message.summary })
      this.feed(slot)
    } else if (message.type === "broken") {
      if (!slot.ready) return this.fail(new LoadError({ message: message.message }))
      slot.complaint = message.message
      slot.child.kill("SIGKILL")
    }
  }

  /** A worker is gone: its first task is lost, the others go back. */
  private bury(slot: Slot, how: string): void {
    if (!this.slots.delete(slot) || this.over) return
    const words = slot.complaint.trim()
    const reason = words === "" ? how : `${how}: ${words}`
    if (!slot.ready) return this.fail(new LoadError({ message: reason }))
    const [culprit, ...others] = slot.held
    this.returned.unshift(...others)
    if (culprit !== undefined) this.tell({ type: "lost", task: culprit, reason })
    this.lost += 1
    if (this.lost >= lostMax) this.end("gave up")
    else this.open()
  }

  private findHung(): void {
    for (const slot of this.slots) {
      if (slot.held.length === 0 || performance.now() - slot.since < this.hangMillis) continue
      slot.complaint = ""
      slot.child.kill("SIGKILL")
      this.bury(slot, `no result within ${this.hangMillis / 1_000} s`)
    }
  }
}

/** Shrinks one failing run in a process of its own; rejects with `SimulatorError` when that does not end well. */
export const shrink = (
  task: Task,
  options: Place & { readonly overrides: Overrides; readonly budgetMillis: number }
): Promise<Shrunk> =>
  new Promise((resolve, reject) => {
    const child = spawn(options)
    let complaint = ""
    const timer = setTimeout(() => child.kill("SIGKILL"), options.budgetMillis * 2 + 30_000)
    child.stderr?.on("data", (chunk: Buffer) => {
      complaint = (complaint + chunk.toString("utf8")).slice(-complaintCharactersMax)
    })
    child.on("message", (message: FromWorker) => {
      if (message.type === "ready") tell(child, { type: "shrink", task, budgetMillis: options.budgetMillis })
      if (message.type === "shrunk") resolve(message.shrunk)
      if (message.type === "broken") complaint = message.message
      if (message.type === "shrunk" || message.type === "broken") child.kill("SIGKILL")
    })
    child.on("close", () => {
      clearTimeout(timer)
      reject(new SimulatorError({ message: `Shrinking ended without a result. ${complaint.trim()}` }))
    })
    tell(child, { type: "load", scenarios: [task.scenario], overrides: options.overrides })
  })
