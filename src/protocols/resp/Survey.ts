/**
 * Survey: a command about all keys, whichever nodes have them: each node that has slots says what it has, side by side, and the client is told all of it as
 * if it came from one. Only SCAN asks one node at a time, the one that has the slot that it has come to (`commands/Scanning.ts`). Clients that are told
 * that this is a Redis Cluster ask each node, and add up: there each tells of its own keys.
 */
import * as Latin1 from "#base/Latin1.ts"
import type { Request } from "#database/redis/Partaking.ts"
import type { Peer } from "#database/redis/Shards.ts"
import type { Client } from "./Client.ts"
import * as Replies from "./Replies.ts"
import type { Server } from "./Server.ts"

type Argv = ReadonlyArray<string>

export interface Parts {
  readonly server: Server
  readonly name: string
  readonly argv: Argv
  /** Asks another node; undefined: it has not run it. */
  readonly ask: (peer: Peer, argv: Argv, answered: (bytes: Uint8Array | undefined) => void) => void
  /** Runs a command here, and gives its reply. */
  readonly run: (argv: Argv) => Uint8Array
  /** undefined: a node has not answered, or not loaded all of its keys: all is to be asked again. */
  readonly done: (bytes: Uint8Array | undefined) => void
}

const flushes = new Set(["flushall", "flushdb"])
const reads = new Set(["dbsize", "keys", "randomkey", "scan"])

/** They make all keys go. */
export const isFlush = (name: string): boolean => flushes.has(name)

/** They change all keys: not while some of them are being carried elsewhere. */
export const isChange = (name: string): boolean => flushes.has(name) || name === "swapdb"

/** They are about all keys, so they are not what they seem to be where they are run with others at one node. */
export const isSurvey = (name: string): boolean => reads.has(name) || isChange(name)

/** What is said to one node is meant for all: where clients do not know that there are several. */
export const isOfAllNodes = ({ shards, topology }: Server, name: string, client: Client): boolean =>
  name === "config|set" && topology === undefined && shards !== undefined && !client.isAdministrator

/** The other nodes whose keys are meant, too. */
export const othersOf = ({ shards, topology }: Server): ReadonlyArray<Peer> =>
  topology === undefined && shards !== undefined ? shards.owners : []

const minus = 0x2d

const bytesOf = (text: string): Uint8Array => Latin1.encode(text)

/** The reply is an integer. */
const integerOf = (bytes: Uint8Array): number => Number(Latin1.decode(bytes, 1, bytes.length - 2))

/** Where the line that begins there ends, its end included. */
const afterLine = (bytes: Uint8Array, from: number): number => bytes.indexOf(0x0a, from) + 1

/** One array of all that is in several. */
const joined = (arrays: ReadonlyArray<Uint8Array>): Uint8Array => {
  let count = 0
  const texts = arrays.map((bytes) => {
    const from = afterLine(bytes, 0)
    count += Number(Latin1.decode(bytes, 1, from - 2))
    return Latin1.decode(bytes, from)
  })
  return bytesOf(`*${count}\r\n${texts.join("")}`)
}

export class Survey {
  private readonly parts: Parts
  /** The other nodes that it asks. */
  private readonly owners: ReadonlyArray<Peer>
  private isOver = false
  private request: Request | undefined

  constructor(parts: Parts) {
    this.parts = parts
    this.owners = othersOf(parts.server)
  }

  begin(): void {
    const { name } = this.parts
    if (name === "config|set") return this.configure()
    if (name === "randomkey") return this.random()
    if (name === "swapdb" && this.owners.length > 0) {
      return this.over(Replies.error("ERR SWAPDB is not allowed where several nodes have the data"))
    }
    if (isChange(name)) return this.change()
    this.everywhere(this.parts.argv, (replies) => this.over(this.merged(replies)))
  }

  /** Its client is gone. */
  abandon(): void {
    this.isOver = true
    if (this.request !== undefined) this.parts.server.joint!.withdraw(this.request)
  }

  /** Replies come in the order of the nodes, this one first. */
  private everywhere(argv: Argv, done: (replies: ReadonlyArray<Uint8Array>) => void): void {
    this.others(argv, [this.parts.run(argv)], done)
  }

  private others(argv: Argv, own: ReadonlyArray<Uint8Array>, done: (replies: ReadonlyArray<Uint8Array>) => void): void {
    this.asked(this.owners, argv, own, done)
  }

  private asked(
    peers: ReadonlyArray<Peer>,
    argv: Argv,
    own: ReadonlyArray<Uint8Array>,
    done: (replies: ReadonlyArray<Uint8Array>) => void
  ): void {
    const replies = [...own, ...peers.map((): Uint8Array | undefined => undefined)]
    let left = peers.length
    if (left === 0) return done(own)
    for (const [index, peer] of peers.entries()) {
      this.parts.ask(peer, argv, (bytes) => {
        if (this.isOver) return
        if (bytes === undefined) return this.over(undefined)
        replies[own.length + index] = bytes
        left -= 1
        if (left === 0) done(replies as ReadonlyArray<Uint8Array>)
      })
    }
  }

  /** If it is refused here, nothing has happened. */
  private configure(): void {
    const { argv, run, server } = this.parts
    const own = run(argv)
    if (own[0] === minus) return this.over(own)
    this.asked(server.shards!.peers, argv, [own], (replies) => this.over(this.merged(replies)))
  }

  private merged(replies: ReadonlyArray<Uint8Array>): Uint8Array {
    const refused = replies.find((bytes) => bytes[0] === minus)
    if (refused !== undefined) return refused
    if (this.parts.name === "keys") return joined(replies)
    if (this.parts.name === "dbsize")
      return bytesOf(`:${replies.reduce((sum, bytes) => sum + integerOf(bytes), 0)}\r\n`)
    return replies[0]
  }

  /** The own part first: if it is refused, nothing has happened. */
  private change(): void {
    const { argv, run, server } = this.parts
    const request = changing(
      server,
      () => run(argv),
      (bytes) => {
        this.request = undefined
        if (this.isOver) return
        if (bytes === undefined || bytes[0] === minus) return this.over(bytes)
        this.others(["CLIENT", "EMPTY", ...argv], [bytes], (replies) => this.over(this.merged(replies)))
      }
    )
    this.request = request
    server.joint!.hold(request)
  }

  /** Each key as likely as any other. */
  private random(): void {
    const { ask, run, server } = this.parts
    this.everywhere(["DBSIZE"], (replies) => {
      const sizes = replies.map(integerOf)
      const all = sizes.reduce((sum, size) => sum + size, 0)
      let drawn = Math.floor(server.engine.random() * all)
      let at = 0
      while (at + 1 < sizes.length && drawn >= sizes[at]) drawn -= sizes[at++]
      if (at === 0) return this.over(run(["RANDOMKEY"]))
      ask(this.owners[at - 1], ["RANDOMKEY"], (bytes) => {
        if (!this.isOver) this.over(bytes)
      })
    })
  }

  private over(bytes: Uint8Array | undefined): void {
    this.isOver = true
    this.parts.done(bytes)
  }
}

/** Runs what changes all keys of this node, when nobody carries any of them elsewhere. undefined: not now, for it has not loaded all of them. */
export const changing = (
  server: Server,
  run: () => Uint8Array,
  done: (bytes: Uint8Array | undefined) => void
): Request => ({
  slots: server.shards!.own,
  isPatient: true,
  granted: (_, end) => {
    const bytes = run()
    end({ type: "unstored" }, () => {})
    done(bytes)
  },
  refused: () => done(undefined)
})
