/**
 * Client: puts values of 256 bytes under random keys for a while, with so many callers, each of which has one put under way. One process, one
 * connection, to the store that leads; prints one JSON object: puts, failures, latencies, its own CPU time.
 *
 * `node bench/raft/Client.ts grpc|plain PORT,PORT,PORT CALLERS SECONDS`
 */
import { Buffer } from "node:buffer"
import * as http2 from "node:http2"
import * as net from "node:net"
import * as Grpc from "./Grpc.ts"

const [kind, portsText, callersText, secondsText] = process.argv.slice(2)
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
  put(key: Buffer, done: (isOk: boolean) => void): void
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
          put: (key, done) =>
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

const plain = (port: number): Promise<Door> =>
  new Promise((resolve, reject) => {
    const waiting: Array<(isOk: boolean) => void> = []
    let head = 0
    let out: Array<Buffer> = []
    const socket = net.connect({ port, host: "127.0.0.1", noDelay: true })
    socket.on("error", reject)
    socket.on("data", (chunk) => {
      for (let i = 0; i < chunk.length; i++) waiting[head++](chunk[i] === 1)
      if (head > 65_536) (waiting.splice(0, head), (head = 0))
    })
    socket.on("connect", () =>
      resolve({
        put: (key, done) => {
          const frame = Buffer.allocUnsafe(8 + key.length + value.length)
          frame.writeUInt32LE(key.length, 0)
          frame.writeUInt32LE(value.length, 4)
          frame.set(key, 8)
          frame.set(value, 8 + key.length)
          if (out.length === 0) {
            queueMicrotask(() => {
              socket.write(Buffer.concat(out))
              out = []
            })
          }
          out.push(frame)
          waiting.push(done)
        },
        close: () => socket.destroy()
      })
    )
  })

/** The door of the store that leads: the others refuse. */
const plainLeader = async (ports: ReadonlyArray<number>): Promise<Door> => {
  for (let tries = 0; tries < 100; tries++) {
    for (const port of ports) {
      const found = await plain(port).catch(() => undefined)
      if (found === undefined) continue
      if (await new Promise<boolean>((resolve) => found.put(keyOf(0), resolve))) return found
      found.close()
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error("no leader answers")
}

const ports = portsText.split(",").map(Number)
const door = kind === "grpc" ? await grpc(ports) : await plainLeader(ports)

const run = (seconds: number): Promise<void> =>
  new Promise((resolve) => {
    const end = endsAt(seconds)
    let left = callers
    const next = (): void => {
      if (performance.now() >= end) {
        if (--left === 0) resolve()
        return
      }
      const start = performance.now()
      door.put(keyOf(random() % keys), (isOk) => {
        if (isOk) latencies.push(performance.now() - start)
        else failures++
        next()
      })
    }
    for (let i = 0; i < callers; i++) next()
  })

await run(0.5)
latencies.length = 0
failures = 0
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
  `${JSON.stringify({ puts: latencies.length, failures, seconds, p50: at(0.5), p99: at(0.99), cpuMicros: used.user + used.system })}\n`
)
door.close()
process.exit(0)
