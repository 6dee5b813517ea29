/**
 * Executor: runs commands, one after the other, each as a whole: finds it, checks that it may run, queues it in a MULTI, and turns what a handler
 * refuses into an error reply. The order of the checks is that of Redis (`processCommand`).
 */
import * as Limits from "#base/Limits.ts"
import type { Engine } from "#database/redis/Engine.ts"
import { Call, type Handler } from "./Call.ts"
import type { Client, Multi } from "./Client.ts"
import * as CommandKeys from "./CommandKeys.ts"
import * as CommandTable from "./CommandTable.ts"
import { Dispatch } from "./Dispatch.ts"
import * as Monitor from "./Monitor.ts"
import * as OwnCommands from "./OwnCommands.ts"
import { Refusal, wrongArity } from "./Refusal.ts"
import * as Secrets from "./Secrets.ts"
import { Server } from "./Server.ts"
import { CommandUse } from "./Stopwatch.ts"

/** A command that can be run, and what it has cost so far. */
class Runnable extends CommandUse {
  readonly command: CommandTable.Command
  readonly handler: Handler
  /** It takes longer the more there is, or waits: it is measured alone. */
  readonly mayBeSlow: boolean

  constructor(command: CommandTable.Command, handler: Handler) {
    super()
    this.command = command
    this.handler = handler
    this.mayBeSlow = ((command.flags & fast) === 0 && command.name !== "set") || (command.flags & blocking) !== 0
  }
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

/** What a client of protocol 2 may say while it listens to channels. */
const ofListeners = new Set([
  "ping",
  "subscribe",
  "ssubscribe",
  "psubscribe",
  "unsubscribe",
  "sunsubscribe",
  "punsubscribe",
  "quit",
  "reset"
])

/** What a browser says that was led here to make requests of somebody else's choice. */
const ofBrowsers = new Set(["post", "host:"])

const {
  blocking,
  denyoom,
  fast,
  loading,
  no_auth: noAuth,
  no_multi: noMulti,
  readonly,
  skip_slowlog: skipSlowlog,
  write
} = CommandTable.Flag

const noData = "LOADING Redis is loading the dataset in memory"
const deniedKeys = "NOPERM this user has no permissions to access one of the keys used as arguments"
const deniedChannels = "NOPERM this user has no permissions to access one of the channels used as arguments"

/** The reply that is skipped is that of the command after the one that asked for it. */
const beginSkipping = (client: Client): void => {
  if (client.replyMode === "skip") client.replyMode = "skipping"
}

const isRefusal = (thrown: unknown): thrown is Refusal => thrown instanceof Refusal

export class Executor {
  readonly engine: Engine
  readonly server: Server
  /** By whole names in small letters. */
  private readonly runnables = new Map<string, Runnable>()
  /** Those without subcommands, as they are usually spelled. */
  private readonly spellings = new Map<string, Runnable>()
  private readonly handlers: ReadonlyMap<string, Handler>
  private readonly call: Call
  private readonly dispatch: Dispatch

  constructor(engine: Engine, handlers: ReadonlyMap<string, Handler>, server: Server = new Server(engine)) {
    this.engine = engine
    this.server = server
    this.handlers = handlers
    this.call = new Call(server)
    this.dispatch = new Dispatch({
      server,
      refuse: (client, command, text) => this.refuse(client, this.runnables.get(command.name), text),
      find: (argv) => this.commandOf(argv),
      denialOf: (client, command, argv) => this.denialOf(client, command, argv)
    })
    server.usedCommands = () => this.used
    server.runQueued = (client, queue) => this.executeQueued(client, queue)
  }

  /** Runs a command for a client; its reply, if it has one already, is in the client's output. False: not now, but when `Server.resumed` says so. */
  execute(client: Client, argv: ReadonlyArray<string>): boolean {
    if (client.replyMode !== "on") return this.answerSilently(client, argv)
    const isDone = this.answer(client, argv)
    beginSkipping(client)
    return isDone
  }

