/**
 * Pool: runs tasks in worker processes and hands each outcome on as it comes. Workers fetch ahead a little, so none
 * waits for its neighbour. A worker that dies or hangs costs the one task that it was at: that is reported, the others
 * it held go back, and a new worker takes its place.
 */
import { type ChildProcess, fork } from "node:child_process"
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
const ownEntry = fileURLToPath(new URL("./Worker.ts", import.meta.url))

const spawn = (place: Place): ChildProcess =>
  fork(place.entry ?? ownEntry, [], {
    ...(place.execPath === undefined ? {} : { execPath: place.execPath }),
    execArgv: ["--disable-warning=ExperimentalWarning"],
    stdio: ["ignore", "ignore", "pipe", "ipc"]
  })

const tell = (child: ChildProcess, message: ToWorker): void => {
  if (child.connected) child.send(message)
}

/**
 * Runs `tasks` until they are done, the budget is over, `signal` fires, or `listen` returns `"stop"`. Rejects with
 * `LoadError` when a worker cannot load what it needs.
 */
export const run = (tasks: Iterator<Task>, options: Options, listen: (report: Report) => "stop" | void): Promise<End> =>
  new Promise((resolve, reject) => {
    const slots = new Set<Slot>()
    const returned: Array<Task> = []
    let exhausted = false
    let lost = 0
    let over = false

    const next = (): Task | undefined => {
      const again = returned.shift()
      if (again !== undefined || exhausted) return again
      const step = tasks.next()
      exhausted = step.done === true
      return step.done === true ? undefined : step.value
    }

    const finish = (settle: () => void): void => {
      if (over) return
      over = true
      clearInterval(watch)
      clearTimeout(deadline)
      options.signal?.removeEventListener("abort", interrupt)
      for (const { child } of slots) child.kill("SIGKILL")
      settle()
    }
    const end = (reason: End): void => finish(() => resolve(reason))
    const fail = (error: SimulatorError): void => finish(() => reject(error))
    const interrupt = (): void => end("interrupted")

    const tellOn = (report: Report): void => {
      if (!over && listen(report) === "stop") end("stopped")
    }

    const feed = (slot: Slot): void => {
      if (over || !slot.ready) return
      const more: Array<Task> = []
      while (slot.held.length < fetchAhead) {
        const task = next()
        if (task === undefined) break
        if (slot.held.length === 0) slot.since = performance.now()
        slot.held.push(task)
        more.push(task)
      }
      if (more.length > 0) tell(slot.child, { type: "run", tasks: more })
      if (exhausted && returned.length === 0 && [...slots].every((one) => one.held.length === 0)) end("finished")
    }

    const hear = (slot: Slot, message: FromWorker): void => {
      if (over) return
      if (message.type === "ready") {
        slot.ready = true
        feed(slot)
      } else if (message.type === "done") {
        const task = slot.held.shift()
        if (task === undefined || task.index !== message.index)
          return fail(new SimulatorError({ message: "A worker answered out of order." }))
        slot.since = performance.now()
        tellOn({ type: "done", task, summary: message.summary })
        feed(slot)
      } else if (message.type === "broken") {
        if (slot.ready) slot.complaint = message.message
        else fail(new LoadError({ message: message.message }))
        slot.child.kill("SIGKILL")
      }
    }

    const bury = (slot: Slot, how: string): void => {
      if (!slots.delete(slot) || over) return
      const reason = slot.complaint.trim() === "" ? how : `${how}: ${slot.complaint.trim()}`
      if (!slot.ready) return fail(new LoadError({ message: reason }))
      const [culprit, ...others] = slot.held
      returned.unshift(...others)
      if (culprit !== undefined) tellOn({ type: "lost", task: culprit, reason })
      lost += 1
      if (lost >= lostMax) end("gave up")
      else open()
    }

    const open = (): void => {
      if (over) return
      const slot: Slot = { child: spawn(options), ready: false, held: [], since: performance.now(), complaint: "" }
      slots.add(slot)
      slot.child.stderr?.on("data", (chunk: Buffer) => {
        slot.complaint = (slot.complaint + chunk.toString("utf8")).slice(-complaintCharactersMax)
      })
      slot.child.on("message", (message: FromWorker) => hear(slot, message))
      slot.child.on("error", (error) => bury(slot, error.message))
      slot.child.on("close", (code, signal) =>
        bury(slot, signal === null ? `the worker ended with code ${code}` : `the worker was ended by ${signal}`)
      )
      tell(slot.child, { type: "load", scenarios: options.scenarios, overrides: options.overrides })
    }

    const hangMillis = options.hangMillis ?? defaultHangMillis
    const watch = setInterval(() => {
      for (const slot of slots) {
        if (slot.held.length === 0 || performance.now() - slot.since < hangMillis) continue
        slot.complaint = ""
        slot.child.kill("SIGKILL")
        bury(slot, `no result within ${hangMillis / 1_000} s`)
      }
    }, 250)
    const deadline =
      options.budgetMillis === undefined ? undefined : setTimeout(() => end("budget"), options.budgetMillis)
    options.signal?.addEventListener("abort", interrupt)
    if (options.signal?.aborted === true) return interrupt()
    for (let index = 0; index < options.jobs; index++) open()
  })

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
