/**
 * RealTrace: events of production as lines on standard error, and coverage marks as counters.
 *
 * Promises: `emit` costs a call and a line's text; the lines of a turn of the event loop are written together. Nothing is lost
 * when the process ends, by `exit` or by an uncaught error; an error is written at once all the same, since whoever looks
 * at it may look at a process that hangs. A standard error that nobody reads any more is not a fault of the node: what
 * cannot be written is dropped.
 *
 * Sampling keeps the first of every `sampleEvery` events of a name, below the level `warn`; the line says how many it
 * stands for. Warnings and errors are never sampled.
 *
 * Formats: `json`, an object a line, `{"time", "level", "node", "event", "count"?, "fields"?}`; `pretty`, for people,
 * coloured on a terminal. Default: `pretty` on a terminal, `json` elsewhere.
 */
import type { Fields, Level, Trace } from "../Trace.ts"

export interface Options {
  readonly format?: "json" | "pretty" | undefined
  /** Events below are dropped. Default: `info`. */
  readonly levelMin?: Level | undefined
  /** Default: 1, every event. */
  readonly sampleEvery?: number | undefined
  /** Where lines go, each with its line feed. Default: standard error. */
  readonly write?: ((lines: string) => void) | undefined
}

const ranks: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/** Terminal colours: grey, plain, yellow, red. */
const colours: ReadonlyArray<string> = ["\x1b[90m", "", "\x1b[33m", "\x1b[31m"]

/** Text kept for the end of the turn before it is written at once: a turn that emits more than this is in trouble and must be seen. */
const pendingCharactersMax = 65_536

let standardErrorIsSafe = false

const writeToStandardError = (lines: string): void => {
  if (!standardErrorIsSafe) {
    standardErrorIsSafe = true
    // Without a listener the error of a closed pipe would end the process.
    process.stderr.on("error", () => {})
  }
  process.stderr.write(lines)
}

/** The traces of this process's nodes, flushed when it exits: one listener for all. */
const traces = new Set<RealTrace>()

const flushAll = (): void => {
  for (const trace of traces) trace.flush()
}

export class RealTrace {
  /** How often each mark was reached. */
  readonly marks = new Map<string, number>()
  private readonly node: string
  private readonly rankMin: number
  private readonly sampleEvery: number
  private readonly line: (rank: number, level: Level, name: string, count: number, fields: Fields | undefined) => string
  private readonly write: (lines: string) => void
  /** Events of each name since it was last written, for sampling. Names are identifiers in the source, so few. */
  private readonly skipped = new Map<string, number>()
  private pending = ""
  private scheduled: NodeJS.Immediate | undefined
  private closed = false

  constructor(node: string, options: Options = {}) {
    const isTerminal = options.write === undefined && process.stderr.isTTY === true
    this.node = node
    this.rankMin = ranks[options.levelMin ?? "info"]
    this.sampleEvery = Math.max(1, options.sampleEvery ?? 1)
    this.write = options.write ?? writeToStandardError
    const isPretty = (options.format ?? (isTerminal ? "pretty" : "json")) === "pretty"
    this.line = isPretty ? this.prettyLine(isTerminal) : this.jsonLine
    if (traces.size === 0) process.on("exit", flushAll)
    traces.add(this)
  }

  readonly service: Trace["Service"] = {
    emit: (level, name, fields) => {
      const rank = ranks[level]
      if (rank < this.rankMin || this.closed) return
      const count = rank < ranks.warn ? this.sample(name) : 1
      if (count === 0) return
      this.pending += this.line(rank, level, name, count, fields)
      if (rank === ranks.error || this.pending.length > pendingCharactersMax) this.flush()
      else this.scheduled ??= setImmediate(this.flush)
    },
    mark: (name) => {
      this.marks.set(name, (this.marks.get(name) ?? 0) + 1)
    }
  }

  /** Writes what is pending, and drops what is emitted afterwards. */
  close(): void {
    this.flush()
    this.closed = true
    if (traces.delete(this) && traces.size === 0) process.off("exit", flushAll)
  }

  /** Writes what is pending. */
  readonly flush = (): void => {
    if (this.scheduled !== undefined) clearImmediate(this.scheduled)
    this.scheduled = undefined
    if (this.pending === "") return
    const lines = this.pending
    this.pending = ""
    this.write(lines)
  }

  /** How many events this one stands for; 0: it is not written. */
  private sample(name: string): number {
    if (this.sampleEvery === 1) return 1
    const skipped = this.skipped.get(name)
    if (skipped !== undefined && skipped + 1 < this.sampleEvery) {
      this.skipped.set(name, skipped + 1)
      return 0
    }
    this.skipped.set(name, 0)
    return (skipped ?? 0) + 1
  }

  private readonly jsonLine = (
    _: number,
    level: Level,
    name: string,
    count: number,
    fields: Fields | undefined
  ): string =>
    JSON.stringify({
      time: new Date().toISOString(),
      level,
      node: this.node,
      event: name,
      count: count === 1 ? undefined : count,
      fields
    }) + "\n"

  private prettyLine(coloured: boolean) {
    return (rank: number, level: Level, name: string, count: number, fields: Fields | undefined): string => {
      let text = `${new Date().toISOString().slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${this.node} ${name}`
      if (count > 1) text += ` (${count} times)`
      for (const field in fields) text += ` ${field}=${prettyValue(fields[field])}`
      return coloured && colours[rank] !== "" ? `${colours[rank]}${text}\x1b[0m\n` : `${text}\n`
    }
  }
}

/** Text with anything but plain characters is quoted: no value can break a line, or pretend to be another field. */
const prettyValue = (value: string | number | boolean): string =>
  typeof value === "string" && !/^[\w.:/@+-]+$/.test(value) ? JSON.stringify(value) : String(value)