  /** Commands that were run so far, with what they have cost. */
  get used(): ReadonlyArray<Runnable> {
    return [...this.runnables.values()]
  }

  private answer(client: Client, argv: ReadonlyArray<string>): boolean {
    const runnable = this.spellings.get(argv[0]) ?? this.find(argv)
    if (typeof runnable === "string") {
      if (ofBrowsers.has(argv[0].toLowerCase())) client.port?.kill()
      else this.refuse(client, undefined, runnable)
      return true
    }
    const { command } = runnable
    const { server } = this
    const problem = CommandTable.fits(command, argv.length)
      ? this.problemOf(client, command, argv)
      : wrongArity(command.name).text
    if (problem !== undefined) {
      // Who was broken off is told nothing any more.
      if (!client.isClosing) this.refuse(client, runnable, problem)
      return true
    }
    if (server.pause.until !== 0 && this.isPaused(client, command, argv)) return false
    if (server.shards !== undefined) {
      const isQueued = client.multi !== undefined && !immediate.has(command.name)
      const step = this.dispatch.step(server.shards, client, command, argv, isQueued)
      if (step !== "here") return step === "done"
    }
    client.lastCommand = command.name
    server.counts.commands += 1
    this.start(client, runnable, argv)
    return true
  }

  private answerSilently(client: Client, argv: ReadonlyArray<string>): boolean {
    const { replies } = client
    const isSkipped = client.replyMode === "skipping"
    const isDone = this.answer(client, argv)
    if (replies !== client.out) replies.rewind(0)
    if (isDone && isSkipped && client.replyMode === "skipping") client.replyMode = "on"
    beginSkipping(client)
    return isDone
  }

  private start(client: Client, runnable: Runnable, argv: ReadonlyArray<string>): void {
    const { server } = this
    if (client.multi !== undefined && !immediate.has(runnable.command.name)) {
      this.queue(client.multi, runnable.command, argv)
      client.replies.simple("QUEUED")
      return
    }
    server.current = client
    this.perform(client, runnable, argv)
    server.current = undefined
    this.engine.settle()
    if (server.tracking.clients.size > 0) this.settleTracking(client, runnable.command)
  }

  private settleTracking(client: Client, command: CommandTable.Command): void {
    const { tracking } = client
    if (tracking !== undefined && client.multi === undefined && !command.name.startsWith("client|")) {
      tracking.isCaching = false
    }
    this.server.tracking.settle()
  }

  /** Runs what a MULTI has queued, or one command that may wait; nobody is served between. */
  executeQueued(client: Client, queue: ReadonlyArray<ReadonlyArray<string>>, isInMulti = true): void {
    this.call.isInMulti = isInMulti
    for (const argv of queue) {
      const runnable = this.find(argv)
      const problem = typeof runnable === "string" ? runnable : this.denialOf(client, runnable.command, argv)
      if (problem === undefined) this.perform(client, runnable as Runnable, argv)
      else {
        client.replies.error(problem)
        this.server.countError(problem)
      }
    }
    this.call.isInMulti = false
  }

  /** The turn is over: nothing more is measured. */
  rest(): void {
    this.server.stopwatch.rest()
  }

  /** Runs a command, and measures it. */
  private perform(client: Client, runnable: Runnable, argv: ReadonlyArray<string>): void {
    const { slowlog, stopwatch } = this.server
    if (!runnable.mayBeSlow && !slowlog.isFine) {
      stopwatch.begin(runnable)
      return this.run(client, runnable, argv)
    }
    const fromMicros = stopwatch.end()
    this.run(client, runnable, argv)
    const { blocked } = client
    const micros = Math.max(0, stopwatch.end() - fromMicros)
    if (blocked === undefined) this.measured(client, runnable, argv, micros, micros)
    else blocked.finished = (isError) => this.finished(client, runnable, argv, fromMicros, isError)
  }

