import { describe, expect, it } from "vitest"
import { Engine } from "#database/redis/Engine.ts"
import { ListValue } from "#database/redis/ListValue.ts"
import type { Observed } from "#sim/run/Judge.ts"
import type { Fields } from "#world/Trace.ts"
import * as Waiting from "./Waiting.ts"

const sight = { nodes: 1, clients: 1, options: {}, durable: () => undefined, damaged: () => false }

/** The first thing that breaks. */
const verdict = (...events: ReadonlyArray<readonly [name: string, fields?: Fields]>): string | undefined => {
  const judging = Waiting.turns.make(sight)
  for (const [at, [name, fields = {}]] of events.entries()) {
    const event: Observed = { atMicros: at, node: 0, level: "debug", name: `redis/${name}`, fields }
    const violation = judging.observe!(event)
    if (violation !== undefined) return violation.detail
  }
  return undefined
}

const waits = (waiter: number, ...keys: ReadonlyArray<string>): readonly [string, Fields] => [
  "waits",
  { waiter, database: 0, keys: JSON.stringify(keys) }
]
const served = (waiter: number, key: string): readonly [string, Fields] => ["served", { waiter, key }]

describe("turns are broken", () => {
  it("by nobody who came first, or whose key is another one", () => {
    expect(verdict(["begun"], waits(1, "k"), waits(2, "k"), served(1, "k"), served(2, "k"))).toBe(undefined)
    expect(verdict(["begun"], waits(1, "a"), waits(2, "a", "b"), served(2, "b"), served(1, "a"))).toBe(undefined)
  })

  it("by who came later and is served first", () => {
    const broken = "waiter 2 was served from k before 1, who came first"
    expect(verdict(["begun"], waits(1, "k"), waits(2, "k"), served(2, "k"))).toBe(broken)
  })

  it("by nobody who has gone, be it with the whole process", () => {
    expect(verdict(["begun"], waits(1, "k"), waits(2, "k"), ["leaves", { waiter: 1 }], served(2, "k"))).toBe(undefined)
    expect(verdict(["begun"], waits(1, "k"), waits(2, "k"), ["begun"], waits(2, "k"), served(2, "k"))).toBe(undefined)
  })

  it("by who waits for what is there", () => {
    const broken = "waiter 1 waits for k, which is there"
    expect(verdict(["begun"], waits(1, "k"), ["overlooked", { waiter: 1, key: "k" }])).toBe(broken)
  })
})

describe("what is told of an engine", () => {
  const told: Array<string> = []
  const engine = new Engine({ wallMillis: () => 0, random: () => 0 })
  Waiting.observe(engine, {
    emit: (_, name, fields = {}) => void told.push(`${name} ${JSON.stringify(fields)}`)
  } as Parameters<typeof Waiting.observe>[1])
  const wait = (isServed: boolean) => {
    const waiter = { database: 0, keys: ["k"], takes: "list" as const, serve: () => isServed }
    engine.blocking.wait(waiter)
    return waiter
  }

  it("is who waits, who has it, and who does not although it is there", () => {
    wait(true)
    const passedOver = wait(false)
    const list = new ListValue()
    list.push("right", "x")
    engine.databases[0].add("k", list)
    engine.settle()
    engine.blocking.leave(passedOver)
    expect(told).toEqual([
      "redis/begun {}",
      'redis/waits {"waiter":1,"database":0,"keys":"[\\"k\\"]"}',
      'redis/waits {"waiter":2,"database":0,"keys":"[\\"k\\"]"}',
      'redis/served {"waiter":1,"key":"k"}',
      'redis/leaves {"waiter":1}',
      'redis/overlooked {"waiter":2,"key":"k"}',
      'redis/leaves {"waiter":2}'
    ])
  })
})
