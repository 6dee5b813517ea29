/**
 * Channel: one connection between two stores: a greeting each way, then frames. It knows the bytes, its owner knows what they mean.
 *
 * Its owner hears of each thing once, never from within its own calls, and nothing after `reset`, or after `lost`.
 */
import type * as Net from "#world/Net.ts"
import type { NetError } from "#world/WorldError.ts"
import * as Frame from "./Frame.ts"
import * as Greeting from "./Greeting.ts"

export interface ChannelOwner {
  /** The other end's greeting is here. */
  greeted(channel: Channel, greeting: Greeting.Greeting): void
  /** A frame of an open channel. */
  received(channel: Channel, lane: number, payload: Uint8Array): void
  /** After a `write` that returned false. */
  drained(channel: Channel): void
  /** The bytes are not what a store sends; the channel is reset already. */
  corrupt(channel: Channel, problem: Greeting.Problem | Frame.Problem): void
  /** The connection is over, and this side did not end it. */
  lost(channel: Channel, error: NetError | undefined): void
}

export class Channel implements Net.StreamSink {
  readonly startedMicros: number
  heardMicros: number
  /** The last `write` returned false. */
  isBlocked = false
  private readonly owner: ChannelOwner
  private readonly now: () => number
  private connection!: Net.Connection
  private state: "greeting" | "judging" | "open" | "over" = "greeting"
  private readonly greeting = new Uint8Array(Greeting.sizeBytes)
  private greetingFilled = 0
  private readonly reader = new Frame.Reader()

  constructor(owner: ChannelOwner, now: () => number) {
    this.owner = owner
    this.now = now
    this.startedMicros = now()
    this.heardMicros = this.startedMicros
  }

  /** To be called before the connection can say anything. */
  attach(connection: Net.Connection): this {
    this.connection = connection
    return this
  }

  get remote(): Net.Address {
    return this.connection.remote
  }

  /** See `Net.Connection`. */
  get peerNames(): ReadonlyArray<string> | undefined {
    return this.connection.peerNames
  }

  get isOver(): boolean {
    return this.state === "over"
  }

  /** The greetings were found good: frames may come, and may be written. */
  open(): void {
    this.state = "open"
  }

  /** False: nothing more before `drained`. */
  write(bytes: Uint8Array): boolean {
    const hasRoom = this.connection.write(bytes)
    this.isBlocked = !hasRoom
    return hasRoom
  }

  /** Says why there will be no frames; the other end breaks the connection when it has read that. */
  refuse(answer: Uint8Array): void {
    this.connection.write(answer)
    this.connection.end()
  }

  reset(): void {
    if (this.isOver) return
    this.state = "over"
    this.connection.reset()
  }

  opened(): void {
    this.heardMicros = this.now()
  }

  data(chunk: Uint8Array): void {
    if (this.isOver) return
    this.heardMicros = this.now()
    let rest = chunk
    if (this.state === "greeting") {
      const end = Math.min(chunk.length, Greeting.sizeBytes - this.greetingFilled)
      this.greeting.set(chunk.subarray(0, end), this.greetingFilled)
      this.greetingFilled += end
      if (this.greetingFilled < Greeting.sizeBytes) return
      this.greet()
      rest = chunk.subarray(end)
    }
    if (rest.length > 0 && this.state === "open") this.frames(rest)
  }

  drained(): void {
    if (this.isOver) return
    this.isBlocked = false
    this.owner.drained(this)
  }

  /** A store does not end its side: its process is gone, or it has refused. */
  ended(): void {
    if (this.isOver) return
    this.reset()
    this.owner.lost(this, undefined)
  }

  closed(error: NetError | undefined): void {
    if (this.isOver) return
    this.state = "over"
    this.owner.lost(this, error)
  }

  private greet(): void {
    const greeting = Greeting.decode(this.greeting)
    this.state = "judging"
    if (typeof greeting === "string") this.fail(greeting)
    else this.owner.greeted(this, greeting)
  }

  private frames(chunk: Uint8Array): void {
    const problem = this.reader.read(chunk, this.visit)
    if (problem !== undefined && !this.isOver) this.fail(problem)
  }

  private readonly visit = (lane: number, payload: Uint8Array): boolean => {
    if (lane !== Frame.keepAlive) this.owner.received(this, lane, payload)
    return !this.isOver
  }

  private fail(problem: Greeting.Problem | Frame.Problem): void {
    this.reset()
    this.owner.corrupt(this, problem)
  }
}
