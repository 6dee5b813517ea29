import { expect, it } from "vitest"
import { emptyState } from "#consensus/Configuration.ts"
import type { Group } from "#consensus/Observer.ts"
import type { Trace } from "#world/Trace.ts"
import { Observed } from "./Observed.ts"

it("a lease is told when it is held, at each tick, and once when it has ended, also when that is at a tick", () => {
  const told: Array<unknown> = []
  const emit: Trace["Service"]["emit"] = (_, name, fields) => {
    if (name === "raft/lease") told.push(fields?.["micros"])
  }
  const observed = new Observed({ emit } as Trace["Service"])
  const lease = { untilMicros: -Infinity }
  const storage = { hardState: { commit: 0, term: 1, vote: 1 }, firstIndex: 1, lastIndex: 0, term: () => 0 }
  const core = { role: "leader", term: 1, readMode: "lease", age: 0, electionElapsed: 1, nowMicros: 0, lease }
  const applied = { index: 0, term: 0, configuration: emptyState }
  const group = {
    id: 1,
    replica: 1,
    raft: { core: { ...core, log: { storage } } },
    machine: { applied }
  }
  const step = (untilMicros: number | undefined, ticks: number): void => {
    const own = group.raft.core
    own.age += ticks
    own.nowMicros += ticks * 10
    if (untilMicros !== undefined) lease.untilMicros = untilMicros
    observed.stepped(group as unknown as Group, undefined)
  }
  step(undefined, 1)
  step(100, 0)
  step(undefined, 0)
  step(undefined, 1)
  expect(told).toEqual([90, 80])
  // It is given up within the turn of a tick.
  step(-Infinity, 1)
  expect(told).toEqual([90, 80, 0])
  step(undefined, 1)
  expect(told.length).toBe(3)
})
