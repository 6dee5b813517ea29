import { describe, expect, it } from "vitest"
import { defaults } from "#consensus/HostOptions.ts"
import type { Group } from "#consensus/Observer.ts"
import type { Fields } from "#world/Trace.ts"
import { check, Holdings } from "./Holdings.ts"

const options = { ...defaults, queueBytesMax: 1_000, logBytesMax: 100, flushEntries: 8, flushTicks: 2 }

/** A replica as far as it is looked at, and what is said of it. */
const replica = () => {
  const group = {
    id: 1,
    replica: 7,
    queued: { sizeBytes: 0 },
    reading: { count: 0 },
    isFlushing: false,
    isRestoring: false,
    around: { snapshots: { senders: [], receivers: new Map() }, outbox: { drafts: new Map() } },
    raft: { core: { role: "follower", age: 0, uncommittedBytes: 0 } },
    log: { sizeBytes: 0, firstIndex: 2, isFull: false },
    machine: { applied: { index: 1 }, durable: { index: 1 } }
  }
  const events: Array<Fields> = []
  const broken: Array<string> = []
  const trace = {
    emit: (_: unknown, name: string, fields: Fields = {}) => {
      events.push(fields)
      const detail = check(name, fields)
      if (detail !== undefined) broken.push(detail)
    }
  }
  const holdings = new Holdings(trace as never, options, 4)
  const look = (): void => holdings.look(group as unknown as Group)
  const ticks = (count: number): void => {
    for (let i = 0; i < count; i++) {
      group.raft.core.age++
      look()
    }
  }
  look()
  return { broken, events, group, look, ticks }
}

describe("bounded memory", () => {
  it("is broken by a queue that is over its bound by more than a command", () => {
    const { broken, group, look } = replica()
    group.queued.sizeBytes = 2_024
    look()
    expect(broken).toEqual([])
    group.queued.sizeBytes = 2_025
    look()
    expect(broken).toEqual(["bounded memory: replica 7 holds 2025 (queued), and 2024 is the most"])
  })

  it("is broken by more reads than may wait", () => {
    const { broken, group, look } = replica()
    group.reading.count = options.readsMax + 1
    look()
    expect(broken).toEqual([`bounded memory: replica 7 holds ${options.readsMax + 1} (reads), and 65536 is the most`])
  })

  it("is broken by a log that could be cut and is not, tick after tick", () => {
    const { broken, group, ticks } = replica()
    group.log.sizeBytes = 401
    group.machine.applied.index = 9
    group.machine.durable.index = 9
    ticks(5)
    expect(broken).toEqual([])
    ticks(1)
    expect(broken).toEqual(["bounded memory: replica 7 holds 5 (uncut log), and 4 is the most"])
  })

  it("is kept by a log that is cut, is not over its bound, or holds what is not durable", () => {
    const { broken, group, ticks } = replica()
    group.log.sizeBytes = 401
    ticks(10)
    group.machine.durable.index = 9
    ticks(3)
    group.log.firstIndex = 5
    ticks(4)
    group.log.sizeBytes = 400
    ticks(10)
    expect(broken).toEqual([])
  })

  it("is broken by a state that does not become durable though nothing is under way", () => {
    const { broken, group, ticks } = replica()
    group.machine.applied.index = 22
    group.isFlushing = true
    ticks(10)
    expect(broken).toEqual([])
    group.isFlushing = false
    ticks(5)
    expect(broken).toEqual(["bounded memory: replica 7 holds 5 (state behind), and 4 is the most"])
  })

  it("is told when it has grown by half, not with every step", () => {
    const { events, group, look } = replica()
    for (group.queued.sizeBytes = 1; group.queued.sizeBytes <= 1_000; group.queued.sizeBytes++) look()
    expect(events.length).toBeLessThan(20)
  })
})
