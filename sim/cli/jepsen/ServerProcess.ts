/**
 * ServerProcess: one node as a process of this machine: started, killed, stopped, paused, and started again on the same directory. What it logs is kept
 * in one file over all its lives, and told line by line.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { appendFileSync } from "node:fs"
import { createInterface } from "node:readline"
import type { Fields, Level } from "#world/Trace.ts"

/** A line of its log. */
export interface Logged {
  readonly level: Level
  readonly event: string
  readonly fields: Fields
}

export interface Hooks {
  readonly logged: (line: Logged) => void
  readonly changed: (change: "start" | "stop" | "crash" | "pause" | "resume" | "exit", detail: string) => void
  /** It ended, and nobody had asked it to. */
  readonly died: (detail: string) => void
}

export interface Options {
  /** The program's file. */
  readonly main: string
  readonly argv: ReadonlyArray<string>
  readonly environment: Readonly<Record<string, string>>
  readonly logFile: string
}

const readyEvent = "server/ready"
/** A process that was asked to stop and has not by then is killed. */
const stopMillisMax = 15_000
const levels: ReadonlyArray<string> = ["debug", "info", "warn", "error"]

const parse = (line: string): Logged | undefined => {
  try {
    const { event, fields = {}, level } = JSON.parse(line) as Record<string, unknown>
    if (typeof event !== "string" || !levels.includes(String(level))) return undefined
    return { level: level as Level, event, fields: fields as Fields }
  } catch {
    return undefined
  }
}

export class ServerProcess {
  private readonly options: Options
  private readonly hooks: Hooks
  private child: ChildProcess | undefined
  private isAsked = false
  private over: Promise<void> = Promise.resolve()
  /** Settles at its next "ready", or when it ends before. */
  private becomesReady: (isReady: boolean) => void = () => {}
  isPaused = false

  constructor(options: Options, hooks: Hooks) {
    this.options = options
    this.hooks = hooks
  }

  get isRunning(): boolean {
    return this.child !== undefined
  }

  /** Begins another life, if it has none; true once it serves, false if it ended before. */
  start(): Promise<boolean> {
    if (this.child !== undefined) return Promise.resolve(true)
    const { argv, environment, logFile, main } = this.options
    this.becomesReady(false)
    const ready = new Promise<boolean>((resolve) => {
      this.becomesReady = resolve
    })
    const { becomesReady } = this
    const child = spawn(process.execPath, ["--max-semi-space-size=32", main, ...argv], {
      env: { ...process.env, ...environment },
      // Ctrl-C is for the harness, which ends its children itself.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"]
    })
    this.child = child
    this.isAsked = false
    this.isPaused = false
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        appendFileSync(logFile, `${line}\n`)
        const logged = parse(line)
        if (logged?.event === readyEvent) becomesReady(true)
        if (logged !== undefined) this.hooks.logged(logged)
      })
    }
    this.over = new Promise((resolve) => {
      child.on("error", (error) => {
        appendFileSync(logFile, `${error.message}\n`)
        resolve()
      })
      child.on("close", (code, signal) => {
        const end = `ended: ${code ?? signal}`
        appendFileSync(logFile, `process ${child.pid} ${end}\n`)
        const wasAsked = this.isAsked
        if (this.child === child) this.child = undefined
        becomesReady(false)
        if (!wasAsked) {
          this.hooks.changed("exit", end)
          this.hooks.died(end)
        }
        resolve()
      })
    })
    this.hooks.changed("start", `process ${child.pid}`)
    return ready
  }

  /** As `kill -9` does; resolves when it is gone. */
  kill(): Promise<void> {
    this.signal("SIGKILL", "crash")
    return this.over
  }

  /** As a service manager does: asks, and kills in the end. */
  async stop(): Promise<void> {
    if (!this.isRunning) return
    this.resume()
    this.signal("SIGTERM", "stop")
    const { child } = this
    const timer = setTimeout(() => child?.kill("SIGKILL"), stopMillisMax)
    await this.over
    clearTimeout(timer)
  }

  pause(): void {
    if (!this.isRunning || this.isPaused) return
    this.isPaused = true
    this.child!.kill("SIGSTOP")
    this.hooks.changed("pause", "SIGSTOP")
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    if (this.child?.kill("SIGCONT") === true) this.hooks.changed("resume", "SIGCONT")
  }

  /** From where nothing can be waited for. */
  abandon(): void {
    this.isAsked = true
    this.child?.kill("SIGKILL")
  }

  private signal(signal: "SIGKILL" | "SIGTERM", change: "crash" | "stop"): void {
    if (this.child === undefined) return
    this.isAsked = true
    this.child.kill(signal)
    this.hooks.changed(change, signal)
  }
}
