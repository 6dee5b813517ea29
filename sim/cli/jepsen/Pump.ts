/**
 * Pump: one direction of a connection through the proxy: bytes, and the end of them, from one socket to the other, in their order; late where the link
 * is slow, and not at all while it is cut. What waits then goes on later, as TCP sends again what got lost.
 *
 * Promises: nothing overtakes, nothing is lost but by `reset`; while it is cut, neither end hears of the other's end.
 */
import type { Socket } from "node:net"

/** What a direction of a link does to bytes now. */
export interface Weather {
  readonly isCut: boolean
  /** Each piece is late by up to so much, drawn by `draw`. */
  readonly delayMillisMax: number
}

type Item = { readonly dueAt: number } & (
  | { readonly type: "data"; readonly chunk: Buffer }
  | { readonly type: "end" | "reset" }
)

/** More than this waits in the source's buffers, and then at the source. */
const waitingBytesMax = 1_048_576

export class Pump {
  private readonly source: Socket
  private target: Socket | undefined
  private readonly weather: () => Weather
  private readonly draw: () => number
  private readonly waiting: Array<Item> = []
  private waitingBytes = 0
  private lastDueAt = 0
  private isFull = false
  private timer: NodeJS.Timeout | undefined

  constructor(parts: { readonly source: Socket; readonly weather: () => Weather; readonly draw: () => number }) {
    this.source = parts.source
    this.weather = parts.weather
    this.draw = parts.draw
    const { source } = this
    source.on("data", (chunk: Buffer) => {
      this.waitingBytes += chunk.length
      this.put({ type: "data", chunk, dueAt: this.due() })
      if (this.waitingBytes > waitingBytesMax) source.pause()
    })
    source.on("end", () => this.put({ type: "end", dueAt: this.due() }))
    source.on("close", (hadError) => {
      if (hadError) this.put({ type: "reset", dueAt: this.due() })
    })
    // `close` follows.
    source.on("error", () => {})
  }

  /** Where bytes go from now on. */
  to(target: Socket): void {
    this.target = target
    target.on("drain", () => {
      this.isFull = false
      this.flow()
    })
    this.flow()
  }

  private due(): number {
    const { delayMillisMax } = this.weather()
    this.lastDueAt = Math.max(this.lastDueAt, performance.now() + delayMillisMax * this.draw())
    return this.lastDueAt
  }

  private put(item: Item): void {
    this.waiting.push(item)
    this.flow()
  }

  /** The weather has changed, or there is something to do. */
  flow(): void {
    const { target, waiting } = this
    if (target === undefined || this.weather().isCut) return
    while (waiting.length > 0 && !this.isFull) {
      const [item] = waiting
      const leftMillis = item.dueAt - performance.now()
      if (leftMillis > 0) {
        this.timer ??= setTimeout(() => {
          this.timer = undefined
          this.flow()
        }, leftMillis)
        return
      }
      waiting.shift()
      this.pass(target, item)
    }
    if (this.waitingBytes <= waitingBytesMax) this.source.resume()
  }

  private pass(target: Socket, item: Item): void {
    if (item.type === "data") {
      this.waitingBytes -= item.chunk.length
      if (!target.destroyed && target.writable) this.isFull = !target.write(item.chunk)
    } else if (item.type === "end") target.end()
    else target.resetAndDestroy()
  }

  close(): void {
    clearTimeout(this.timer)
    this.waiting.length = 0
  }
}