  /** A command took so long, and so long of that it was busy. */
  private measured(
    client: Client,
    use: Runnable,
    argv: ReadonlyArray<string>,
    micros: number,
    busyMicros: number
  ): void {
    const { engine, server } = this
    const { latency, slowlog, stopwatch } = server
    stopwatch.note(use, micros, 1)
    const { command } = use
    if ((command.flags & skipSlowlog) !== 0) return
    if (slowlog.takes(busyMicros)) {
      const { address, name } = client
      slowlog.note(Secrets.hidden(command, argv), busyMicros, { address, name, atMillis: engine.now })
    }
    latency.note((command.flags & fast) === 0 ? "command" : "fast-command", Math.floor(busyMicros / 1_000), engine.now)
  }

  /** A command that has waited has its reply. */
  private finished(client: Client, use: Runnable, argv: ReadonlyArray<string>, from: number, isError: boolean): void {
    use.calls += 1
    if (isError) use.failed += 1
    const micros = Math.max(0, this.server.stopwatch.nowMicros() - from)
    this.measured(client, use, argv, micros, client.blocked?.isBusy === true ? micros : 0)
  }

  private run(client: Client, runnable: Runnable, argv: ReadonlyArray<string>): void {
    const { call, server } = this
    const { replies: out } = client
    const { command } = runnable
    const mark = out.mark()
    call.fill(client, argv)
    try {
      runnable.handler(call)
      if (client.tracking !== undefined && (command.flags & readonly) !== 0) {
        server.tracking.remember(
          client,
          CommandKeys.places(command, argv).map((at) => argv[at])
        )
      }
    } catch (thrown) {
      if (!isRefusal(thrown)) throw thrown
      runnable.failed += 1
      out.rewind(mark)
      out.error(thrown.text)
      server.countError(thrown.text)
    }
    // What waits is counted when it has its reply.
    if (client.blocked === undefined) runnable.calls += 1
    if (server.monitors.size > 0) Monitor.feed(server, client, command, argv)
  }

  /** Why a command that exists, with as many arguments as it wants, may not run. */
  private problemOf(client: Client, command: CommandTable.Command, argv: ReadonlyArray<string>): string | undefined {
    const { flags, name } = command
    if (!client.isAuthenticated && (flags & noAuth) === 0) return "NOAUTH Authentication required."
    if (client.multi !== undefined && (flags & noMulti) !== 0) return "ERR Command not allowed inside a transaction"
    const denied = this.denialOf(client, command, argv)
    if (denied !== undefined) return denied
    const { memory } = this.server
    if ((memory.isLimited || memory.isFull) && !this.hasMemory(client, command, argv)) return memory.refusal
    if (client.isSubscribed && client.out.protocol === 2 && !ofListeners.has(name)) {
      return `ERR Can't execute '${name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`
    }
    // What a MULTI has queued came while there was data. Of several nodes each key has one, which says so itself.
    const { isReady, shards } = this.server
    if (!isReady && shards === undefined && ((flags & loading) === 0 || name === "exec")) return noData
    return undefined
  }

  private queue(multi: Multi, command: CommandTable.Command, argv: ReadonlyArray<string>): void {
    multi.queue.push(argv)
    if ((command.flags & denyoom) !== 0) multi.takesMemory = true
    for (const argument of argv) multi.sizeBytes += argument.length + Limits.respArgumentBytes
  }

  /** Others make room for what the command may need. False: they cannot, or the client itself had to go. */
  private hasMemory(client: Client, command: CommandTable.Command, argv: ReadonlyArray<string>): boolean {
    const { multi } = client
    const { flags, name } = command
    const { memory, shards } = this.server
    if (memory.isLimited) {
      memory.count(client)
      memory.evictClients()
    }
    if (client.isClosing) return false
    // What another node keeps takes nothing here.
    if (shards !== undefined && this.dispatch.isAway(shards, client, command, argv)) return true
    const isRefused = this.server.isOutOfMemory()
    // What is queued takes memory, too.
    const isQueued = multi !== undefined && !immediate.has(name)
    const takesMemory = (flags & denyoom) !== 0 || (name === "exec" && multi?.takesMemory === true)
    return !isRefused || !(isQueued || takesMemory)
  }

