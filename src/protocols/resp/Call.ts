/**
 * Call: a command that runs: its arguments, who asked, and what it may use. There is one, filled anew for each command.
 *
 * A handler checks everything, and throws a `Refusal`, before it changes anything; then it changes, tells the database, and replies.
 */
import type { Database } from "#database/redis/Database.ts"
import type { Engine } from "#database/redis/Engine.ts"
import type { Entry } from "#database/redis/Entry.ts"
import { type Type, typeOf, type Value } from "#database/redis/Value.ts"
import * as Departure from "./Departure.ts"
import type { Client } from "./Client.ts"
import * as Numbers from "./Numbers.ts"
import * as Refusal from "./Refusal.ts"
import type { Reply } from "./Reply.ts"
import type { Server } from "./Server.ts"

export type Handler = (call: Call) => void

/** What a command waits for. */
export interface Blocking {
  readonly keys: ReadonlyArray<string>
  /** What it takes away from others who wait, if it does. */
  readonly takes?: Type
  /** 0: for ever. */
  readonly timeoutMillis: number
  /** Replies, when the key has what it waits for: true. A `Refusal` is its reply, too. `call` is filled as it was. */
  readonly serve: (call: Call, key: string) => boolean
  /** Replies that the time is over, or that there is nothing and waiting is not allowed. */
  readonly timedOut: (call: Call) => void
  /** As `Blocked` has it. */
  readonly tail?: ReadonlyArray<string>
  /** The time is its own: it is what the command takes. */
  readonly isBusy?: boolean
}

export class Call {
  readonly engine: Engine
  readonly server: Server
  argv: ReadonlyArray<string> = []
  client!: Client
  out!: Reply
  db!: Database
  /** It is run by EXEC: nobody waits there. */
  isInMulti = false

  constructor(server: Server) {
    this.engine = server.engine
    this.server = server
  }

  fill(client: Client, argv: ReadonlyArray<string>): void {
    this.client = client
    this.argv = argv
    this.out = client.replies
    this.db = this.engine.databases[client.database]
  }

  /** Milliseconds of the wall clock; the same throughout a command. */
  get now(): number {
    return this.engine.now
  }

  integer(at: number): number {
    return Numbers.parseInteger(this.argv[at]) ?? raise(Refusal.notInteger)
  }

  float(at: number): number {
    return Numbers.parseFloat(this.argv[at]) ?? raise(Refusal.notFloat)
  }

  /** Whether the argument is this word, given in small letters. */
  is(at: number, word: string): boolean {
    const argument = this.argv[at]
    return argument.length === word.length && (argument === word || argument.toLowerCase() === word)
  }

  /** The key as it is now, to be read. */
  read(key: string): Entry | undefined {
    return this.db.get(key)
  }

  /** A key that holds a value of this type, or nothing. */
  readOf(key: string, type: Type): Entry | undefined {
    return checked(this.db.get(key), type)
  }

  /** The same, to be changed. */
  changeOf(key: string, type: Type): Entry | undefined {
    return checked(this.db.peek(key), type)
  }

  /** `kind`: of `Engine.classes`. */
  notify(kind: number, event: string, key: string): void {
    this.engine.notify(kind, event, this.client.database, key)
  }

  /** The reply comes later, when a key has what the command waits for; in a MULTI, at once. */
  block({ isBusy = false, keys, serve, tail, takes, timedOut, timeoutMillis }: Blocking): void {
    if (this.isInMulti) return timedOut(this)
    const { argv, client, engine, server } = this
    const again = (): Call => {
      this.fill(client, argv)
      return this
    }
    const waiter = {
      database: client.database,
      keys: [...new Set(keys)],
      takes,
      serve: (key: string): boolean => {
        const { shards } = server
        if (shards !== undefined && !Departure.mayTake(server, shards, client)) return true
        // What it changes is its own doing, and it is told of that behind its reply.
        const { current } = server
        server.current = client
        const { refusal, isServed } = attempt(serve, again(), key)
        server.current = current
        if (!isServed) return false
        client.blocked?.finished(refusal !== undefined)
        client.blocked = undefined
        server.tracking.settle()
        client.port?.unblocked()
        return true
      }
    }
    const until = timeoutMillis === 0 ? 0 : engine.now + timeoutMillis
    client.blocked = { argv, tail, waiter, until, isBusy, timedOut: () => timedOut(again()), finished: () => {} }
    engine.blocking.wait(waiter)
  }
}

interface Attempt {
  readonly isServed: boolean
  readonly refusal?: Refusal.Refusal
}

/** What is refused is replied to as well. */
const attempt = (serve: Blocking["serve"], call: Call, key: string): Attempt => {
  const { out, server } = call
  const mark = out.mark()
  try {
    return { isServed: serve(call, key) }
  } catch (thrown) {
    if (!(thrown instanceof Refusal.Refusal)) throw thrown
    out.rewind(mark)
    out.error(thrown.text)
    server.countError(thrown.text)
    return { isServed: true, refusal: thrown }
  }
}

const raise = (refusal: Refusal.Refusal): never => {
  throw refusal
}

const checked = (entry: Entry | undefined, type: Type): Entry | undefined => {
  if (entry !== undefined && typeOf(entry.content) !== type) throw Refusal.wrongType
  return entry
}

/** The structure of an entry that is known to be of its type. */
export const valueOf = <V extends Value>(entry: Entry): V => entry.content as V
