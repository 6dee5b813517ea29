/**
 * Crossing: a command, or a whole MULTI, whose keys several nodes have. Each of them is asked to hold these keys still, and tells what they hold; the
 * command is run on that (`Scratch`); what it has changed is stored for all of them in one transaction (`database/redis/Joint`), or for none; then they
 * go on. So it is as if all had happened at once, at one node.
 *
 * They are asked all at a time first, and do not wait for each other's commands; where keys are held that are wanted, one after the other, in the order of
 * their numbers, so that no two commands wait for each other.
 *
 * What it has only read needs no transaction, but each node must have been the one to tell until it was done.
 */
import * as Latin1 from "#base/Latin1.ts"
import type { Part, Stored } from "#database/redis/Joint.ts"
import type { End, Ending, Grant, Request } from "#database/redis/Partaking.ts"
import * as Record from "#database/redis/Record.ts"
import type { Peer } from "#database/redis/Shards.ts"
import type { Found } from "./Awaiting.ts"
import type { Blocked, Client } from "./Client.ts"
import * as Departure from "./Departure.ts"
import { Parser } from "./Parser.ts"
import * as Replies from "./Replies.ts"
import * as Sample from "./Sample.ts"
import type { Server } from "./Server.ts"
import * as Slots from "./Slots.ts"
import * as Watches from "./Watches.ts"

/** What it comes to. `again`: nothing has happened, and where the keys are has changed. `unknown`: it may have happened. `waits`: for these keys. */
export type Outcome =
  | { readonly type: "replied"; readonly bytes: Uint8Array }
  | { readonly type: "waits"; readonly blocked: Blocked; readonly keys: ReadonlyMap<number, ReadonlyArray<Found>> }
  | { readonly type: "again" }
  /** Nothing has happened: it wants these keys, too. */
  | { readonly type: "seeks"; readonly names: ReadonlyArray<string> }
  | { readonly type: "unknown" }

export interface Parts {
  readonly client: Client
  readonly server: Server
  readonly queue: ReadonlyArray<ReadonlyArray<string>>
  /** Its reply begins so: of a MULTI. */
  readonly isMulti: boolean
  /** Something of it only reads: who caches what it reads has read these keys. */
  readonly reads: boolean
  /** By node, in their order: the names of its keys, those that are watched among them. */
  readonly names: ReadonlyMap<number, ReadonlySet<string>>
  /** undefined: it is this node. */
  readonly peerOf: (node: number) => Peer | undefined
  /** What the node is asked next it understands as the client means it. */
  readonly agree: (peer: Peer) => void
  /** Asks another node; undefined: its connection broke. */
  readonly ask: (peer: Peer, argv: ReadonlyArray<string>, answered: (bytes: Uint8Array | undefined) => void) => void
  /** Runs it, and gives the bytes that the client is to be told. */
  readonly run: (run: () => void) => Uint8Array
  readonly done: (outcome: Outcome) => void
}

/** A node that holds its keys still. */
interface Held {
  readonly grant: Grant
  readonly hasChanged: boolean
  readonly samples: ReadonlyArray<Sample.Sample>
  readonly end: End
}

/** What comes of asking a node. `busy`: another command holds some of its keys. */
type Answer = Held | Outcome | "busy"

const isHeld = (answer: Answer): answer is Held => answer !== "busy" && "grant" in answer

const minus = 0x2d
const headLength = 6

/** What CLIENT PARTAKE replies. */
const heldOf = (bytes: Uint8Array, end: End): Held => {
  const parser = new Parser()
  parser.feed(bytes)
  const words = parser.next()!
  const [node, epoch, stream, number, generation, changed] = words.slice(0, headLength).map(Number)
  const samples = Sample.read(words.slice(headLength))
  return { grant: { node, epoch, stream, number, generation }, hasChanged: changed === 1, samples, end }
}

export class Crossing {
  private readonly parts: Parts
  private readonly nodes: ReadonlyArray<number>
  private held: Array<Held> = []
  /** This node has been asked, and has not answered. */
  private request: Request | undefined
  private isOver = false

  constructor(parts: Parts) {
    this.parts = parts
    this.nodes = [...parts.names.keys()].sort((left, right) => left - right)
  }

  begin(): void {
    let left = this.nodes.length
    let failure: Outcome | "busy" | undefined
    for (const node of this.nodes) {
      this.askFor(node, false, (answer) => {
        left -= 1
        if (isHeld(answer)) this.held.push(answer)
        else if (failure === undefined || failure === "busy") failure = answer
        if (left > 0) return
        if (failure === undefined) this.run()
        else if (failure === "busy") this.beginAgain()
        else this.giveUp(failure)
      })
    }
  }

  /** The client is gone: who holds keys still finds out what became of them. */
  abandon(): void {
    const { held, parts, request } = this
    this.isOver = true
    if (request !== undefined) parts.server.joint!.withdraw(request)
    // The others see that their connection is over.
    for (const { end, grant } of held) if (parts.peerOf(grant.node) === undefined) end(undefined, () => {})
  }

  private beginAgain(): void {
    this.release()
    this.held = []
    this.next()
  }

  private next(): void {
    if (this.held.length === this.nodes.length) return this.run()
    this.askFor(this.nodes[this.held.length], true, (answer) => {
      if (!isHeld(answer)) return this.giveUp(answer === "busy" ? { type: "again" } : answer)
      this.held.push(answer)
      this.next()
    })
  }

