/** A coordinator dies at each point of a transaction that writes to several ranges, and stays away: everybody else goes on. */
import { describe, expect, it } from "vitest"
import type { Fault } from "#sim/faults/Fault.ts"
import type { Operation } from "#sim/run/History.ts"
import type { Plan, PlannedOperation } from "#sim/run/Plan.ts"
import { run } from "#sim/run/Run.ts"
import type * as Client from "./Client.ts"
import { scenario } from "./ListAppend.ts"
import * as Settings from "./Settings.ts"

const second = 1_000_000
const millisecond = 1_000
const beginMicros = 3 * second
/** An election, and the silence after which a transaction is abandoned, with room for a few tries. */
const boundMicros = 2 * second
const keys = [0, 1, 2, 3, 4, 5]
const callsMax = 100
/** It is over when the coordinator has answered before it died, so many times in a row. */
const answeredMax = 3
const crashEveryMicros = 4 * millisecond
const minute = 60_000

const append = (client: number, index: number, isLocked: boolean): Client.Operation => ({
  type: "run",
  isolation: "strict-serializable",
  isLocked,
  steps: keys.map((key) => ({ type: "append", key, value: client * 1_000 + index }))
})

/** Client 0 asks the first server for one transaction, at once with the others, who ask theirs for the same again and again. */
const operations = (isLocked: boolean): ReadonlyArray<PlannedOperation> => [
  { client: 0, gapMicros: 0, atMicros: beginMicros, operation: append(0, 0, isLocked) },
  ...[1, 2].flatMap((client) =>
    [0, 1, 2].map((index) => ({
      client,
      gapMicros: 0,
      atMicros: beginMicros + (index + client) * 10 * millisecond,
      operation: append(client, index, isLocked)
    }))
  )
]

const defaults = Object.fromEntries(Object.entries(Settings.options).map(([name, [first]]) => [name, first]))

/** What the clients did; `deaths`: whether the coordinator died. */
const play = (fault: Omit<Fault, "nodes" | "forMicros">, isLocked: boolean) => {
  const done: Array<Operation<Client.Operation, Client.Value>> = []
  const plan: Plan = {
    scenario: scenario.name,
    seed: "coordinator",
    nodes: 3,
    clients: 3,
    policy: "fifo",
    preemptionOneIn: 0,
    durationMicros: beginMicros + 8 * second,
    options: { ...defaults, ttlMillis: 300 },
    buggify: false,
    faults: [{ ...fault, nodes: [0], forMicros: 60 * second }],
    operations: operations(isLocked)
  }
  const listening = {
    name: "listening",
    make: () => ({
      completed: (operation: Operation<Client.Operation, Client.Value>) => {
        if (!operation.final) done.push(operation)
        return undefined
      }
    })
  }
  const { result } = run({ ...scenario, judges: [...scenario.judges, listening] }, plan)
  const red = result.checks.filter(({ verdict }) => verdict === "fail").map(({ detail, name }) => `${name}: ${detail}`)
  const late = done
    .filter(({ client, completedAt, invokedAt, outcome }) => {
      return client > 0 && (outcome.type !== "ok" || completedAt - invokedAt > boundMicros)
    })
    .map(
      ({ client, completedAt, invokedAt, outcome }) =>
        `client ${client}: ${outcome.type} after ${completedAt - invokedAt} µs`
    )
  const first = done.find(({ client }) => client === 0)
  return {
    problems: [...red, ...late],
    others: done.filter(({ client }) => client > 0).length,
    ending: first?.outcome.type
  }
}

describe.each([
  ["without locks", false],
  ["with locks", true]
])("all others finish in time, %s, when a coordinator dies", (_, isLocked) => {
  it(
    "in each of its disk calls",
    () => {
      const endings = new Set<string | undefined>()
      let answered = 0
      for (let amount = 1; amount < callsMax && answered < answeredMax; amount++) {
        const { ending, others, problems } = play({ kind: "kill-at-io", atMicros: beginMicros, amount }, isLocked)
        endings.add(ending)
        expect([amount, others, problems]).toEqual([amount, 6, []])
        answered = ending === "ok" ? answered + 1 : 0
      }
      expect(endings).toEqual(new Set(["unknown", "ok"]))
      expect(answered).toBe(answeredMax)
    },
    2 * minute
  )

  it(
    "at any time of it",
    () => {
      const endings = new Set<string | undefined>()
      for (let atMicros = beginMicros; atMicros < beginMicros + 100 * millisecond; atMicros += crashEveryMicros) {
        const { ending, others, problems } = play({ kind: "crash", atMicros, amount: 0 }, isLocked)
        endings.add(ending)
        expect([atMicros, others, problems]).toEqual([atMicros, 6, []])
      }
      // Before it was asked, under way, and after it has answered.
      expect(endings).toEqual(new Set(["failed", "unknown", "ok"]))
    },
    2 * minute
  )
})
