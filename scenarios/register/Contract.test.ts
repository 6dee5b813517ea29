import { describe, expect, it } from "vitest"
import { putF64, putU32, Writer } from "#base/Bytes.ts"
import * as Call from "../systems/Call.ts"
import { messages, operations } from "../systems/LeaseRegister.ts"
import * as RegisterState from "../systems/RegisterState.ts"
import { contract } from "./Contract.ts"

interface Kept {
  readonly promised?: number
  readonly ballot?: number
  readonly sequence?: number
}

const state = (value: number, number: number): Uint8Array =>
  RegisterState.after(RegisterState.initialOf(0), [{ client: 0, number, isWrite: true, from: 0, to: value }])

/** A node's file with one slot: `LeaseRegisterDriver` says what is where. */
const fileOf = ({ ballot = 0, promised = 0, sequence = 0 }: Kept, state: Uint8Array): Uint8Array => {
  const file = new Uint8Array(32 + state.length)
  file.set(state, 32)
  putU32(file, 0, 24 + state.length)
  putF64(file, 8, 1)
  putU32(file, 16, promised)
  putU32(file, 20, 1_000_000)
  putU32(file, 24, ballot)
  putU32(file, 28, sequence)
  return file
}

/** Three nodes and a client, whose clocks are 1 % off at most; ballot 16 is node 0's, 17 node 1's. */
const cluster = () => {
  const disks = [0, 1, 2].map(() => fileOf({}, RegisterState.initialOf(0)))
  const session = contract.make({
    nodes: 3,
    clients: 1,
    options: { "clock.driftPpmMax": 10_000 },
    durable: (node) => disks[node],
    damaged: () => false
  })
  let broken: string | undefined
  let now = 0
  const send = (from: number, to: number, writer: Writer): void => {
    broken ??= session.sent!({ atMicros: now, from, to, bytes: writer.finish() })?.detail
  }
  const head = (kind: number, ballot: number): Writer => Writer.make().u8(kind).u32(ballot)
  return {
    keeps: (node: number, kept: Kept, value = 0, number = 0) => (disks[node] = fileOf(kept, state(value, number))),
    at: (micros: number) => (now = micros),
    acquire: (from: number, to: number, ballot: number) => send(from, to, head(messages.acquire, ballot)),
    granted: (from: number, ballot: number) => send(from, ballot % 16, head(messages.granted, ballot).u32(0).u32(0)),
    renew: (from: number, to: number, ballot: number) =>
      send(from, to, head(messages.renew, ballot).f64(now).u32(1_000_000)),
    renewed: (from: number, ballot: number, sentAt: number) =>
      send(from, ballot % 16, head(messages.renewed, ballot).f64(sentAt)),
    write: (from: number, ballot: number, sequence: number, value: number) =>
      send(from, 2, head(messages.write, ballot).u32(sequence).raw(state(value, sequence))),
    begins: (from: number, ballot: number, value: number, number: number) =>
      send(from, 2, head(messages.write, ballot).u32(1).raw(state(value, number))),
    written: (from: number, ballot: number, sequence: number) =>
      send(from, ballot % 16, head(messages.written, ballot).u32(sequence)),
    asks: (number: number, operation: keyof typeof operations) =>
      send(3, 0, Writer.make().u8(Call.kinds.request).u32(0).u32(number).u8(operations[operation])),
    answers: (from: number, number: number, value: number) => send(from, 3, Call.answer(number).f64(value)),
    get broken() {
      return broken
    }
  }
}

/** Node 0 holds a lease of a second from time 0 on, granted by node 1; states 1 and 2 of it are on nodes 0 and 1. */
const holding = () => {
  const all = cluster()
  for (const node of [0, 1]) all.keeps(node, { promised: 16 })
  all.acquire(0, 1, 16)
  all.granted(1, 16)
  all.renew(0, 1, 16)
  all.renewed(1, 16, 0)
  all.begins(0, 16, 0, 0)
  for (const node of [0, 1]) all.keeps(node, { promised: 16, ballot: 16, sequence: 3 }, 20, 2)
  all.write(0, 16, 2, 10)
  all.write(0, 16, 3, 20)
  all.written(1, 16, 2)
  expect(all.broken).toBe(undefined)
  return all
}

