/**
 * What it costs that stores talk: their messages as bytes, beside protobufjs on the same values; and frames over this machine's
 * loopback between two transports in one process, with and without TLS. CPU time of the process, so that a busy machine changes little;
 * both ends are in it.
 */
import { readFileSync } from "node:fs"
import { cpus } from "node:os"
import protobuf from "protobufjs"
import { assert } from "#base/Assert.ts"
import * as Settings from "#cluster/transport/Settings.ts"
import { Transport } from "#cluster/transport/Transport.ts"
import * as Codec from "#consensus/Codec.ts"
import type { RaftEnvelope } from "#consensus/Envelope.ts"
import * as Message from "#consensus/Message.ts"
import type { Port, Sink } from "#consensus/Peers.ts"
import type * as Net from "#world/Net.ts"
import { RealNet } from "#world/real/RealNet.ts"
import { RealTimers } from "#world/real/RealTimers.ts"
import * as TestCredentials from "#world/real/TestCredentials.ts"

/** Nanoseconds of CPU for one message, medians over the rounds. */
interface CodecRow {
  readonly entries: number
  readonly entryBytes: number
  readonly writeNanos: number
  readonly readNanos: number
  readonly protobufWriteNanos: number
  readonly protobufReadNanos: number
}

/** Medians over the rounds. */
interface TransportRow {
  readonly name: string
  readonly frameBytes: number
  readonly framesPerSecond: number
  /** Both ends, and the system's part of both. */
  readonly cpuMicrosPerFrame: number
}

export interface Report {
  readonly machine: string
  readonly node: string
  readonly rounds: number
  readonly codec: ReadonlyArray<CodecRow>
  readonly transport: ReadonlyArray<TransportRow>
}

const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)]

/** Nanoseconds a call, after a round that warms up. */
const nanosOf = (rounds: number, calls: number, run: () => void): number => {
  const found: Array<number> = []
  for (let round = 0; round <= rounds; round++) {
    const before = process.cpuUsage()
    for (let call = 0; call < calls; call++) run()
    const { system, user } = process.cpuUsage(before)
    if (round > 0) found.push(((user + system) * 1_000) / calls)
  }
  return Math.round(median(found))
}

const appendOf = (entries: number, entryBytes: number): RaftEnvelope => ({
  type: "raft",
  group: 5,
  message: Message.make(Message.kinds.append, 2, {
    from: 1,
    term: 7,
    logTerm: 7,
    index: 999,
    commit: 990,
    entries: Array.from({ length: entries }, (_, index) => ({
      term: 7,
      index: 1_000 + index,
      kind: Message.entryKinds.normal,
      data: new Uint8Array(entryBytes).fill(index)
    }))
  })
})

const measureCodec = (entries: number, entryBytes: number, rounds: number): CodecRow => {
  const calls = Math.ceil(400_000 / (1 + entries * 2))
  const text = readFileSync(new URL("../src/consensus/wire.proto", import.meta.url), "utf8")
  const twin = protobuf.parse(text).root.lookupType("orbit.consensus.Frame")
  const { group, message } = appendOf(entries, entryBytes)
  const { snapshot: _, ...fields } = message
  const twinFrame = twin.fromObject({ envelopes: [{ raft: { group, message: fields } }] })
  const twinBytes = twin.encode(twinFrame).finish()
  const writer = new Codec.FrameWriter()
  const write = (): Uint8Array => {
    writer.add({ type: "raft", group, message })
    return writer.take()
  }
  const bytes = write()
  let seen = 0
  const visit = (): void => void seen++
  const row = {
    entries,
    entryBytes,
    writeNanos: nanosOf(rounds, calls, write),
    readNanos: nanosOf(rounds, calls, () => void Codec.read(bytes, visit)),
    protobufWriteNanos: nanosOf(rounds, calls, () => void twin.encode(twinFrame).finish()),
    protobufReadNanos: nanosOf(rounds, calls, () => void twin.decode(twinBytes))
  }
  assert(seen === (rounds + 1) * calls, "every frame was read")
  return row
}

/** One end: counts what comes, and calls back. */
class End implements Sink {
  port!: Port
  count = 0
  onFrame: (bytes: Uint8Array) => void = () => {}
  onConnected: () => void = () => {}
  onDrained: () => void = () => {}

  received(_: number, __: string, bytes: Uint8Array): void {
    this.count++
    this.onFrame(bytes)
  }
  connected(): void {
    this.onConnected()
  }
  disconnected(): void {}
  drained(): void {
    this.onDrained()
  }
}

const trace = { emit: () => {}, mark: () => {} }
const host = "127.0.0.1"