  private denialOf(client: Client, command: CommandTable.Command, argv: ReadonlyArray<string>): string | undefined {
    const { user } = client
    if (user.isUnlimited || (command.flags & noAuth) !== 0) return undefined
    const denial = user.denial(command, argv)
    if (denial === undefined) return undefined
    const context = client.multi !== undefined || this.call.isInMulti ? "multi" : "toplevel"
    this.server.aclLog.add(denial, client, context, this.engine.now)
    if (denial.reason === "key") return deniedKeys
    if (denial.reason === "channel") return deniedChannels
    return `NOPERM this user has no permissions to run the '${denial.object}' command`
  }

  /** CLIENT PAUSE holds it up. */
  private isPaused(client: Client, command: CommandTable.Command, argv: ReadonlyArray<string>): boolean {
    const { pause } = this.server
    if (this.engine.now >= pause.until) {
      pause.until = 0
      return false
    }
    if (pause.isAll) return true
    if (command.name === "exec") return client.multi?.queue.some((argv) => this.mayWrite(argv)) ?? false
    return client.multi === undefined && changes(command, argv)
  }

  private mayWrite(argv: ReadonlyArray<string>): boolean {
    const command = this.commandOf(argv)
    return command !== undefined && changes(command, argv)
  }

  /** An error before anything was run. */
  private refuse(client: Client, runnable: Runnable | undefined, text: string): void {
    if (runnable !== undefined) runnable.rejected += 1
    if (runnable?.command.name === "exec") {
      client.multi = undefined
      client.watched = []
      text = `EXECABORT Transaction discarded because of: ${text.replace(/^ERR /, "")}`
    }
    this.server.countError(text)
    if (client.multi !== undefined) client.multi.isAborted = true
    client.replies.error(text)
  }

  private commandOf(argv: ReadonlyArray<string>): CommandTable.Command | undefined {
    const runnable = this.find(argv)
    return typeof runnable === "string" ? undefined : runnable.command
  }

  /** What is to be run; a text: why there is nothing. */
  private find(argv: ReadonlyArray<string>): Runnable | string {
    const name = argv[0].toLowerCase()
    const container = CommandTable.commands.get(name)
    if (container === undefined) return unknownCommand(argv)
    if (container.subcommands.size === 0 || argv.length < 2) return this.runnable(container, argv[0])
    const word = argv[1].toLowerCase()
    const subcommand = container.subcommands.get(word) ?? OwnCommands.subcommands.get(`${name}|${word}`)
    return subcommand === undefined ? unknownSubcommand(name, argv[1]) : this.runnable(subcommand, undefined)
  }

  private runnable(command: CommandTable.Command, spelling: string | undefined): Runnable | string {
    let runnable = this.runnables.get(command.name)
    if (runnable === undefined) {
      const otherwise = command.subcommands.size > 0 ? incomplete : unsupported(command.name)
      runnable = new Runnable(command, this.handlers.get(command.name) ?? otherwise)
      this.runnables.set(command.name, runnable)
    }
    const { name } = command
    if (command.subcommands.size === 0 && (spelling === name || spelling === name.toUpperCase())) {
      this.spellings.set(spelling, runnable)
    }
    return runnable
  }
}

/** They change nothing here, but what others see; scripts may do anything. */
const toOthers = new Set(["publish", "spublish", "pfcount", "eval", "evalsha", "fcall"])

/** A script says that it only reads. */
const readsOnly = /^#!\S+[^\n]*\bflags=[^\s]*\bno-writes\b/

const changes = ({ flags, name }: CommandTable.Command, argv: ReadonlyArray<string>): boolean =>
  (flags & write) !== 0 || (toOthers.has(name) && !(name === "eval" && readsOnly.test(argv[1])))

const unsupported =
  (name: string): Handler =>
  () => {
    throw new Refusal(`ERR '${name}' is not supported yet`)
  }

/** A container without its subcommand. */
const incomplete: Handler = (call) => {
  throw wrongArity(call.argv[0].toLowerCase())
}
