/**
 * Server: one store of a bench's cluster as a process of its own, with two doors: etcd's gRPC (`Grpc`), for comparison, and frames on
 * a plain connection (u32 number, group, length of key and of value; the number and one byte back, 1 when it is done), for what the store itself costs.
 *
 * `node bench/raft/Server.ts STORE DIRECTORY PEERPORT,PEERPORT,PEERPORT GRPCPORT PLAINPORT GROUPS`
 */
import { Buffer } from "node:buffer"
import * as http2 from "node:http2"
import * as net from "node:net"
import * as Effect from "effect/Effect"
import * as Store from "#cluster/Store.ts"
import { Group } from "#consensus/Group.ts"
import * as Commands from "#consensus/KeyValueCommand.ts"
import * as ReplicatedLog from "#consensus/ReplicatedLog.ts"
import * as Sessions from "#consensus/Sessions.ts"
import * as RealWorld from "#world/real/RealWorld.ts"
import * as Grpc from "./Grpc.ts"

const [storeText, directory, peerPorts, grpcPort, plainPort, groupsText] = process.argv.slice(2)
const store = Number(storeText)
const ports = peerPorts.split(",").map(Number)
const stores = ports.map((_, i) => i + 1)
/** The gRPC door is that of the first group. */
const first = 1
const groups = Number(groupsText)

const put = (
  log: Store.Store["log"],
  group: number,
  key: Uint8Array,
  value: Uint8Array,
  done: (isOk: boolean) => void
): void => {
  const found = log.host.find(group)
  if (!(found instanceof Group)) return done(false)
  const command = Sessions.plain(Commands.encode(Commands.put(key, value)))
  found.propose(command, ReplicatedLog.deadlineOf(log.host), (error) => done(error === undefined))
}

const serveGrpc = (log: Store.Store["log"]): void => {
  const trailers = { "grpc-status": "0" }
  const answer = (stream: http2.ServerHttp2Stream, message: Uint8Array): void => {
    if (stream.destroyed) return
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
    stream.on("wantTrailers", () => stream.sendTrailers(trailers))
    stream.end(Grpc.frame(message))
  }
  const fail = (stream: http2.ServerHttp2Stream): void => {
    if (!stream.destroyed) stream.respond({ ":status": 200, "grpc-status": "14" }, { endStream: true })
  }
  let revision = 0
  const server = http2.createServer({ settings: { maxConcurrentStreams: 10_000 } })
  server.on("stream", (stream, headers) => {
    let request: Buffer = Buffer.alloc(0)
    stream.on("error", () => {})
    stream.on("data", (chunk: Buffer) => {
      request = request.length === 0 ? chunk : Buffer.concat([request, chunk])
    })
    stream.on("end", () => {
      const message = Grpc.unframe(request)
      if (message === undefined) return fail(stream)
      if (headers[":path"] === Grpc.statusPath) {
        const found = log.host.group(first)
        return answer(stream, Grpc.encodeStatusResponse(store, found?.leader ?? 0))
      }
      const fields = Grpc.fields(message)
      put(log, first, fields.get(1) as Uint8Array, fields.get(2) as Uint8Array, (isOk) =>
        isOk ? answer(stream, Grpc.encodePutResponse(++revision)) : fail(stream)
      )
    })
  })
  server.listen(Number(grpcPort), "127.0.0.1")
}

/** Of a request by the plain door. Numbers are above 0. */
const headBytes = 16

const servePlain = (log: Store.Store["log"]): void => {
  net
    .createServer({ noDelay: true }, (socket) => {
      let rest: Buffer = Buffer.alloc(0)
      let answers: Array<number> = []
      const flush = (): void => {
        const reply = Buffer.allocUnsafe(answers.length * 5)
        for (let i = 0; i < answers.length; i++) {
          reply.writeUInt32LE(Math.abs(answers[i]), i * 5)
          reply[i * 5 + 4] = answers[i] > 0 ? 1 : 0
        }
        socket.write(reply)
        answers = []
      }
      socket.on("error", () => {})
      socket.on("data", (chunk: Buffer) => {
        rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
        let at = 0
        while (rest.length - at >= headBytes) {
          const number = rest.readUInt32LE(at)
          const key = at + headBytes
          const value = key + rest.readUInt32LE(at + 8)
          const end = value + rest.readUInt32LE(at + 12)
          if (rest.length < end) break
          put(log, rest.readUInt32LE(at + 4), rest.subarray(key, value), rest.subarray(value, end), (isOk) => {
            if (answers.length === 0) queueMicrotask(flush)
            answers.push(isOk ? number : -number)
          })
          at = end
        }
        rest = rest.subarray(at)
      })
    })
    .listen(Number(plainPort), "127.0.0.1")
}

const program = Effect.gen(function* () {
  const address = (each: number) => ({ host: "127.0.0.1", port: ports[each - 1] })
  const opened = yield* Store.open({
    store,
    cluster: "0".repeat(31) + "1",
    listen: address(store),
    peers: new Map(stores.filter((each) => each !== store).map((each) => [each, address(each)])),
    directory: "store",
    memory: { memoryBytesMax: 2 ** 31 },
    halted: (message) => {
      process.stderr.write(`${message}\n`)
      process.exit(1)
    }
  })
  for (let group = 1; group <= groups; group++) {
    if (opened.log.host.group(group) === undefined) opened.log.host.found(group, stores, () => {})
  }
  serveGrpc(opened.log)
  servePlain(opened.log)
  process.stdout.write("ready\n")
  return yield* Effect.never
})

const running = RealWorld.runFork(Effect.scoped(program), {
  root: directory,
  name: `s${store}`,
  trace: { levelMin: "warn" }
})
void Effect.runPromise(running.ended).then((end) => {
  process.stderr.write(`store ${store} ended: ${JSON.stringify(end)}\n`)
  process.exit(1)
})
// Also so that a profile is written.
process.on("SIGTERM", () => process.exit(0))
