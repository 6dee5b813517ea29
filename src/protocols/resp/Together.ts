/**
 * Together: what a client does with several nodes at a time: a command, or a MULTI, whose keys they have (`Crossing`), which may wait for these (`Awaiting`),
 * or one about all keys (`Survey`). One thing at a time, and nothing else of the client's meanwhile.
 */
import * as Limits from "#base/Limits.ts"
import type { Peer } from "#database/redis/Shards.ts"
import { Alarm } from "#world/DeadlineHeap.ts"
import { Awaiting } from "./Awaiting.ts"
import type { Blocked, Errand } from "./Client.ts"
import * as CommandKeys from "./CommandKeys.ts"
import * as CommandTable from "./CommandTable.ts"
import { Crossing, type Outcome, type Parts } from "./Crossing.ts"
import type { Front, Refused } from "./Front.ts"
import * as Replies from "./Replies.ts"
import * as Resuming from "./Resuming.ts"
import * as Routes from "./Routes.ts"
import { Survey } from "./Survey.ts"

type Argv = ReadonlyArray<string>

/** What the client's connections to other nodes do for it. */
export interface Means {
  /** Gives a command's reply its place. */
  begun(errand: Errand): Refused
  /** Asks a node; undefined: it has not run it. */
  ask(peer: Peer, argv: Argv, answered: (bytes: Uint8Array | undefined) => void): void
  /** What the node is asked from now on it understands as the client means it. */
  agree(peer: Peer): void
  /** What waits for keys there is not wanted any more. */
  release(peer: Peer): void
  fill(refused: Refused, bytes: Uint8Array): void
  /** It is run again when it is known anew where its keys are, or `wake` is called. */
  postpone(refused: Refused): void
  wake(): void
  heard(): void
}

/** A command that waits for keys. */
interface Waiting {
  readonly awaiting: Awaiting
  readonly refused: Refused
  readonly blocked: Blocked
}

/** What SORT is to look at changes faster than it can be held still, or leads on and on. */
const restless = `ERR SORT found further keys to look up ${Limits.respSortRoundsMax} times in a row`

type Nodes = Pick<Parts, "names" | "peerOf">

export class Together {
  private readonly front: Front
  private readonly means: Means
  private undertaking: Crossing | Survey | undefined
  private waiting: Waiting | undefined
  private readonly waited = new Alarm(() => this.waitedFor())
  private isOver = false

  constructor(front: Front, means: Means) {
    this.front = front
    this.means = means
  }

  get isBusy(): boolean {
    return this.undertaking !== undefined || this.waiting !== undefined
  }

  get isWaiting(): boolean {
    return this.waiting !== undefined
  }

  cross(errand: Errand): void {
    const refused = this.means.begun(errand)
    if (!this.isOver) this.attempt(refused, new Set(), Limits.respSortRoundsMax)
  }

  /** `found`: keys that it looks up, as far as is known by now. */
  private attempt(refused: Refused, found: ReadonlySet<string>, roundsLeft: number): void {
    const { front } = this
    const { client, server } = front
    const { argv, multi } = refused.errand
    const queue = multi?.queue ?? [argv]
    const nodes = this.nodesOf(queue, [...found, ...(multi === undefined ? [] : client.watched.map(({ key }) => key))])
    const crossing = new Crossing({
      client,
      server,
      queue,
      isMulti: multi !== undefined,
      ...nodes,
      ask: (peer, argv, answered) => this.ask(peer, argv, answered),
      run: (run) => front.capture(run),
      done: (outcome) => {
        if (outcome.type !== "missed") this.crossed(refused, outcome, nodes)
        else if (roundsLeft > 1) this.attempt(refused, new Set([...found, ...outcome.names]), roundsLeft - 1)
        else this.crossed(refused, { type: "replied", bytes: Replies.error(restless) }, nodes)
      }
    })
    this.undertaking = crossing
    crossing.begin()
  }

  survey(errand: Errand): void {
    const { front, means } = this
    const { client, server } = front
    const refused = means.begun(errand)
    if (this.isOver) return
    const survey = new Survey({
      server,
      name: errand.command.name,
      argv: errand.argv,
      ask: (peer, argv, answered) => this.ask(peer, argv, answered),
      run: (argv) => front.capture(() => server.runQueued(client, [argv])),
      done: (bytes) => {
        this.over()
        if (this.isOver) return
        if (bytes === undefined) means.postpone(refused)
        else means.fill(refused, bytes)
        means.heard()
      }
    })
    this.undertaking = survey
    survey.begin()
  }

