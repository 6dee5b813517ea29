/**
 * Executor: runs commands, one after the other, each as a whole: finds it, checks that it may run, queues it in a MULTI, and turns what a handler
 * refuses into an error reply.
 */
import type { Engine } from "#database/redis/Engine.ts"
import { Call, type Handler } from "./Call.ts"
import type { Client } from "./Client.ts"
import * as CommandTable from "./CommandTable.ts"
import { Refusal, wrongArity } from "./Refusal.ts"

/** A command that can be run, and what it has cost so far. */
export interface Runnable {
  readonly command: CommandTable.Command
  readonly handler: Handler
  calls: number
  failed: number
}

const spelled = (argv: ReadonlyArray<string>): string =>
  argv
    .slice(1)
    .map((argument) => `'${argument.slice(0, 128)}' `)
    .join("")
    .slice(0, 128)

const unknownCommand = (argv: ReadonlyArray<string>): string =>
  `ERR unknown command '${argv[0].slice(0, 128)}', with args beginning with: ${spelled(argv)}`

const unknownSubcommand = (container: string, name: string): string =>
  `ERR unknown subcommand '${name.slice(0, 128)}'. Try ${container.toUpperCase()} HELP.`

/** Run within a MULTI, and not queued. */
const immediate = new Set(["exec", "discard", "multi", "watch", "quit", "reset"])

const isRefusal = (thrown: unknown): thrown is Refusal => thrown instanceof Refusal

export class Executor {
  readonly engine: Engine
  /** By whole names in small letters, and as they were spelled so far. */
  private readonly runnables = new Map<string, Runnable>()
  private readonly handlers: ReadonlyMap<string, Handler>
  private readonly call: Call

  constructor(engine: Engine, handlers: ReadonlyMap<string, Handler>) {
    this.engine = engine
    this.handlers = handlers
    this.call = new Call(engine)
  }

  /** Runs a command for a client; its reply, if it has one already, is in the client's output. */
  execute(client: Client, argv: ReadonlyArray<string>): void {
    const runnable = this.runnables.get(argv[0]) ?? this.find(argv)
    if (typeof runnable === "string") return this.refuse(client, runnable)
    const { command } = runnable
    if (!CommandTable.fits(command, argv.length)) return this.refuse(client, wrongArity(command.name).text)
    if (client.multi !== undefined && !immediate.has(command.name)) {
      client.multi.queue.push({ argv })
      client.out.simple("QUEUED")
      return
    }
    this.run(client, runnable, argv)
    this.engine.settle()
  }

  /** Runs what a MULTI has queued; nobody is served between. */
  executeQueued(client: Client, queue: ReadonlyArray<ReadonlyArray<string>>): void {
    this.call.isInMulti = true
    for (const argv of queue) {
      const runnable = this.find(argv)
      if (typeof runnable === "string") client.out.error(runnable)
      else this.run(client, runnable, argv)
    }
    this.call.isInMulti = false
  }

  private run(client: Client, runnable: Runnable, argv: ReadonlyArray<string>): void {
    const { call } = this
    const { out } = client
    const mark = out.mark()
    runnable.calls += 1
    call.fill(client, argv)
    try {
      runnable.handler(call)
    } catch (thrown) {
      if (!isRefusal(thrown)) throw thrown
      runnable.failed += 1
      out.rewind(mark)
      out.error(thrown.text)
    }
  }

  /** An error before anything was run. */
  private refuse(client: Client, text: string): void {
    if (client.multi !== undefined) client.multi.isAborted = true
    client.out.error(text)
  }

  /** What is to be run; a text: why there is nothing. */
  private find(argv: ReadonlyArray<string>): Runnable | string {
    const name = argv[0].toLowerCase()
    const container = CommandTable.commands.get(name)
    if (container === undefined) return unknownCommand(argv)
    if (container.subcommands.size === 0 || argv.length < 2) return this.runnable(container, argv[0])
    const subcommand = container.subcommands.get(argv[1].toLowerCase())
    return subcommand === undefined ? unknownSubcommand(name, argv[1]) : this.runnable(subcommand, undefined)
  }

  private runnable(command: CommandTable.Command, spelling: string | undefined): Runnable | string {
    let runnable = this.runnables.get(command.name)
    if (runnable === undefined) {
      const handler = this.handlers.get(command.name)
      if (handler === undefined) return `ERR '${command.name}' is not supported yet`
      runnable = { command, handler, calls: 0, failed: 0 }
      this.runnables.set(command.name, runnable)
    }
    // A name has few spellings in use; one with subcommands is looked for each time.
    if (spelling !== undefined && command.subcommands.size === 0) this.runnables.set(spelling, runnable)
    return runnable
  }
}
