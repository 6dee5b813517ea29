/**
 * Rig: an engine and clients of it in one piece, for tests of commands: a line goes in, the bytes of the reply come out. A clock that stands until
 * it is set, and no sockets. Transcripts hold what a server of Redis 7.0.15 has answered.
 */
import { Engine } from "#database/redis/Engine.ts"
import type { Handler } from "../Call.ts"
import { Client } from "../Client.ts"
import { Executor } from "../Executor.ts"
import { Reply } from "../Reply.ts"
import * as Latin1 from "#base/Latin1.ts"

/** Words are separated by spaces; one in quotes may hold some, and bytes as `\xHH`. */
const wordsOf = (line: string): ReadonlyArray<string> =>
  [...line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, plain]) =>
    quoted === undefined
      ? plain
      : quoted.replace(/\\x([\da-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
  )

export class RigClient {
  readonly client: Client
  private readonly rig: Rig

  constructor(rig: Rig, id: number) {
    this.rig = rig
    this.client = new Client(id, new Reply())
  }

  /** Runs a command; what it is sent, by then, empty if it waits. */
  send(line: string): string {
    this.rig.execute(this.client, wordsOf(line))
    return this.received()
  }

  /** What it was sent since. */
  received(): string {
    const bytes = this.client.out.take()
    return bytes === undefined ? "" : Latin1.decode(bytes)
  }

  /** The time is over for what it waits for. */
  timeOut(): string {
    const { blocked } = this.client
    this.client.blocked = undefined
    if (blocked !== undefined) {
      this.rig.engine.blocking.leave(blocked.waiter)
      blocked.timedOut()
    }
    return this.received()
  }
}

export class Rig {
  /** Milliseconds of the wall clock. */
  now = 1_700_000_000_000
  readonly engine = new Engine({ wallMillis: () => this.now, random: () => 0.5 })
  private readonly executor: Executor
  private clients = 0

  constructor(...families: ReadonlyArray<Readonly<Record<string, Handler>>>) {
    this.executor = new Executor(this.engine, new Map(families.flatMap((family) => Object.entries(family))))
  }

  connect(): RigClient {
    return new RigClient(this, ++this.clients)
  }

  execute(client: Client, argv: ReadonlyArray<string>): void {
    this.engine.advance()
    this.executor.execute(client, argv)
  }

  /** Runs commands as EXEC does: nobody is served between. */
  executeTogether({ client }: RigClient, lines: ReadonlyArray<string>): void {
    this.engine.advance()
    this.executor.executeQueued(client, lines.map(wordsOf))
    this.engine.settle()
  }
}

/**
 * Lines of a transcript, `> command` and below it the reply, with `\r\n` written as `|`, that are answered otherwise: each command with what was
 * recorded and what came.
 */
export const differences = (client: RigClient, transcript: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  const lines = transcript.split("\n")
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const reply = client.send(lines[i].slice(2)).replaceAll("\r\n", "|")
    if (reply !== lines[i + 1]) found.push(`${lines[i]}\nrecorded ${lines[i + 1]}\nreplied  ${reply}`)
  }
  return found
}