  /** What waits for keys is to wait no more. False: nothing does. */
  unblock(error: string | undefined): boolean {
    const { waiting } = this
    if (waiting === undefined) return false
    this.stopWaiting()
    const { blocked, refused } = waiting
    const bytes = error === undefined ? this.front.capture(() => blocked.timedOut()) : Replies.error(error)
    this.means.fill(refused, bytes)
    return true
  }

  /** What waits for keys is waited for no more. */
  abandon(): void {
    const { waiting } = this
    this.stopWaiting()
    if (waiting !== undefined) this.means.fill(waiting.refused, Replies.nothing)
  }

  /** The client is gone. */
  close(): void {
    this.isOver = true
    this.undertaking?.abandon()
    this.undertaking = undefined
    this.stopWaiting()
  }

  /** Where the keys are of what is run in one, and more. */
  private nodesOf(queue: ReadonlyArray<Argv>, more: ReadonlyArray<string>): Nodes {
    const { server } = this.front
    const names = new Map<number, Set<string>>()
    const peers = new Map<number, Peer>()
    const add = (name: string): void => {
      const place = Routes.ofKey(server.shards!, name)
      const node = Routes.isPeer(place) ? place.node : server.node
      if (Routes.isPeer(place)) peers.set(node, place)
      const own = names.get(node)
      if (own === undefined) names.set(node, new Set([name]))
      else own.add(name)
    }
    for (const argv of queue) {
      const command = CommandTable.asked(argv)
      if (command !== undefined) for (const at of CommandKeys.places(command, argv)) add(argv[at])
    }
    for (const key of more) add(key)
    return { names, peerOf: (node) => peers.get(node) }
  }

  private ask(peer: Peer, argv: Argv, answered: (bytes: Uint8Array | undefined) => void): void {
    this.means.agree(peer)
    this.means.ask(peer, argv, answered)
  }

  private crossed(refused: Refused, outcome: Outcome, nodes: Nodes): void {
    const { front, means } = this
    const { client } = front
    const isWatching = client.watched.length > 0
    this.over()
    if (this.isOver) return
    if (outcome.type === "unknown") return front.break()
    if (outcome.type === "waits") return this.wait(refused, outcome, nodes)
    const isMulti = refused.errand.multi !== undefined
    if (isMulti) client.watched = []
    if (outcome.type === "replied") means.fill(refused, outcome.bytes)
    // What was watched has not been watched since: it may have changed.
    else if (isWatching && isMulti) means.fill(refused, Replies.nullArray(client))
    else means.postpone(refused)
    means.heard()
  }

  /** What the client has said of its next command it has not said of the one after that. */
  private over(): void {
    const { tracking } = this.front.client
    this.undertaking = undefined
    if (tracking !== undefined) tracking.isCaching = false
  }

  private wait(asked: Refused, { blocked, keys }: Outcome & { type: "waits" }, { peerOf }: Nodes): void {
    const { front, means } = this
    const { client, server } = front
    const refused = {
      ...asked,
      errand: { ...asked.errand, argv: Resuming.resumed(blocked, server.engine.wallMillis()) }
    }
    const place = refused.place!
    place.waitsUntil ??= blocked.until
    const awaiting = new Awaiting({
      client,
      server,
      keys,
      peerOf,
      ask: (peer, argv, answered) => this.ask(peer, argv, answered),
      release: (peer) => means.release(peer),
      ready: () => front.alarm(this.waited, 0)
    })
    this.waiting = { awaiting, refused, blocked }
    const { waitsUntil } = place
    if (waitsUntil !== 0) front.alarm(this.waited, Math.max(0, waitsUntil - server.engine.wallMillis()))
    awaiting.begin()
  }

  /** There is something, or its time is over. */
  private waitedFor(): void {
    const { front, means, waiting } = this
    if (waiting === undefined || this.isOver) return
    const { blocked, refused } = waiting
    const place = refused.place!
    const isLate = place.waitsUntil !== 0 && front.server.engine.wallMillis() >= place.waitsUntil!
    this.stopWaiting()
    if (isLate) {
      means.fill(
        refused,
        front.capture(() => blocked.timedOut())
      )
      return means.heard()
    }
    place.until = 0
    means.postpone(refused)
    means.wake()
  }

  private stopWaiting(): void {
    const { waiting } = this
    this.waiting = undefined
    this.front.alarm(this.waited, undefined)
    waiting?.awaiting.end()
  }
}