describe("the contract is broken by a node", () => {
  it("that asks with a ballot, promises one, or takes a state, which its disk does not have", () => {
    const asking = cluster()
    asking.acquire(0, 1, 16)
    expect(asking.broken).toContain("n0 asked with ballot 16, which its disk forgets")
    const promising = cluster()
    promising.granted(1, 16)
    expect(promising.broken).toContain("its disk has 0 and 0.0")
    const taking = cluster()
    taking.keeps(1, { promised: 16, ballot: 16, sequence: 1 })
    taking.written(1, 16, 2)
    expect(taking.broken).toContain("state 16.2; its disk has 16 and 16.1")
  })

  it("that says yes to a lower ballot than before", () => {
    const all = cluster()
    all.keeps(2, { promised: 17 })
    all.granted(2, 17)
    all.renewed(2, 16, 0)
    expect(all.broken).toBe("n2 said yes to ballot 16 after 17")
  })

  it("that promises a ballot to another while a lease that it granted may last, and not later", () => {
    for (const [micros, broken] of [
      [500_000, true],
      [990_000, true],
      [990_100, false]
    ] as const) {
      const all = holding()
      all.keeps(1, { promised: 17, ballot: 16, sequence: 2 })
      all.at(micros)
      all.granted(1, 17)
      expect(all.broken !== undefined).toBe(broken)
    }
  })

  it("that begins with a state which is older than what a majority has", () => {
    for (const [value, sequence, broken] of [
      [20, 2, false],
      [10, 1, true]
    ] as const) {
      const all = holding()
      all.at(2_000_000)
      all.keeps(2, { promised: 17 })
      all.keeps(1, { promised: 17, ballot: 16, sequence: 2 }, 20, 2)
      all.keeps(0, { promised: 16, ballot: 16, sequence: 2 }, 20, 2)
      all.granted(2, 17)
      all.begins(1, 17, value, sequence)
      expect(all.broken !== undefined).toBe(broken)
    }
  })

  it("that uses a ballot which no majority has promised, however often one node says it", () => {
    const all = cluster()
    all.keeps(1, { promised: 16 })
    all.granted(1, 16)
    all.renew(0, 1, 16)
    expect(all.broken).toBe(undefined)
    all.keeps(1, { promised: 32 })
    all.renew(0, 1, 32)
    expect(all.broken).toBe("n0 uses ballot 32, which 1 of 3 nodes have promised")
  })

  it("that writes two states under one number", () => {
    const all = holding()
    all.write(0, 16, 3, 20)
    expect(all.broken).toBe(undefined)
    all.write(0, 16, 3, 21)
    expect(all.broken).toBe("n0 wrote two states as 16.3")
  })

  it("that answers when its lease may be over for a majority", () => {
    for (const [micros, broken] of [
      [990_000, false],
      [990_100, true]
    ] as const) {
      const all = holding()
      all.asks(3, "read")
      all.at(micros)
      all.answers(0, 3, 20)
      expect(all.broken !== undefined).toBe(broken)
    }
  })

  it("that answers a read from a state which a majority does not have, or acknowledges a write before", () => {
    const reading = holding()
    reading.write(0, 16, 4, 30)
    reading.asks(4, "read")
    reading.answers(0, 4, 20)
    expect(reading.broken).toBe(undefined)
    reading.answers(0, 4, 30)
    expect(reading.broken).toContain("n0 answered 30 under ballot 16")
    const writing = holding()
    writing.asks(4, "write")
    writing.write(0, 16, 4, 30)
    writing.keeps(0, { promised: 16, ballot: 16, sequence: 4 })
    writing.answers(0, 4, 1)
    expect(writing.broken).toContain("n0 answered request #4 under ballot 16; on a majority of disks is no more than 3")
  })
})

it("the contract is kept by nodes that do all this in order, and by a majority that goes on without the holder", () => {
  const all = holding()
  all.asks(2, "write")
  all.answers(0, 2, 1)
  all.at(2_000_000)
  for (const node of [1, 2]) all.keeps(node, { promised: 17, ballot: 17, sequence: 1 })
  all.acquire(1, 2, 17)
  all.granted(2, 17)
  all.renew(1, 2, 17)
  all.renewed(2, 17, 2_000_000)
  all.write(1, 17, 1, 20)
  all.written(2, 17, 1)
  all.asks(3, "read")
  all.answers(1, 3, 20)
  expect(all.broken).toBe(undefined)
})
