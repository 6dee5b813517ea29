/**
 * Connection: one client of a Redis server: commands out, replies in, in order. Pushes (RESP3) count as replies only of the commands
 * that are answered by nothing else. Needs a server that answers: after `waitMillisMax` without a byte it gives up.
 */
import { connect, type Socket } from "node:net"
import * as Reply from "./Reply.ts"

/** Where a server listens: `host:port`, or the path of a socket. */
export type Address = string

const waitMillisMax = 5_000

/** A server that cannot be reached, or that ended the connection. */
export class Lost extends Error {}

export const encode = (argv: ReadonlyArray<string>): string =>
  `*${argv.length}\r\n${argv.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join("")}`

const answeredByPushes = /^(un)?[ps]?(un)?subscribe$/i

export class Connection {
  private readonly parser = new Reply.Parser()
  private waiting: { readonly count: number; readonly done: (error?: Error) => void } | undefined
  private replies: Array<Reply.Reply> = []
  private pushesCount = false
  private ended: Error | undefined

  private readonly socket: Socket

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.setTimeout(waitMillisMax, () => socket.destroy(new Lost("the server does not answer")))
    socket.on("data", (bytes) => this.read(bytes as Buffer))
    socket.on("error", (error) => this.end(error))
    socket.on("close", () => this.end(new Lost("the server closed the connection")))
  }

  static open(address: Address): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const at = address.lastIndexOf(":")
      const socket = address.includes("/")
        ? connect(address)
        : connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)) })
      socket.once("error", (error) => reject(new Lost(`${address}: ${error.message}`)))
      socket.once("connect", () => resolve(new Connection(socket)))
    })
  }

  close(): void {
    this.socket.destroy()
  }

  /** Sends commands in one write and waits for a reply to each. */
  async all(commands: ReadonlyArray<ReadonlyArray<string>>): Promise<ReadonlyArray<Reply.Reply>> {
    if (this.ended !== undefined) throw this.ended
    this.replies = []
    this.pushesCount = commands.some(([name]) => answeredByPushes.test(name))
    await new Promise<void>((resolve, reject) => {
      this.waiting = {
        count: commands.length,
        done: (error) => (error === undefined ? resolve() : reject(error))
      }
      this.socket.write(Buffer.from(commands.map(encode).join(""), "latin1"))
    })
    return this.replies
  }

  async one(...argv: ReadonlyArray<string>): Promise<Reply.Reply> {
    return (await this.all([argv]))[0]
  }

  private read(bytes: Buffer): void {
    try {
      this.parser.push(bytes.toString("latin1"))
      for (let reply = this.parser.next(); reply !== undefined; reply = this.parser.next()) {
        if (reply.kind !== "push" || this.pushesCount) this.replies.push(reply)
      }
    } catch (error) {
      this.end(error as Error)
      return
    }
    if (this.waiting !== undefined && this.replies.length >= this.waiting.count) {
      const { done } = this.waiting
      this.waiting = undefined
      done()
    }
  }

  private end(error: Error): void {
    this.ended ??= error
    this.waiting?.done(this.ended)
    this.waiting = undefined
    this.socket.destroy()
  }
}
