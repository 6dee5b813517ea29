/**
 * Frames: what the bench's client and server say to each other on one connection: the length of what follows, a number that answers bear as well,
 * one byte (what is asked; how it ended) and the rest. Numbers are u32, little-endian. What is written in one turn goes out in one piece.
 */
import { Buffer } from "node:buffer"
import type { Socket } from "node:net"

/** What may be asked. `transfer`: from, to, amount. `fill`: accounts from, to. `split`: an account. `move`: an account, its
 * range, a store. */
export const kinds = { transfer: 1, fill: 2, split: 3, move: 4, where: 5, rounds: 6 } as const

/** How it ended. `done` of a transfer: attempts. `poor`: the balance was too small; nothing has happened. */
export const ends = { done: 0, poor: 1, failed: 2 } as const

const headBytes = 9
const none: Buffer = Buffer.alloc(0)

export class Frames {
  private readonly socket: Socket
  private rest: Buffer = none
  private out: Array<Buffer> = []

  constructor(socket: Socket, take: (number: number, kind: number, body: Buffer) => void) {
    this.socket = socket
    socket.on("error", () => {})
    socket.on("data", (chunk: Buffer) => {
      this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk])
      let at = 0
      while (this.rest.length - at >= headBytes) {
        const end = at + 4 + this.rest.readUInt32LE(at)
        if (end > this.rest.length) break
        take(this.rest.readUInt32LE(at + 4), this.rest[at + 8], this.rest.subarray(at + headBytes, end))
        at = end
      }
      this.rest = this.rest.subarray(at)
    })
  }

  send(number: number, kind: number, body: Buffer = none): void {
    const frame = Buffer.allocUnsafe(headBytes + body.length)
    frame.writeUInt32LE(5 + body.length, 0)
    frame.writeUInt32LE(number, 4)
    frame[8] = kind
    frame.set(body, headBytes)
    if (this.out.length === 0) queueMicrotask(() => this.flush())
    this.out.push(frame)
  }

  private flush(): void {
    const { out } = this
    this.out = []
    if (!this.socket.destroyed) this.socket.write(out.length === 1 ? out[0] : Buffer.concat(out))
  }
}

export const numbers = (...values: ReadonlyArray<number>): Buffer => {
  const body = Buffer.allocUnsafe(values.length * 4)
  values.forEach((value, index) => body.writeUInt32LE(value, index * 4))
  return body
}
