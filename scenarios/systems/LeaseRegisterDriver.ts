/**
 * LeaseRegisterDriver: keeps the contract of `LeaseRegister` with the world. One datagram socket, one timer, one file
 * with two slots that are written through in turn, so that a torn write never destroys the last good state.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { allocate, getF64, getU32, putF64, putU32, Reader } from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import * as Hex from "#base/Hex.ts"
import type { ServerSpec } from "#sim/run/Scenario.ts"
import { Disk, type File } from "#world/Disk.ts"
import { Host } from "#world/Host.ts"
import { Net, type Address, type DatagramSocket } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import * as Call from "./Call.ts"
import { empty, LeaseRegister, type Config, type Durable } from "./LeaseRegister.ts"
import { LeaseRegisterObserved } from "./LeaseRegisterObserved.ts"

const nothing: Uint8Array = new Uint8Array(0)

export const path = "register"
const slotBytes = 4_096
/** Length and checksum of what follows them. */
const headBytes = 8
/** Those, and everything before the state. */
const stateAt = 32

/** Fills `reused` if it has the right size, and fresh bytes otherwise. */
const encodeSlot = (generation: number, durable: Durable, reused: Uint8Array): Uint8Array => {
  const { state } = durable
  const sizeBytes = stateAt + state.length
  const slot = reused.length === sizeBytes ? reused : allocate(sizeBytes)
  putF64(slot, headBytes, generation)
  putU32(slot, 16, durable.promised)
  putU32(slot, 20, durable.grantedMicros)
  putU32(slot, 24, durable.ballot)
  putU32(slot, 28, durable.sequence)
  for (let i = 0; i < state.length; i++) slot[stateAt + i] = state[i]
  putU32(slot, 0, sizeBytes - headBytes)
  putU32(slot, 4, crc32c(slot, headBytes))
  return slot
}

const decodeSlot = (slot: Uint8Array): { readonly generation: number; readonly durable: Durable } | undefined => {
  const head = new Reader(slot)
  const length = head.u32()
  const checksum = head.u32()
  const body = head.raw(length)
  if (!head.isWhole || length === 0 || crc32c(body) !== checksum) return undefined
  const reader = new Reader(body)
  const generation = reader.f64()
  const durable = {
    promised: reader.u32(),
    grantedMicros: reader.u32(),
    ballot: reader.u32(),
    sequence: reader.u32(),
    state: reader.rest()
  }
  return reader.isWhole ? { generation, durable } : undefined
}

/** What a node's file holds, for whoever judges it: its newest state, as far as it is asked for. No file: nothing yet. */
export const peek = (file: Uint8Array | undefined): Omit<Durable, "state"> & { readonly state: () => Uint8Array } => {
  if (file === undefined || file.length < stateAt) return { ...empty, state: () => empty.state }
  const hasSecond = file.length >= slotBytes + stateAt
  const at = hasSecond && getF64(file, slotBytes + headBytes) > getF64(file, headBytes) ? slotBytes : 0
  return {
    promised: getU32(file, at + 16),
    grantedMicros: getU32(file, at + 20),
    ballot: getU32(file, at + 24),
    sequence: getU32(file, at + 28),
    state: () => file.subarray(at + stateAt, at + headBytes + getU32(file, at))
  }
}

/** Persists states one after the other; one that comes while a write is under way replaces the one that waits. */
class Store {
  private readonly durableUpTo: (submitted: number) => void
  private readonly broken: (reason: string) => void
  private file: File | undefined
  private generation: number
  private waiting: Durable | undefined
  private bytes = nothing
  /** States handed in so far, and those of them that the write under way covers. */
  submitted = 0
  private covered = 0
  durable = 0
  private busy = false

  constructor(generation: number, durableUpTo: (submitted: number) => void, broken: (reason: string) => void) {
    this.generation = generation
    this.durableUpTo = durableUpTo
    this.broken = broken
  }

  readonly sink = {
    done: (): void => {
      this.durable = this.covered
      this.busy = false
      this.durableUpTo(this.durable)
      if (this.waiting !== undefined && !this.busy) this.write()
    },
    bytes: (): void => {},
    // A failed write says nothing good about what was written before: never again.
    failed: (_: number, error: { readonly message: string }): void => this.broken(error.message)
  }

  attach(file: File): void {
    this.file = file
  }

  persist(durable: Durable): void {
    this.waiting = durable
    this.submitted++
    if (!this.busy) this.write()
  }

