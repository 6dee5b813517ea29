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

/** What it comes to. `again`: nothing has happened, and where the keys are has changed. `unknown`: it may have happened. `waits`: for these keys. `missed`: nothing has happened, and it needs these, too. */
export type Outcome =
  | { readonly type: "replied"; readonly bytes: Uint8Array }
  | { readonly type: "waits"; readonly blocked: Blocked; readonly keys: ReadonlyMap<number, ReadonlyArray<Found>> }
  | { readonly type: "missed"; readonly names: ReadonlySet<string> }
  | { readonly type: "again" }
  | { readonly type: "unknown" }

export interface Parts {
  readonly client: Client
  readonly server: Server
  readonly queue: ReadonlyArray<ReadonlyArray<string>>
  /** Its reply begins so: of a MULTI. */
  readonly isMulti: boolean
  /** By node, in their order: the names of its keys, those among them that are watched for a MULTI. */
  readonly names: ReadonlyMap<number, ReadonlySet<string>>
  /** undefined: it is this node. */
  readonly peerOf: (node: number) => Peer | undefined
  /** Asks another node; undefined: it has not run it. */
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
  /** What it comes to if what was run counts. */
  private result: Outcome | undefined
  private ran: Sample.Ran | undefined
  /** What the client had chosen before. */
  private readonly database: number
  private isOver = false

  constructor(parts: Parts) {
    this.parts = parts
    this.database = parts.client.database
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
    parts.ask(peer, ["CLIENT", "PARTAKE", isPatient ? "WAIT" : "NOW", ...names], (bytes) => {
      if (this.isOver) return
      if (bytes === undefined) return answered({ type: "again" })
      if (bytes[0] !== minus) return answered(heldOf(bytes, this.endOf(peer, names)))
      const text = Latin1.decode(bytes)
      if (text.startsWith(`-${Departure.busy}`)) return answered("busy")
      answered({ type: "replied", bytes })
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
        answered({ grant, hasChanged, samples: Sample.of(engine, names), end: this.endHere(names, end) })
      },
      refused: (isBusy) => {
        this.request = undefined
        if (!this.isOver) answered(isBusy ? "busy" : { type: "again" })
      }
    }
    this.request = request
    server.joint!.hold(request)
  }

  /** Here the client's own changes are known to be its own, and it is remembered for what it has read. */
  private endHere(names: ReadonlyArray<string>, end: End): End {
    const { client, server } = this.parts
    const authored = server.tracking.authored(client, names, end)
    return (ending, told) => {
      server.tracking.note(client, this.cachedOf(names), undefined)
      authored(ending, told)
    }
  }

  private endOf(peer: Peer, names: ReadonlyArray<string>): End {
    return (ending, told) => {
      if (ending === undefined) return told(false)
      const words = ending.type === "stored" ? ["STORED", Latin1.decode(ending.record)] : ["UNSTORED"]
      this.parts.ask(peer, ["CLIENT", "CONCLUDE", ...words, ...this.cachedOf(names)], (bytes) =>
        told(bytes !== undefined && bytes[0] !== minus)
      )
    }
  }

  private cachedOf(names: ReadonlyArray<string>): ReadonlyArray<string> {
    const { ran } = this
    return ran === undefined || ran.cached.size === 0 ? [] : names.filter((name) => ran.cached.has(name))
  }

  private run(): void {
    const { held, parts } = this
    const { client, queue, server } = parts
    if (parts.isMulti && (held.some(({ hasChanged }) => hasChanged) || client.watched.some(Watches.isLost))) {
      return this.giveUp({ type: "replied", bytes: Replies.nullArray(client) })
    }
    const samples = held.flatMap((each) => each.samples)
    const names = new Set([...parts.names.values()].flatMap((own) => [...own]))
    const generation = Math.max(...held.map(({ grant }) => grant.generation))
    const bytes = parts.run(() => {
      if (parts.isMulti) client.replies.array(queue.length)
      this.ran = server.scratch!.run({ client, queue, names, samples, generation, mayWait: !parts.isMulti })
    })
    const { blocked, missed, record } = this.ran!
    if (missed.size > 0) return this.giveUp({ type: "missed", names: missed })
    const outcome: Outcome =
      blocked === undefined ? { type: "replied", bytes } : { type: "waits", blocked, keys: this.found(blocked) }
    this.result = outcome
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
    if (stored.type === "stored") this.ran!.say()
    if (this.isOver) return
    if (stored.type === "stored") return this.conclude(records, outcome, false)
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
        if (isRight) this.ran!.say()
        this.over(isRight ? outcome : { type: "again" })
      })
    }
    if (!isRead) this.over(outcome)
  }

  /** Nothing is done. */
  private giveUp(outcome: Outcome): void {
    this.release()
    this.over(outcome)
  }

  private release(): void {
    this.ran = undefined
    for (const { end } of this.held) end({ type: "unstored" }, () => {})
  }

  private over(outcome: Outcome): void {
    if (outcome.type === "unknown") this.abandon()
    if (outcome !== this.result) this.parts.client.database = this.database
    this.isOver = true
    this.parts.done(outcome)
  }
}
