/**
 * Session: one connection of a client: bytes to requests, requests to the executor, replies to bytes.
 *
 * Promises: replies leave in the order of their requests; nothing of a turn's replies leaves before the gate lets it, which is when all
 * they tell of is stored (not for a client that chose `async`); one write a turn; a request after one that waits (for keys, for a pause, for
 * output to leave) is not run before that one is done. A client that does not read is not read from, once much waits for it. What other nodes run
 * for it (`Forwarding`) has its place among its replies as soon as it is sent, and needs no gate here: theirs has let it out.
 *
 * Needs: `Sessions`, which share the turn among them.
 */
import * as Bytes from "#base/Bytes.ts"
import * as Limits from "#base/Limits.ts"
import type { Alarm } from "#world/DeadlineHeap.ts"
import * as Net from "#world/Net.ts"
import { Client, type Port } from "./Client.ts"
import { Forwarding } from "./Forwarding.ts"
import type { Front, Place, Repeated } from "./Front.ts"
import type { Host } from "./Host.ts"
import { Parser } from "./Parser.ts"
import * as Reply from "./Reply.ts"
import type { Relayed } from "./Relay.ts"
import type { Server } from "./Server.ts"
import type { OutputLimit } from "./ServerSettings.ts"

interface Output extends Place {
  /** Not durable yet. */
  isHeld: boolean
  /** This node says it: it must have been its to say. */
  isOwn: boolean
}

/** Replies of so many bytes together leave in one write. */
const joinedBytesMax = 65_536

const unblockedText = "UNBLOCKED client unblocked via CLIENT UNBLOCK"

export class Session implements Net.StreamSink, Port, Front {
  readonly client: Client
  readonly input = new Parser()
  away: Forwarding | undefined
  outputBytes = 0
  private readonly host: Host<Session>
  private connection!: Net.Connection
  /** What is to be sent, in this order. */
  private output: Array<Output> = []
  /** Of the command that is run again. */
  private ownPlace: Place | undefined
  /** The connection's buffer is full. */
  isFull = false
  /** Of what waits to be sent, as much is in there. */
  private bufferedBytes = 0
  private isReadPaused = false
  /** A command that CLIENT PAUSE holds up. */
  private held: ReadonlyArray<string> | undefined
  /** No more requests: its own wish, its connection's end, or an error. */
  private isEnding = false
  private isOver = false
  /** It has asked everything that it is going to. */
  private isLast = false
  /** Milliseconds of the wall clock since when more waits than the soft limit; 0: less does. */
  private softSince = 0
  /** When it ended, to see it go; 0: it has not. */
  endedAt = 0
  /** What came after that. */
  private ignoredBytes = 0

  constructor(id: number, host: Host<Session>) {
    this.host = host
    this.client = new Client(id, new Reply.Reply())
    this.client.port = this
    const { engine, settings } = host.executor.server
    this.input.bulkBytesMax = engine.settings.protoMaxBulkBytes
    this.input.requestBytesMax = settings.requestBytesMax
  }

  get server(): Server {
    return this.host.executor.server
  }

  reach(): Forwarding {
    return (this.away ??= new Forwarding(this))
  }

  /** To be called before the connection can say anything. */
  attach(connection: Net.Connection): this {
    this.connection = connection
    this.client.address = Net.addressKey(connection.remote)
    this.client.localAddress = Net.addressKey(connection.local)
    return this
  }

  /** It is another node, for a client of its own, and is believed what it says of it. */
  relay({ client }: Relayed): void {
    this.client.isRelayed = true
    this.client.address = client
    this.server.begin(this.client)
  }

  opened(): void {}

  data(chunk: Uint8Array): void {
    if (this.isEnding) return this.ignore(chunk.length)
    const { server } = this.host.executor
    server.counts.inputBytes += chunk.length
    server.counts.reads += 1
    this.input.feed(chunk)
    this.turn()
    this.host.settle()
    this.input.keep()
    if (!this.isReadPaused && this.input.waitingBytes > Limits.respWaitingBytesMax && !this.canRun) {
      this.isReadPaused = true
      this.connection.pause()
    }
  }

  /** What comes after its goodbye; much of it: who sends it has to be broken off to see that. */
  private ignore(sizeBytes: number): void {
    this.ignoredBytes += sizeBytes
    if (this.endedAt !== 0 && this.ignoredBytes > Limits.respClosingBytesMax) this.break()
  }

  drained(): void {
    this.isFull = false
    this.waits(-this.bufferedBytes)
    this.bufferedBytes = 0
    this.pump()
    if (this.input.waitingBytes > 0 && this.canRun) this.host.later(this)
  }