  private write(): void {
    // The disk is done with the bytes of the write before.
    this.bytes = encodeSlot(++this.generation, this.waiting!, this.bytes)
    this.waiting = undefined
    this.covered = this.submitted
    this.busy = true
    this.file!.writeAt(0, (this.generation % 2) * slotBytes, this.bytes)
  }
}

/** Reads what the disk kept, and writes it again: after a failed sync, what is read need not be durable. */
const recover = Effect.fnUntraced(function* () {
  const disk = yield* Disk
  const file = yield* disk.open(path, { create: true })
  const slots = [yield* file.readAt(0, slotBytes), yield* file.readAt(slotBytes, slotBytes)].map(decodeSlot)
  const found = slots.filter((slot) => slot !== undefined).sort((left, right) => right.generation - left.generation)[0]
  const generation = found?.generation ?? 0
  const durable = found?.durable ?? empty
  for (const next of [generation + 1, generation + 2]) {
    yield* file.writeAt((next % 2) * slotBytes, encodeSlot(next, durable, nothing))
    yield* file.sync
  }
  yield* disk.syncDirectory("")
  return { generation: generation + 2, durable }
})

export const server = Effect.fnUntraced(function* (spec: ServerSpec, options: Omit<Config, "self" | "nodes">) {
  const disk = yield* Disk
  const host = yield* Host
  const net = yield* Net
  const trace = yield* Trace
  const timers = yield* Timers
  const random = yield* Random.Random
  const recovered = yield* Effect.scoped(recover())
  /** Every step is traced, for who compares it with the specification. */
  const observed = spec.options["trace.steps"] === true

  const peerAt = ({ host: name, port }: Address): number => {
    for (let index = 0; index < spec.peers.length; index++) {
      const peer = spec.peers[index]
      if (peer.port === port && peer.host === name) return index
    }
    return -1
  }
  /** Sends that wait for a state to be durable. */
  const held: Array<{ readonly after: number; readonly to: number; readonly bytes: Uint8Array }> = []
  const deliver = (to: number, bytes: Uint8Array): void => {
    if (to === spec.index) return core.receive(to, bytes, timer.nowMicros())
    if (observed) trace.emit("debug", "lease/sent", { to, bytes: Hex.of(bytes) })
    socket.send(spec.peers[to], bytes)
  }
  const store = new Store(
    recovered.generation,
    (durable) => {
      if (observed) trace.emit("debug", "lease/durable", { upTo: durable })
      while (held.length > 0 && held[0].after <= durable) {
        const { bytes, to } = held.shift()!
        deliver(to, bytes)
      }
    },
    (reason) => {
      trace.emit("warn", "lease/disk-failed", { reason })
      host.exit(1)
    }
  )
  const Core = observed ? LeaseRegisterObserved : LeaseRegister
  const core: LeaseRegister = new Core(
    { self: spec.index, nodes: spec.peers.length, ...options },
    {
      send: (to, bytes, when) => {
        if (when === "durable" && store.durable < store.submitted) held.push({ after: store.submitted, to, bytes })
        else deliver(to, bytes)
      },
      answer: (origin, bytes) => {
        const address = origin as Address
        if (observed) trace.emit("debug", "lease/answered", { client: address.host, bytes: Hex.of(bytes) })
        socket.send(address, bytes)
      },
      persist: (durable) => store.persist(durable),
      setTick: (delayMicros) => timer.set(0, delayMicros),
      trace: (name, fields) => trace.emit("info", name, fields)
    }
  )
  const timer = timers.attach({ fired: () => core.tick(timer.nowMicros(), random.nextDoubleUnsafe()) })

  let booted = false
  store.attach(yield* disk.openFile(path, store.sink, { writeThrough: true }))
  const socket: DatagramSocket = yield* net.bind(spec.self, {
    received: (from, bytes) => {
      // The socket hears before this fiber goes on: nothing may reach the core before it has booted.
      if (!booted) return
      const peer = peerAt(from)
      if (peer >= 0) {
        core.receive(peer, bytes, timer.nowMicros())
        return
      }
      const request = Call.readRequest(bytes)
      if (request !== undefined) core.request(from, request, timer.nowMicros())
    }
  })
  booted = true
  core.boot(recovered.durable, timer.nowMicros(), random.nextDoubleUnsafe())
  return yield* Effect.never
})
