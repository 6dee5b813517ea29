/** The server's process under clients that are many, large, wild and slow; and killed in the midst of it. It answers after all of that. */
import type { ChildProcess } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { freePort, serveWithin } from "./cli/TestServer.ts"

const parent = mkdtempSync(join(tmpdir(), "orbit-hardship-"))
const children = new Set<ChildProcess>()
const timeoutMillis = 120_000

afterAll(() => {
  for (const child of children) child.kill("SIGKILL")
  rmSync(parent, { recursive: true, force: true })
})

const start = async (directory: string, port: number, heapMegabytes?: number): Promise<ChildProcess> => {
  const child = await serveWithin(heapMegabytes, join(parent, directory), port)
  children.add(child)
  return child
}

const kill = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.on("close", () => resolve())
    child.kill("SIGKILL")
  })

const command = (...argv: ReadonlyArray<string>): Buffer =>
  Buffer.from(
    `*${argv.length}\r\n${argv.map((argument) => `$${Buffer.byteLength(argument, "latin1")}\r\n${argument}\r\n`).join("")}`,
    "latin1"
  )

/** A client that counts what comes until it is as much as is waited for. */
class Client {
  readonly socket: Socket
  readonly closed: Promise<void>
  private chunks: Array<Buffer> = []
  private bytes = 0
  private wanted: { readonly isEnough: (client: Client) => boolean; readonly done: () => void } | undefined

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1")
    this.socket.on("error", () => {})
    this.closed = new Promise((resolve) => this.socket.on("close", () => resolve()))
    this.socket.on("data", (chunk) => {
      this.chunks.push(chunk)
      this.bytes += chunk.length
      if (this.wanted?.isEnough(this) === true) this.wanted.done()
    })
  }

  get sizeBytes(): number {
    return this.bytes
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString("latin1")
  }

  /** What came, once it is enough; forgotten then. */
  until(isEnough: (client: Client) => boolean): Promise<string> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.wanted = undefined
        const { text } = this
        this.chunks = []
        this.bytes = 0
        resolve(text)
      }
      if (isEnough(this)) done()
      else this.wanted = { isEnough, done }
    })
  }

  ask(...argv: ReadonlyArray<string>): Promise<string> {
    this.socket.write(command(...argv))
    return this.until(({ text }) => text.endsWith("\r\n"))
  }
}

const ping = async (port: number): Promise<string> => {
  const client = new Client(port)
  const reply = await client.ask("PING")
  client.socket.destroy()
  return reply
}

const lines = (text: string): number => text.split("\r\n").length - 1

describe("the server's process", { timeout: timeoutMillis }, () => {
  it("answers after many clients, large values, wild bytes, long pipelines and those who do not read", async () => {
    const port = await freePort()
    const child = await start("stays-up", port)

    const many = Array.from({ length: 300 }, () => new Client(port))
    const replies = await Promise.all(many.map((client, number) => client.ask("SET", `many:${number}`, String(number))))
    expect(new Set(replies)).toEqual(new Set(["+OK\r\n"]))

    const large = "x".repeat(20 * 1_048_576)
    const [writer, ...others] = many
    expect(await writer.ask("SET", "large", large)).toBe("+OK\r\n")
    others[0].socket.write(command("GET", "large"))
    const head = `$${large.length}\r\n`
    const got = await others[0].until(({ sizeBytes }) => sizeBytes === head.length + large.length + 2)
    expect(got.startsWith(`${head}${large.slice(0, 100)}`)).toBe(true)

    const piped = 10_000
    others[1].socket.write(Buffer.concat(Array.from({ length: piped }, () => command("INCR", "piped"))))
    const counted = await others[1].until(({ sizeBytes, text }) => sizeBytes > piped && lines(text) === piped)
    expect(counted.endsWith(`:${piped}\r\n`)).toBe(true)

    // Each breaks off whoever sends such a thing, or waits for more, and nobody else.
    const wild = Array.from({ length: 40 }, (_, number) => {
      const client = new Client(port)
      const bytes = Buffer.from(Array.from({ length: 3_000 }, (_byte, at) => (at * 131 + number * 17) % 256))
      client.socket.write(number % 2 === 0 ? bytes : Buffer.concat([Buffer.from("*3\r\n$3\r\nSET\r\n$-7\r\n"), bytes]))
      return client
    })

    const slow = Array.from({ length: 5 }, () => new Client(port))
    for (const { socket } of slow) {
      socket.pause()
      socket.write(Buffer.concat(Array.from({ length: 40 }, () => command("GET", "large"))))
    }
    const flood = Array.from({ length: 500 }, () => new Client(port))
    expect(await ping(port)).toBe("+PONG\r\n")

    const memory = /used_memory_rss:(\d+)/.exec(await others[2].ask("INFO", "memory"))
    expect(Number(memory![1])).toBeLessThan(1_200 * 1_048_576)
    for (const { socket } of [...many, ...wild, ...slow, ...flood]) socket.destroy()
    expect(await ping(port)).toBe("+PONG\r\n")
    await kill(child)
  })

  it("refuses more data than it has memory for, and says so where it cannot hold what is stored", async () => {
    const port = await freePort()
    let child = await start("full", port, 260)
    const writer = new Client(port)
    const value = "x".repeat(400_000)
    let stored = 0
    let reply: string
    do reply = await writer.ask("SET", `key:${stored}`, value)
    while (reply === "+OK\r\n" && ++stored < 10_000)
    expect(reply).toMatch(/^-OOM command not allowed: data has .*--max-old-space-size/)
    expect(await writer.ask("DEL", "key:0")).toBe(":1\r\n")
    expect(await writer.ask("GET", "key:1")).toBe(`$${value.length}\r\n${value}\r\n`)
    await kill(child)
    await expect(start("full", port, 140)).rejects.toThrow("start it with a larger --max-old-space-size")
    child = await start("full", port, 260)
    expect(await new Client(port).ask("DBSIZE")).toBe(`:${stored - 1}\r\n`)
    await kill(child)
  })

  it("has everything that it acknowledged after kill -9, whatever it was doing", async () => {
    const port = await freePort()
    let child = await start("survives", port)
    const counters = 8
    for (let round = 0; round < 3; round++) {
      const clients = Array.from({ length: counters }, () => new Client(port))
      let acknowledged = 0
      const working = clients.map(async (client, number) => {
        for (let i = 0; ; i++) {
          const reply = await Promise.race([client.ask("RPUSH", `list:${round}:${number}`, String(i)), client.closed])
          if (reply === undefined) return i
          acknowledged += 1
        }
      })
      while (acknowledged < 400) await new Promise((resolve) => setTimeout(resolve, 5))
      await kill(child)
      const pushed = await Promise.all(working)
      child = await start("survives", port)
      const reader = new Client(port)
      for (const [number, count] of pushed.entries()) {
        const length = Number((await reader.ask("LLEN", `list:${round}:${number}`)).slice(1))
        // One more may be there: it was stored, and the reply was on its way.
        expect([count, count + 1]).toContain(length)
      }
      reader.socket.destroy()
    }
    await kill(child)
  })
})