  private askFor(node: number, isPatient: boolean, answered: (answer: Answer) => void): void {
    const { parts } = this
    const names = [...parts.names.get(node)!]
    const peer = parts.peerOf(node)
    if (peer === undefined) return this.holdOwn(names, isPatient, answered)
    const words = ["CLIENT", "PARTAKE", isPatient ? "WAIT" : "NOW", parts.reads ? "READ" : "CHANGE"]
    parts.agree(peer)
    parts.ask(peer, [...words, ...names], (bytes) => {
      if (this.isOver) return
      if (bytes === undefined) return answered({ type: "again" })
      if (bytes[0] !== minus) return answered(heldOf(bytes, this.endOf(peer)))
      const text = Latin1.decode(bytes)
      if (text.startsWith(`-${Departure.busy}`)) return answered("busy")
      answered(text.startsWith(`-${Departure.elsewhere}`) ? { type: "again" } : { type: "replied", bytes })
    })
  }

  private holdOwn(names: ReadonlyArray<string>, isPatient: boolean, answered: (answer: Answer) => void): void {
    const { client, server } = this.parts
    const { engine } = server
    const request: Request = {
      slots: Slots.setOf(names),
      isPatient,
      granted: (grant, end) => {
        this.request = undefined
        if (this.isOver) return end({ type: "unstored" }, () => {})
        const hasChanged = client.watched.some(
          (watched) => watched.node === undefined && Watches.hasChanged(engine, watched)
        )
        if (this.parts.reads) server.tracking.remember(client, names)
        answered({ grant, hasChanged, samples: Sample.of(engine, names), end })
      },
      refused: (isBusy) => {
        this.request = undefined
        if (!this.isOver) answered(isBusy ? "busy" : { type: "again" })
      }
    }
    this.request = request
    server.joint!.hold(request)
  }

  private endOf(peer: Peer): End {
    return (ending, told) => {
      if (ending === undefined) return told(false)
      const words = ending.type === "stored" ? ["STORED", Latin1.decode(ending.record)] : ["UNSTORED"]
      this.parts.ask(peer, ["CLIENT", "CONCLUDE", ...words], (bytes) => told(bytes !== undefined && bytes[0] !== minus))
    }
  }

  private run(): void {
    const { held, parts } = this
    const { client, queue, server } = parts
    if (held.some(({ hasChanged }) => hasChanged) || client.watched.some(Watches.isLost)) {
      return this.giveUp({ type: "replied", bytes: Replies.nullArray(client) })
    }
    const samples = held.flatMap((each) => each.samples)
    const names = new Set([...parts.names.values()].flatMap((own) => [...own]))
    const generation = Math.max(...held.map(({ grant }) => grant.generation))
    let ran: Sample.Ran | undefined
    const bytes = parts.run(() => {
      if (parts.isMulti) client.replies.array(queue.length)
      ran = server.scratch!.run({ client, queue, samples, names, generation, mayWait: !parts.isMulti })
    })
    const { blocked, record, say, sought } = ran!
    if (sought.length > 0) return this.giveUp({ type: "seeks", names: sought })
    this.say = say
    const outcome: Outcome =
      blocked === undefined ? { type: "replied", bytes } : { type: "waits", blocked, keys: this.found(blocked) }
    if (record === undefined) return this.conclude(new Map(), outcome, true)
    const nodeOf = new Map<string, number>()
    for (const [node, names] of parts.names) for (const name of names) nodeOf.set(name, node)
    const records = Record.split(record, (name) => nodeOf.get(name)!)
    const shares = held.map(({ grant }): Part => ({ grant, record: records.get(grant.node) }))
    server.joint!.store(shares, (stored) => this.stored(stored, records, outcome))
  }

  /** What it waits for, as it is at its nodes. */
  private found({ waiter }: Blocked): ReadonlyMap<number, ReadonlyArray<Found>> {
    const { client, names, server } = this.parts
    const { index } = server.engine.databases[client.database]
    const keys = new Map<number, ReadonlyArray<Found>>()
    for (const { grant, samples } of this.held) {
      const versions = new Map(
        samples.filter(({ database }) => database === index).map((each) => [each.name, each.version])
      )
      const own = waiter.keys.filter((key) => names.get(grant.node)!.has(key))
      if (own.length > 0)
        keys.set(
          grant.node,
          own.map((name) => ({ name, version: versions.get(name) ?? 0 }))
        )
    }
    return keys
  }

  private stored(stored: Stored, records: ReadonlyMap<number, Uint8Array>, outcome: Outcome): void {
    if (this.isOver) return
    if (stored.type === "stored") {
      this.say()
      return this.conclude(records, outcome, false)
    }
    if (stored.type === "unknown") return this.over({ type: "unknown" })
    this.giveUp(stored.isMoved ? { type: "again" } : { type: "replied", bytes: Replies.error(`ERR ${stored.reason}`) })
  }

  /** All go on. `isRead`: the reply is right only if all could still tell what they have told. */
  private conclude(records: ReadonlyMap<number, Uint8Array>, outcome: Outcome, isRead: boolean): void {
    let left = this.held.length
    let isRight = true
    for (const { end, grant } of this.held) {
      const record = records.get(grant.node)
      const ending: Ending = record === undefined ? { type: "unstored" } : { type: "stored", record }
      end(ending, (isDone) => {
        isRight &&= isDone
        left -= 1
        if (!isRead || left > 0 || this.isOver) return
        if (isRight) this.say()
        this.over(isRight ? outcome : { type: "again" })
      })
    }
    if (!isRead) this.over(outcome)
  }

  /** What is so by now is told to whom it concerns. */
  private say: () => void = () => {}

  /** Nothing is done. */
  private giveUp(outcome: Outcome): void {
    this.release()
    this.over(outcome)
  }

  private release(): void {
    for (const { end } of this.held) end({ type: "unstored" }, () => {})
  }

  private over(outcome: Outcome): void {
    if (outcome.type === "unknown") this.abandon()
    this.isOver = true
    this.parts.done(outcome)
  }
}
