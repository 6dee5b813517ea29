/** StreamEnd: what the stream claims of `NetContract` use at each end of a connection. */
import * as Effect from "effect/Effect"
import * as Net from "../Net.ts"
import type { NetError } from "../WorldError.ts"
import { pattern, patternByte, Reentrancy, textOf, until } from "./Claim.ts"

/** One end of a connection: its sink, and a record of what the sink was told. */
export class End implements Net.StreamSink {
  connection!: Net.Connection
  /** Every event but `data`, in order. */
  readonly events: Array<"opened" | "drained" | "ended" | "closed"> = []
  error: NetError | undefined
  receivedBytes = 0
  /** The bytes, where they are few. */
  text = ""
  /** Where the bytes were not those of the expected pattern. */
  wrongAt = -1
  eventsAfterClosed = 0
  /** The pattern that the peer sends. */
  readonly expectedKey: number
  readonly reentrancy: Reentrancy
  /** Runs after the record of an event is made. */
  onData: (chunk: Uint8Array) => void = () => {}
  onDrained: () => void = () => {}
  onEnded: () => void = () => {}

  constructor(options: { readonly expectedKey?: number; readonly reentrancy?: Reentrancy } = {}) {
    this.expectedKey = options.expectedKey ?? -1
    this.reentrancy = options.reentrancy ?? new Reentrancy()
  }

  get isClosed(): boolean {
    return this.events.includes("closed")
  }

  count(event: "opened" | "drained" | "ended" | "closed"): number {
    return this.events.filter((found) => found === event).length
  }

  private note(event: "opened" | "drained" | "ended" | "closed" | "data"): void {
    this.reentrancy.note(event)
    if (this.isClosed) this.eventsAfterClosed++
    if (event !== "data") this.events.push(event)
  }

  opened(): void {
    this.note("opened")
  }
  data(chunk: Uint8Array): void {
    this.note("data")
    if (this.expectedKey < 0) this.text += textOf(chunk)
    else {
      for (let index = 0; index < chunk.length && this.wrongAt < 0; index++) {
        if (chunk[index] !== patternByte(this.expectedKey, this.receivedBytes + index))
          this.wrongAt = this.receivedBytes + index
      }
    }
    this.receivedBytes += chunk.length
    this.onData(chunk)
  }
  drained(): void {
    this.note("drained")
    this.onDrained()
  }
  ended(): void {
    this.note("ended")
    this.onEnded()
  }
  closed(error: NetError | undefined): void {
    this.note("closed")
    this.error = error
  }
}

/** Sends `totalBytes` of a pattern in chunks of changing sizes, as fast as the connection lets it, then ends. */
export class Sender {
  private readonly connection: Net.Connection
  private readonly key: number
  private readonly totalBytes: number
  private sentBytes = 0

  constructor(options: { readonly from: End; readonly key: number; readonly totalBytes: number }) {
    this.connection = options.from.connection
    this.key = options.key
    this.totalBytes = options.totalBytes
    options.from.onDrained = () => this.run()
  }

  run(): void {
    while (this.sentBytes < this.totalBytes) {
      const length = Math.min(this.totalBytes - this.sentBytes, 1 + ((this.sentBytes * 13) % 40_000))
      const chunk = pattern(this.key, this.sentBytes, length)
      this.sentBytes += length
      if (!this.connection.write(chunk)) return
    }
    this.connection.end()
  }
}

/** Listens for the life of the scope, and keeps the accepting ends in order. `makeEnd` makes each one's record. */
export const listen = Effect.fnUntraced(function* (
  host: string,
  makeEnd: (connection: Net.Connection) => End = () => new End()
) {
  const net = yield* Net.Net
  const accepted: Array<End> = []
  const listener = yield* net.listen({ host, port: 0 }, (connection) => {
    const end = makeEnd(connection)
    end.connection = connection
    accepted.push(end)
    return end
  })
  return { listener, address: listener.address, accepted }
})

/** Dials by the port; the dialling end's record knows the connection before anything happens to it. */
export const dial = Effect.fnUntraced(function* (
  address: Net.Address,
  end: End = new End(),
  options?: Net.DialOptions
) {
  const net = yield* Net.Net
  end.connection = net.port.dial(address, end, options)
  return end
})

/** Two ends of an established connection. Each expects the pattern of its name's number from the other. */
export const connect = Effect.fnUntraced(function* (host: string) {
  const { accepted, address, listener } = yield* listen(host, () => new End({ expectedKey: 1 }))
  const near = yield* dial(address, new End({ expectedKey: 2 }))
  yield* until("both ends are connected", () => near.count("opened") === 1 && accepted.length === 1)
  return { near, far: accepted[0], listener }
})