  /** It will ask nothing more; what it has asked is answered, unless it would have to wait. */
  ended(): void {
    this.isLast = true
    const isHeld = this.held !== undefined && (this.away === undefined || this.away.count === 0)
    if (this.client.blocked !== undefined || isHeld || this.away?.isBlocked === true) this.end()
    else this.turn()
    this.host.settle()
  }

  closed(): void {
    this.discard()
  }

  unblocked(): void {
    this.host.touched(this)
    this.host.later(this)
  }

  pushed(): void {
    this.host.touched(this)
  }

  close(): void {
    this.client.isClosing = true
    this.host.touched(this)
  }

  /** What it asked for, and waited for here, is to be run from its beginning. */
  again(argv: ReadonlyArray<string>): void {
    if (this.isEnding) return
    this.held = argv
    this.client.isHeld = true
    this.host.hold(this)
    this.server.resumed()
  }

  kill(): void {
    this.client.isClosing = true
    this.drop()
    this.host.executor.server.leave(this.client)
    this.host.touched(this)
  }

  /** At once, and the other end sees it. */
  break(): void {
    if (this.isOver) return
    this.client.isClosing = true
    this.connection.reset()
    this.discard()
  }

  /** Runs what has come, as much as one turn allows, and sends what there is to be sent. */
  turn(): void {
    if (this.isOver) return
    if (this.client.isRelayed && this.client.blocked?.isBusy === false) this.release()
    this.run()
    this.away?.flush()
    if (this.isLast && (this.client.blocked !== undefined || this.away?.isBlocked === true)) this.end()
    this.answer()
    this.weigh()
  }

  /** Each node tells of its own keys, and only its own clients. */
  private broadcast(): void {
    if (this.server.shards !== undefined && !this.client.isRelayed) this.reach().broadcastTo()
  }

  /** All that another node says while its client's command waits is that it is to wait no more (`Backend.unblock`). */
  private release(): void {
    const argv = this.input.next()
    if (argv === undefined) return
    const isError = argv.length === 4 && argv[3] === "ERROR"
    this.server.unblock(this.client, isError ? unblockedText : undefined)
    this.client.out.integer(1)
  }

  private weigh(): void {
    const { memory } = this.host.executor.server
    if (memory.isLimited) memory.count(this.client)
  }

  /** Sends what was written for it. */
  answer(): void {
    if (this.isOver) return
    this.say()
    if (this.isOver) return
    if (this.client.isClosing) this.end()
    else if (this.output.length > 0) this.pump()
  }

  /** What was written for it is to be sent from now on. */
  private say(): void {
    const bytes = this.client.out.take()
    if (bytes === undefined) return
    const { hardBytes } = this.outputLimit
    if (hardBytes === 0 || this.outputBytes + bytes.length <= hardBytes) this.send(bytes)
    // What it has not read by now nobody waits for.
    else if (this.isFull) this.break()
    else this.kill()
  }

  /** The time of what it waits for is over. */
  timedOut(): void {
    this.host.executor.server.unblock(this.client)
  }

  /** Now and then, to see to limits. `now`: milliseconds of the wall clock. */
  inspect(now: number): void {
    const { settings } = this.host.executor.server
    const { blocked, isRelayed, isSubscribed, usedAt } = this.client
    const isWaiting = isRelayed || blocked !== undefined || this.away?.isBlocked === true
    if (this.endedAt !== 0 && now - this.endedAt > Limits.respClosingMillisMax) return this.break()
    const isIdle = settings.idleSeconds > 0 && now - usedAt > settings.idleSeconds * 1_000
    if (isIdle && !isWaiting && !isSubscribed) return this.break()
    this.away?.inspect()
    this.limit(now)
  }

  private get canRun(): boolean {
    if (this.isEnding || this.client.isClosing || this.client.blocked !== undefined || this.held !== undefined)
      return false
    return !this.isLaden && (this.away === undefined || this.away.canRun)
  }

  get isLaden(): boolean {
    const { outputBytes } = this
    return (
      outputBytes >= Limits.respOutputBytesFree &&
      (outputBytes >= Limits.respOutputBytesMax || this.host.outputBytes >= Limits.respOutputsBytesMax)
    )
  }

  private run(): void {
    const { client, host, input } = this
    const { executor } = host
    if (!this.canRun) return
    executor.engine.advance()
    client.usedAt = executor.engine.now
    input.isTrusted = client.isAuthenticated
    for (let commands = 0; ; commands++) {
      if (commands === Limits.respTurnCommandsMax || client.out.sizeBytes > Limits.respTurnBytesMax) {
        host.later(this)
        break
      }
      const argv = input.next()
      if (argv === undefined) {
        if (this.isLast) client.isClosing = true
        break
      }
      if (!this.execute(argv)) break
      input.isTrusted = client.isAuthenticated
    }
    executor.rest()
    if (input.problem !== undefined && !this.isEnding) {
      client.out.error(`ERR Protocol error: ${input.problem}`)
      client.isClosing = true
    }
    if (this.isReadPaused && input.waitingBytes <= Limits.respWaitingBytesMax && this.canRun) {
      this.isReadPaused = false
      this.connection.resume()
    }
  }

