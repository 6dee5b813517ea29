import { describe, expect, it } from "vitest"
import type * as Model from "#models/Lists.ts"
import type { Operation as Performed, Outcome } from "#sim/run/History.ts"
import type { Judge } from "#sim/run/Judge.ts"
import * as Delivery from "./Delivery.ts"
import type { Operation, Value } from "./ListOperations.ts"

type Done = Performed<Operation, Value>

const sight = { nodes: 1, clients: 1, options: {}, durable: () => undefined, damaged: () => false }
const lost: Outcome<Value> = { type: "unknown", reason: "no reply" }
const [a, b, c] = [1_000_000, 1_000_001, 1_000_002]

interface Told {
  readonly does: Model.Step
  readonly outcome: Outcome<Value>
  readonly final?: boolean
}

const ok = (does: Model.Step, seen: Model.Seen): Told => ({ does, outcome: { type: "ok", value: [seen] } })
const unheard = (does: Model.Step): Told => ({ does, outcome: lost })
const inTheEnd = (told: Told): Told => ({ ...told, final: true })

const push = (...values: ReadonlyArray<number>): Model.Step => ({ type: "push", key: "l", end: "right", values })
const pop: Model.Step = { type: "pop", keys: ["l"], end: "left", countMax: 1 }
const move: Model.Step = { type: "move", from: "l", to: "m", ends: ["left", "right"] }
const range: Model.Step = { type: "range", key: "l" }
const popped = (...values: ReadonlyArray<number>): Model.Seen => ({ key: "l", values })

/** Each begins when the one before is over. */
const history = (...all: ReadonlyArray<Told>): ReadonlyArray<Done> =>
  all.map(({ does, final = false, outcome }, index) => ({
    process: index,
    client: 0,
    operation: { type: "use", does },
    invokedAt: 10 * index,
    completedAt: outcome.type === "unknown" ? Infinity : 10 * index + 5,
    outcome,
    final
  }))

const verdict = (judge: Judge<Operation, Value>, ...all: ReadonlyArray<Told>): string | undefined => {
  const finished = judge.make(sight).finish!(history(...all))
  return typeof finished === "string" ? finished : finished.detail
}

describe("delivery is broken", () => {
  const delivery = (...all: ReadonlyArray<Told>): string | undefined => verdict(Delivery.delivery, ...all)
  const end = inTheEnd(ok(range, []))

  it("by nothing in order, and an item may be left in the end", () => {
    expect(delivery(ok(push(a, b), 2), ok(pop, popped(a)), ok(pop, popped(b)), ok(pop, null), end)).toBe("pass")
    expect(delivery(ok(push(a, b), 2), ok(pop, popped(a)), inTheEnd(ok(range, [b])))).toBe("pass")
  })

  it("by an item that two have", () => {
    expect(delivery(ok(push(a, b), 2), ok(pop, popped(a)), ok(pop, popped(a)))).toBe("1000000 was taken twice")
  })

  it("by an item that nobody has pushed, or only later", () => {
    expect(delivery(ok(pop, popped(c)))).toBe("1000002 was taken before it was pushed")
    expect(delivery(ok(pop, popped(a)), ok(push(a), 1))).toBe("1000000 was taken before it was pushed")
  })

  it("by what was acknowledged and is gone, but not where somebody may have it who heard nothing", () => {
    const gone = "1 items are gone and nobody has them, 1000001 among them, where 0 at most can have been taken unseen"
    expect(delivery(ok(push(a, b), 2), ok(pop, popped(a)), end)).toBe(gone)
    expect(delivery(ok(push(a, b), 2), unheard(pop), ok(pop, popped(b)), end)).toBe("pass")
    expect(delivery(ok(push(a), 1), unheard(move), end)).toBe("pass")
    expect(delivery(unheard(push(a)), end)).toBe("pass")
  })

  it("by nothing that can be told where nobody looked in the end", () => {
    expect(delivery(unheard(pop))).toBe("unknown")
  })
})

describe("an order of everything", () => {
  const order = (...all: ReadonlyArray<Told>): string | undefined => verdict(Delivery.linearizability, ...all)

  it("is found for what one list does", () => {
    expect(order(ok(push(a, b), 2), ok(move, a), ok(pop, popped(b)), ok(range, []))).toBe("pass")
  })

  it("is not found where items change places, or come back", () => {
    expect(order(ok(push(a, b), 2), ok(pop, popped(b)))).toContain("not linearizable")
    expect(order(ok(push(a), 1), ok(pop, popped(a)), ok(range, [a]))).toContain("not linearizable")
    expect(order(ok(push(a), 1), ok(pop, null))).toContain("not linearizable")
  })

  it("may have a push of which nobody heard, or not", () => {
    expect(order(unheard(push(a)), ok(range, []), ok(pop, null))).toBe("pass")
    expect(order(unheard(push(a)), ok(range, []), ok(range, [a]))).toBe("pass")
    // Nobody saw it, and it shows all the same.
    expect(order(unheard(push(a)), ok(push(b), 2))).toBe("pass")
    expect(order(unheard(push(a)), ok(push(b), 3))).toContain("not linearizable")
  })
})
