import { describe, expect, it } from "vitest"
import type { Operation as Performed, Outcome } from "#sim/run/History.ts"
import { groupsHold } from "./Groups.ts"
import { type Entry, type InGroup, ordered, type Operation, type Value } from "./StreamOperations.ts"

type Done = Performed<Operation, Value>
type Told = Pick<Done, "operation" | "outcome" | "client">

const sight = { nodes: 1, clients: 2, options: {}, durable: () => undefined, damaged: () => false }
const place = { key: "stream:0", group: "one" }
const lost: Outcome<Value> = { type: "unknown", reason: "no reply" }

const entry = (number: number): Entry => ({ id: ordered(`${number}-0`), value: 1_000_000 + number })
const [one, two, three] = [1, 2, 3].map(entry)

const ok = (operation: Operation, value: Value): Told => ({ client: 0, operation, outcome: { type: "ok", value } })
const inGroup = (does: { readonly type: "acknowledge" | "check" }, value: Value): Told =>
  ok({ ...place, ...does }, value)

const add = ({ id, value }: Entry): Told => ok({ type: "add", key: place.key, value }, { type: "added", id })
const reading: InGroup = { ...place, type: "read", countMax: 9 }
const claiming: InGroup = { ...place, type: "claim", countMax: 9, idleMillis: 0 }
const read = (...entries: ReadonlyArray<Entry>): Told => ok(reading, { type: "entries", entries })
const claim = (...entries: ReadonlyArray<Entry>): Told => ok(claiming, { type: "entries", entries })
const acknowledge = (count: number): Told => inGroup({ type: "acknowledge" }, { type: "acknowledged", count })
const check = (entries: ReadonlyArray<Entry>, pending: ReadonlyArray<Entry>): Told =>
  inGroup({ type: "check" }, { type: "checked", entries, pending: pending.map(({ id }) => id) })
const unheard = ({ client, operation }: Told): Told => ({ client, operation, outcome: lost })
const by = (client: number, told: Told): Told => ({ ...told, client })

/** Each begins when the one before is over. */
const verdict = (...all: ReadonlyArray<Told>): string => {
  const history = all.map(({ client, operation, outcome }, index) => ({
    process: client,
    client,
    operation,
    invokedAt: 10 * index,
    completedAt: outcome.type === "unknown" ? Infinity : 10 * index + 5,
    outcome,
    final: false
  }))
  const finished = groupsHold.make(sight).finish!(history)
  return typeof finished === "string" ? finished : finished.detail
}

const id = (number: number): string => entry(number).id

describe("a stream is broken", () => {
  it("by nothing in order, nor by what nobody heard of", () => {
    expect(verdict(add(one), add(two), check([one, two], []))).toBe("pass")
    expect(verdict(add(one), unheard(add(two)), add(three), check([one, three], []))).toBe("pass")
    expect(verdict(unheard(add(one)), check([one], []))).toBe("pass")
  })

  it("by an id that is not above those before it", () => {
    expect(verdict(add(two), add(one))).toBe(`it was given ${id(1)}, and ${id(2)} had been before it`)
  })

  it("by an entry with two ids, an id with two entries, and one that nobody has added", () => {
    const twice = { ...two, value: one.value }
    expect(verdict(add(one), check([one, twice], []))).toContain("1000001 has two ids")
    expect(verdict(add(one), unheard(add(two)), check([{ ...two, id: one.id }], []))).toContain("has two values")
    expect(verdict(check([one], []), add(one))).toBe("nobody has added 1000001")
  })

  it("by an entry that is gone", () => {
    expect(verdict(add(one), add(two), check([two], []))).toBe(`${id(1)} was added and is not there`)
  })
})

describe("a group is broken", () => {
  const all = [add(one), add(two), add(three)]

  it("by nothing in order: it hands out, claims and forgets what is acknowledged", () => {
    const rest = [by(1, claim(one)), by(1, acknowledge(1)), read(three), check([one, two, three], [two, three])]
    expect(verdict(...all, read(one, two), ...rest)).toBe("pass")
  })

  it("by not being there", () => {
    expect(verdict(ok(reading, { type: "no group" }))).toBe("a group that was there is gone")
  })

  it("by what it hands out twice, or not in order", () => {
    expect(verdict(...all, read(one), by(1, read(one)))).toBe(`${id(1)} was handed out twice`)
    expect(verdict(...all, read(two), read(one))).toBe(`it was handed ${id(1)}, and ${id(2)} had been before it`)
  })

  it("by what is not pending although nobody has acknowledged it, whoever has it", () => {
    const broken = `${id(1)} is not pending, and nobody has acknowledged it`
    expect(verdict(...all, read(one), check([one, two, three], []))).toBe(broken)
    expect(verdict(...all, unheard(read(one)), by(1, read(two)), check([one, two, three], [two]))).toBe(broken)
    expect(verdict(...all, read(one), unheard(acknowledge(1)), check([one, two, three], []))).toBe("pass")
  })

  it("by what comes back after it was acknowledged", () => {
    const done = [...all, read(one), acknowledge(1)]
    expect(verdict(...done, by(1, claim(one)))).toBe(`${id(1)} came back after it was acknowledged`)
    expect(verdict(...done, check([one, two, three], [one]))).toBe(`${id(1)} is pending after it was acknowledged`)
    expect(verdict(...done, acknowledge(1))).toBe("1 were acknowledged once more, where 0 were pending")
  })

  it("by an acknowledgement that finds nothing, but not after one that may have", () => {
    const broken = "0 were pending, of 1 that nobody had acknowledged"
    expect(verdict(...all, read(one), acknowledge(0))).toBe(broken)
    expect(verdict(...all, read(one), unheard(acknowledge(1)), acknowledge(0))).toBe("pass")
  })
})