  /** False: nothing more in this turn. */
  private execute(argv: ReadonlyArray<string>): boolean {
    const { client, host } = this
    if (!host.executor.execute(client, argv)) {
      this.held = argv
      client.isHeld = true
      host.hold(this)
      return false
    }
    if (client.tracking?.isBroadcast === true) this.broadcast()
    if (client.isClosing) return false
    if (client.blocked === undefined) return this.away === undefined || this.away.canRun
    this.wait()
    return false
  }

  private wait(): void {
    const { blocked } = this.client
    if (blocked !== undefined && blocked.until !== 0) this.host.wait(this, blocked.until)
  }

  /** What held up its command may be over. */
  resume(): void {
    const { away } = this
    if (away?.isStuck === true) away.resumed()
    else if (this.held !== undefined) this.retry(this.held)
  }

  private retry(held: ReadonlyArray<string>): void {
    if (this.isOver) return
    this.host.executor.engine.advance()
    this.held = undefined
    this.client.isHeld = false
    this.execute(held)
    this.turn()
  }

  place(): Output {
    const { ownPlace } = this
    this.ownPlace = undefined
    if (ownPlace !== undefined) return ownPlace as Output
    this.say()
    return this.placeBefore()
  }

  placeBefore(): Output {
    const output: Output = { bytes: undefined, isHeld: false, isOwn: false, until: 0, order: 0, isSilent: false }
    this.output.push(output)
    return output
  }

  fill(place: Place, bytes: Uint8Array): void {
    if (this.isOver) return
    place.bytes = bytes
    this.server.counts.outputBytes += bytes.length
    this.waits(bytes.length)
  }

  push(bytes: Uint8Array): void {
    if (this.isEnding) return
    const output = this.placeOfPush()
    this.fill(output, bytes)
    this.host.touched(this)
  }

  /** Behind all replies that have come, and not behind those that have not: these may take long. */
  private placeOfPush(): Output {
    const { output } = this
    const place: Output = { bytes: undefined, isHeld: false, isOwn: false, until: 0, order: 0, isSilent: false }
    let at = output.length
    while (at > 0 && output[at - 1].bytes === undefined) at -= 1
    output.splice(at, 0, place)
    return place
  }

  assure(write: () => void): void {
    if (this.isOver) return
    const bytes = this.capture(write)
    const output = this.placeBefore()
    output.isOwn = true
    this.fill(output, bytes)
    this.host.touched(this)
  }

  capture(run: () => void): Uint8Array {
    const { client } = this
    this.say()
    run()
    return client.out.take() ?? new Uint8Array(0)
  }

  repeat({ argv, isCaching, multi, place }: Repeated): boolean {
    const { client } = this
    const { executor } = this.host
    this.say()
    if (this.isOver || client.isClosing) return true
    executor.engine.advance()
    this.ownPlace = place
    if (multi !== undefined) client.multi = multi
    if (isCaching && client.tracking !== undefined) client.tracking.isCaching = true
    const isDone = executor.execute(client, argv)
    // Nobody has taken it: the command was run here, or not at all.
    const isHere = this.ownPlace !== undefined
    this.ownPlace = undefined
    if (!isDone) {
      if (multi !== undefined) client.multi = undefined
      return false
    }
    if (!isHere) return true
    const bytes = client.out.take()
    const isTold = bytes !== undefined && !place.isSilent
    this.fill(place, isTold ? bytes : new Uint8Array(0))
    if (isTold && client.durability === "stored") this.guard(place as Output)
    this.wait()
    return true
  }

  proceed(): void {
    if (this.isOver) return
    const { away, client, held, host } = this
    this.pump()
    if (held !== undefined && !client.isClosing && away?.count === 0 && !away.isStuck) this.retry(held)
    else if (this.canRun && (this.isReadPaused || this.isLast || this.input.waitingBytes > 0)) this.turn()
    else {
      away?.flush()
      this.answer()
    }
    host.settle()
  }

  alarm(alarm: Alarm, delayMillis: number | undefined): void {
    this.host.alarm(alarm, delayMillis)
  }

  hold(): void {
    this.host.hold(this)
  }

