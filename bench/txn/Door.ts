/** Door: a connection to one server of the bench, as calls. */
import type { Buffer } from "node:buffer"
import * as net from "node:net"
import { Frames, ends } from "./Frames.ts"

export interface Answer {
  readonly end: number
  readonly body: Buffer
}

export class Door {
  private readonly socket: net.Socket
  private readonly frames: Frames
  private readonly waiting = new Map<number, (answer: Answer | undefined) => void>()
  private number = 0

  private constructor(socket: net.Socket) {
    this.socket = socket
    this.frames = new Frames(socket, (number, end, body) => {
      const done = this.waiting.get(number)
      this.waiting.delete(number)
      done?.({ end, body })
    })
    socket.on("close", () => {
      for (const done of this.waiting.values()) done(undefined)
      this.waiting.clear()
    })
  }

  /** Waits until the server has opened its door. */
  static async open(port: number): Promise<Door> {
    for (let tries = 0; tries < 300; tries++) {
      const socket = await new Promise<net.Socket | undefined>((resolve) => {
        const made = net.connect({ port, host: "127.0.0.1", noDelay: true })
        made.once("connect", () => resolve(made))
        made.once("error", () => resolve(undefined))
      })
      if (socket !== undefined) return new Door(socket)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    throw new Error(`nobody listens on port ${port}`)
  }

  /** Undefined: the connection is broken. */
  ask(kind: number, body: Buffer | undefined, done: (answer: Answer | undefined) => void): void {
    if (this.socket.destroyed) return done(undefined)
    this.waiting.set(++this.number, done)
    this.frames.send(this.number, kind, body)
  }

  /** Tries again until it is done. */
  async insist(kind: number, body?: Buffer): Promise<Buffer> {
    let last: Answer | undefined
    for (let tries = 0; tries < 50; tries++) {
      last = await new Promise<Answer | undefined>((resolve) => this.ask(kind, body, resolve))
      if (last?.end === ends.done) return last.body
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    throw new Error(`a server of the bench does not do what it is asked: ${last?.body.toString() ?? "it is gone"}`)
  }

  close(): void {
    this.socket.destroy()
  }
}
