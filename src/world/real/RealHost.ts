/**
 * RealHost: the machine and the process, as far as a node may know them.
 *
 * Promises: a signal's default action (the end of the process) stays in force until somebody asks for signals, and comes
 * back when nobody does any more; figures respect what a container allows (cgroups); `exit` calls `options.exit` once, and
 * that one sees to it that nothing of the node runs afterwards.
 */
import * as os from "node:os"
import type { Host, Signal } from "../Host.ts"

type Service = Host["Service"]

export interface Options {
  readonly name: string
  /** Default: the microsecond of the wall clock at which the node starts, larger than any before it in this process. */
  readonly incarnation?: number | undefined
  /** Default: the process's own. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  readonly exit: (code: number) => void
}

/** The hosts of this process's nodes that somebody asked for signals. */
const interested = new Set<RealHost>()

const tellAll = (signal: Signal) => (): void => {
  for (const host of [...interested]) host.tell(signal)
}

/** One listener a signal for all nodes of the process. */
const listeners: ReadonlyArray<readonly [NodeJS.Signals, () => void]> = [
  ["SIGTERM", tellAll("terminate")],
  ["SIGINT", tellAll("interrupt")],
  ["SIGHUP", tellAll("reload")]
]

const setInterested = (host: RealHost, interest: boolean): void => {
  const before = interested.size
  if (interest) interested.add(host)
  else interested.delete(host)
  if (before === 0 && interested.size > 0) for (const [name, listener] of listeners) process.on(name, listener)
  if (before > 0 && interested.size === 0) for (const [name, listener] of listeners) process.off(name, listener)
}

/** What this process may use: the container's bound where there is one. */
const allowedMemoryBytes = (): number => {
  const totalBytes = os.totalmem()
  const constrainedBytes = process.constrainedMemory()
  return constrainedBytes > 0 && constrainedBytes < totalBytes ? constrainedBytes : totalBytes
}

let lastIncarnation = 0

/** Microseconds since 1970 are safe integers until the year 2255. */
const nextIncarnation = (): number => {
  lastIncarnation = Math.max(lastIncarnation + 1, Math.floor((performance.timeOrigin + performance.now()) * 1000))
  return lastIncarnation
}

/** The service itself; its methods are bound, so that they may be taken off it. */
export class RealHost implements Service {
  readonly name: string
  readonly incarnation: number
  readonly cores = os.availableParallelism()
  readonly memoryBytes = allowedMemoryBytes()
  private readonly variables: Readonly<Record<string, string | undefined>>
  private readonly end: (code: number) => void
  private readonly subscriptions = new Set<{ readonly handler: (signal: Signal) => void }>()
  private ended = false

  constructor(options: Options) {
    this.name = options.name
    this.incarnation = options.incarnation ?? nextIncarnation()
    this.variables = options.environment ?? process.env
    this.end = options.exit
  }

  readonly environment = (name: string): string | undefined => this.variables[name]

  readonly onSignal = (handler: (signal: Signal) => void): (() => void) => {
    const subscription = { handler }
    this.subscriptions.add(subscription)
    setInterested(this, true)
    return () => {
      this.subscriptions.delete(subscription)
      setInterested(this, this.subscriptions.size > 0)
    }
  }

  readonly exit = (code: number): void => {
    if (this.ended) return
    this.ended = true
    this.end(code)
  }

  /** Tells no more signals. */
  close(): void {
    this.subscriptions.clear()
    setInterested(this, false)
  }

  /** Hands a signal to whoever asked for signals. */
  tell(signal: Signal): void {
    for (const subscription of [...this.subscriptions]) {
      // An earlier handler may have ended this one's interest.
      if (this.subscriptions.has(subscription)) subscription.handler(signal)
    }
  }
}