  private send(bytes: Uint8Array): void {
    const { client, host } = this
    const isHeld = client.durability === "stored"
    host.executor.server.counts.outputBytes += bytes.length
    if (!isHeld && this.output.length === 0 && !this.isFull) {
      if (!host.gate.isHeld) return this.break()
      this.write(bytes)
      if (this.connection.bufferedBytes === 0) Reply.reuse(bytes)
      if (this.isFull) {
        this.waits(bytes.length)
        this.limit(host.executor.engine.now)
      }
      return
    }
    // Nothing is run while it waits elsewhere: these are messages, and they do not.
    const output = this.away?.isBlocked === true ? this.placeOfPush() : this.placeBefore()
    output.bytes = bytes
    output.isOwn = true
    this.waits(bytes.length)
    if (isHeld) this.guard(output)
    this.pump()
  }

  /** It is sent when everything done up to now is durable. */
  private guard(output: Output): void {
    output.isHeld = output.isOwn = true
    const settled = (isStored: boolean): void => {
      output.isHeld = false
      if (isStored) this.pump()
      // What was done is not known to be done: the client learns that by losing its connection.
      else this.break()
    }
    if (!this.host.gate.settled(settled)) output.isHeld = false
  }

  /** Sends what may be sent. */
  private pump(): void {
    if (this.isOver) return
    const { host, output } = this
    let sent = 0
    while (!this.isFull) {
      const end = this.readyFrom(sent)
      if (end === sent) break
      if (!host.gate.isHeld && this.hasOwn(sent, end)) return this.break()
      const bytes = this.joined(sent, end)
      sent = end
      if (bytes.length === 0) continue
      this.write(bytes)
      if (!this.isFull) this.waits(-bytes.length)
    }
    if (sent > 0) output.splice(0, sent)
    if (this.isEnding) {
      if (output.length === 0 && this.endedAt === 0) this.finish()
    } else if (this.isReadPaused || this.isLast || (sent > 0 && this.input.waitingBytes > 0)) {
      if (this.canRun) host.later(this)
    }
    this.away?.throttle()
    this.limit(host.executor.engine.now)
    this.weigh()
  }

  /** Up to where what is to be sent, from a place on, can be sent in one write. */
  private readyFrom(from: number): number {
    const { output } = this
    let at = from
    for (let sizeBytes = 0; at < output.length; at++) {
      const { bytes, isHeld } = output[at]
      if (bytes === undefined || isHeld) break
      sizeBytes += bytes.length
      if (at > from && sizeBytes > joinedBytesMax) break
    }
    return at
  }

  private hasOwn(from: number, end: number): boolean {
    for (let at = from; at < end; at++) if (this.output[at].isOwn) return true
    return false
  }

  private joined(from: number, end: number): Uint8Array {
    const { output } = this
    return end - from === 1 ? output[from].bytes! : Bytes.concat(output.slice(from, end).map(({ bytes }) => bytes!))
  }

  /** So many bytes more wait to be sent. */
  private waits(sizeBytes: number): void {
    this.outputBytes += sizeBytes
    this.host.outputBytes += sizeBytes
  }

  /** What the connection's buffer has no room for lies in memory until it is drained. */
  private write(bytes: Uint8Array): void {
    this.isFull = !this.connection.write(bytes)
    this.host.executor.server.counts.writes += 1
    if (this.isFull) this.bufferedBytes += bytes.length
  }

  private get outputLimit(): OutputLimit {
    const { outputLimit, pubsubOutputLimit } = this.host.executor.server.settings
    return this.client.isSubscribed || this.client.isMonitor ? pubsubOutputLimit : outputLimit
  }

  /** Breaks off who lets too much wait. */
  private limit(now: number): void {
    const { hardBytes, softBytes, softSeconds } = this.outputLimit
    if (!this.client.isAuthenticated && this.outputBytes > Limits.respStrangerOutputBytesMax) return this.break()
    if (hardBytes > 0 && this.outputBytes > hardBytes) return this.break()
    if (softBytes === 0 || this.outputBytes <= softBytes) this.softSince = 0
    else if (this.softSince === 0) this.softSince = now
    else if (now - this.softSince > softSeconds * 1_000) this.break()
  }

  /** Nothing is run any more; what is to be sent is, then the connection ends. */
  private end(): void {
    if (this.isEnding) return
    this.isEnding = true
    this.held = undefined
    this.client.isHeld = false
    this.host.executor.server.forget(this.client)
    this.away?.abandon()
    this.pump()
  }

  private finish(): void {
    this.away?.close()
    this.host.executor.server.leave(this.client)
    this.endedAt = this.host.executor.engine.now
    this.connection.end()
  }

  /** What was to be sent is not. */
  private drop(): void {
    this.away?.close()
    this.waits(-this.outputBytes)
    this.bufferedBytes = 0
    this.output = []
    this.client.out.rewind(0)
    this.client.out.take()
  }

  private discard(): void {
    if (this.isOver) return
    this.isEnding = true
    this.isOver = true
    this.drop()
    this.host.executor.server.leave(this.client)
    this.host.over(this)
  }
}
