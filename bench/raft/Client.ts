/**
 * Client: puts values of 256 bytes under random keys for a while, with so many callers, each of which has one put under way, in one of
 * so many groups. One process, one connection to each store that leads; prints one JSON object: puts, failures, latencies, the longest time
 * without an answer, its own CPU time.
 *
 * `node bench/raft/Client.ts grpc|plain PORT,PORT,PORT CALLERS SECONDS GROUPS`
 */
import { Buffer } from "node:buffer"
import * as http2 from "node:http2"
import * as net from "node:net"
import * as Grpc from "./Grpc.ts"

const [kind, portsText, callersText, secondsText, groupsText] = process.argv.slice(2)
const groups = Number(groupsText)
const callers = Number(callersText)
const endsAt = (seconds: number): number => performance.now() + seconds * 1_000
const keys = 100_000
const value = Buffer.alloc(256, "x")
const keyOf = (number: number): Buffer => Buffer.from(`key-${String(number).padStart(12, "0")}`)
let state = 12_345
const random = (): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return state
}

const latencies: Array<number> = []
let failures = 0

interface Door {
  put(group: number, key: Buffer, done: (isOk: boolean) => void): void
  close(): void
}

const call = (
  session: http2.ClientHttp2Session,
  path: string,
  message: Buffer,
  done: (reply: Buffer | undefined) => void
): void => {
  const stream = session.request(Grpc.requestHeaders(path), { endStream: false })
  let reply: Buffer = Buffer.alloc(0)
  let isOk = false
  stream.on("data", (chunk: Buffer) => (reply = reply.length === 0 ? chunk : Buffer.concat([reply, chunk])))
  stream.on("trailers", (trailers) => (isOk = trailers["grpc-status"] === "0"))
  stream.on("error", () => {})
  stream.on("close", () => done(isOk ? Grpc.unframe(reply) : undefined))
  stream.end(Grpc.frame(message))
}

const connect = (port: number): Promise<http2.ClientHttp2Session> =>
  new Promise((resolve, reject) => {
    const session = http2.connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 1_048_576 } })
    session.on("connect", () => resolve(session))
    session.on("error", reject)
  })

const grpc = async (ports: ReadonlyArray<number>): Promise<Door> => {
  for (let tries = 0; tries < 100; tries++) {
    for (const port of ports) {
      const session = await connect(port).catch(() => undefined)
      if (session === undefined) continue
      const status = await new Promise<Buffer | undefined>((resolve) =>
        call(session, Grpc.statusPath, Buffer.alloc(0), resolve)
      )
      if (status !== undefined && Grpc.isLeaderStatus(status)) {
        return {
          put: (_, key, done) =>
            call(session, Grpc.putPath, Grpc.encodePut(key, value), (reply) => done(reply !== undefined)),
          close: () => session.close()
        }
      }
      session.close()
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error("no leader answers")
}

type Put = (group: number, key: Buffer, done: (isOk: boolean) => void) => void

/** A connection to one store; undefined once it is broken. */
const connectPlain = (port: number): { put: Put; isOpen: () => boolean; close: () => void } => {
  const waiting = new Map<number, (isOk: boolean) => void>()
  let number = 0
  let isOpen = true
  let out: Array<Buffer> = []
  let rest: Buffer = Buffer.alloc(0)
  const socket = net.connect({ port, host: "127.0.0.1", noDelay: true })
  socket.on("error", () => {})
  socket.on("close", () => {
    isOpen = false
    for (const done of waiting.values()) done(false)
    waiting.clear()
  })
  socket.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    for (; at + 5 <= rest.length; at += 5) {
      const answered = rest.readUInt32LE(at)
      const done = waiting.get(answered)
      waiting.delete(answered)
      done?.(rest[at + 4] === 1)
    }
    rest = rest.subarray(at)
  })
  return {
    isOpen: () => isOpen,
    close: () => socket.destroy(),
    put: (group, key, done) => {
      const frame = Buffer.allocUnsafe(16 + key.length + value.length)
      frame.writeUInt32LE(++number, 0)
      frame.writeUInt32LE(group, 4)
      frame.writeUInt32LE(key.length, 8)
      frame.writeUInt32LE(value.length, 12)
      frame.set(key, 16)
      frame.set(value, 16 + key.length)
      if (out.length === 0) {
        queueMicrotask(() => {
          socket.write(Buffer.concat(out))
          out = []
        })
      }
      out.push(frame)
      waiting.set(number, done)
    }
  }
}

/** Asks the store that last led the group; where that refuses, or is gone, the next one. */
const plain = (ports: ReadonlyArray<number>): Door => {
  const connections = ports.map(connectPlain)
  const leaders = new Map<number, number>()
  return {
    put: (group, key, done) => {
      const at = leaders.get(group) ?? 0
      const answered = (isOk: boolean): void => {
        if (!isOk) leaders.set(group, (at + 1) % ports.length)
        done(isOk)
      }
      if (connections[at].isOpen()) connections[at].put(group, key, answered)
      else answered(false)
    },
    close: () => connections.forEach((connection) => connection.close())
  }
}

const ports = portsText.split(",").map(Number)
const door = kind === "grpc" ? await grpc(ports) : plain(ports)

let lastAnswer = 0
let longestSilence = 0

const run = (seconds: number): Promise<void> =>
  new Promise((resolve) => {
    const end = endsAt(seconds)
    let left = callers
    const next = (caller: number): void => {
      if (performance.now() >= end) {
        if (--left === 0) resolve()
        return
      }
      const start = performance.now()
      door.put((caller % groups) + 1, keyOf(random() % keys), (isOk) => {
        const now = performance.now()
        if (isOk) {
          latencies.push(now - start)
          longestSilence = Math.max(longestSilence, now - lastAnswer)
          lastAnswer = now
          next(caller)
        } else {
          failures++
          // Nobody leads, or somebody else does.
          setTimeout(() => next(caller), 5)
        }
      })
    }
    for (let i = 0; i < callers; i++) next(i)
  })

await run(1)
latencies.length = 0
failures = 0
lastAnswer = performance.now()
longestSilence = 0
process.stdout.write("begin\n")
const cpu = process.cpuUsage()
const start = performance.now()
await run(Number(secondsText))
const seconds = (performance.now() - start) / 1_000
const used = process.cpuUsage(cpu)
latencies.sort((left, right) => left - right)
const at = (share: number): number =>
  latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
process.stdout.write(
  `${JSON.stringify({ puts: latencies.length, failures, seconds, p50: at(0.5), p99: at(0.99), longestSilence, cpuMicros: used.user + used.system })}\n`
)
door.close()
process.exit(0)