/** Two stores that are connected, `near` dialled by the other. */
const connect = async (timers: RealTimers, isSecure: boolean) => {
  const start = async (store: 1 | 2) => {
    const net = new RealNet({ timers, trace })
    const tls = isSecure ? TestCredentials.of(`store-${store}`) : undefined
    const transport = new Transport({
      self: { cluster: "0".repeat(32), store, epoch: 1 },
      settings: Settings.defaults,
      net,
      attachTimers: (sink) => timers.attach(sink),
      trace,
      random: () => 0,
      tls
    })
    const listener = await new Promise<Net.Closable>((resolve, reject) => {
      const done: Net.Done<Net.Closable | undefined> = (error, value) =>
        error === undefined ? resolve(value!) : reject(error)
      net.listen({ host, port: 0 }, transport.accept, done, tls === undefined ? {} : { tls })
    })
    const end = new End()
    end.port = transport.attach(end)
    return { net, transport, end, address: listener.address }
  }
  const [one, two] = [await start(1), await start(2)]
  const connected = Promise.all(
    [one, two].map(({ end }) => new Promise<void>((resolve) => (end.onConnected = resolve)))
  )
  one.transport.setAddress(2, two.address)
  two.transport.setAddress(1, one.address)
  await connected
  const close = (): void => {
    for (const { net, transport } of [one, two]) {
      transport.close()
      net.close()
    }
  }
  return { near: one.end, far: two.end, close }
}

type Run = (near: End, far: End, frames: number) => Promise<void>

/** One frame at a time, there and back. */
const pingPong =
  (frameBytes: number): Run =>
  (near, far, frames) =>
    new Promise((resolve) => {
      let left = frames / 2
      far.onFrame = (bytes) => void far.port.send(1, "normal", bytes)
      near.onFrame = () => {
        if (--left === 0) resolve()
        else near.port.send(2, "normal", new Uint8Array(frameBytes))
      }
      near.port.send(2, "normal", new Uint8Array(frameBytes))
    })

/** As many frames as the lane takes. */
const stream =
  (frameBytes: number): Run =>
  (near, far, frames) =>
    new Promise((resolve) => {
      const payload = new Uint8Array(frameBytes).fill(7)
      let sent = 0
      const fill = (): void => {
        while (sent < frames && near.port.send(2, "normal", payload)) sent++
      }
      far.count = 0
      far.onFrame = () => {
        if (far.count === frames) resolve()
      }
      near.onDrained = fill
      fill()
    })

const measureTransport = async (options: {
  readonly name: string
  readonly frameBytes: number
  readonly frames: number
  readonly rounds: number
  readonly run: Run
  readonly isSecure: boolean
}): Promise<TransportRow> => {
  const { frameBytes, frames, isSecure, name, rounds, run } = options
  const timers = new RealTimers()
  const { close, far, near } = await connect(timers, isSecure)
  const rates: Array<number> = []
  const costs: Array<number> = []
  for (let round = 0; round <= rounds; round++) {
    const cpuBefore = process.cpuUsage()
    const before = performance.now()
    await run(near, far, frames)
    const wallSeconds = (performance.now() - before) / 1_000
    const { system, user } = process.cpuUsage(cpuBefore)
    if (round === 0) continue
    rates.push(frames / wallSeconds)
    costs.push((system + user) / frames)
  }
  close()
  timers.close()
  const cpuMicrosPerFrame = Math.round(median(costs) * 100) / 100
  return { name, frameBytes, framesPerSecond: Math.round(median(rates)), cpuMicrosPerFrame }
}

export const bench = async ({ rounds }: { readonly rounds: number }): Promise<Report> => {
  const transport: Array<TransportRow> = []
  for (const isSecure of [false, true]) {
    const named = (name: string): string => (isSecure ? `${name}, TLS` : name)
    const common = { rounds, isSecure }
    transport.push(
      await measureTransport({
        ...common,
        name: named("one at a time"),
        frameBytes: 200,
        frames: 10_000,
        run: pingPong(200)
      }),
      await measureTransport({ ...common, name: named("stream"), frameBytes: 200, frames: 400_000, run: stream(200) }),
      await measureTransport({
        ...common,
        name: named("stream"),
        frameBytes: 16_384,
        frames: 20_000,
        run: stream(16_384)
      })
    )
  }
  return {
    machine: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`,
    node: process.version,
    rounds,
    codec: [
      measureCodec(0, 0, rounds),
      measureCodec(1, 128, rounds),
      measureCodec(8, 128, rounds),
      measureCodec(64, 256, rounds)
    ],
    transport
  }
}

/** The tables that a person reads. */
export const render = ({ codec, machine, node, rounds, transport }: Report): string => {
  const line = (cells: ReadonlyArray<string | number>): string =>
    cells.map((cell, column) => (column === 0 ? String(cell).padEnd(20) : String(cell).padStart(16))).join("")
  return [
    `${machine}, Node.js ${node}, medians of ${rounds} rounds`,
    "",
    line(["ns of CPU a message", "write", "read", "protobufjs write", "read"]),
    ...codec.map((row) =>
      line([
        `${row.entries} entries × ${row.entryBytes} B`,
        row.writeNanos,
        row.readNanos,
        row.protobufWriteNanos,
        row.protobufReadNanos
      ])
    ),
    "",
    line(["frames on loopback", "bytes", "frames/s", "CPU µs, both"]),
    ...transport.map((row) => line([row.name, row.frameBytes, row.framesPerSecond, row.cpuMicrosPerFrame]))
  ].join("\n")
}
