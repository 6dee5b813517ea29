/**
 * Delivery: what clients of lists may count on. `linearizability`: there is one order of everything that explains what each of them saw. `delivery`
 * looks at each item, which is pushed once: who takes it has it alone, nobody takes what nobody pushed, and what was acknowledged is there
 * until it is taken; it decides where so much is unknown that the search for an order has to give up.
 */
import * as Model from "#models/Lists.ts"
import { unknown } from "#models/Model.ts"
import * as Linearizability from "#sim/judges/Linearizability.ts"
import type { Operation as Performed } from "#sim/run/History.ts"
import type { Judge, Violation } from "#sim/run/Judge.ts"
import { type Operation, stepsOf, type Use, type Value } from "./ListOperations.ts"

type Popped = { readonly values: ReadonlyArray<number> }
type Done = Performed<Operation, Value>

/** A few seconds. */
const configurationsMax = 200_000

const everything = Linearizability.judge({
  model: Model.make(),
  configurationsMax,
  toOperation: (operation: Operation, outcome) =>
    // What failed has not happened.
    operation.type === "meet" || outcome.type === "failed"
      ? undefined
      : {
          operation: { steps: stepsOf(operation) },
          result: outcome.type === "ok" ? (outcome.value as Model.Result) : unknown
        }
})

const itemsOf = (seen: Model.Seen): ReadonlyArray<number> => {
  if (seen === null || typeof seen === "number") return []
  return Array.isArray(seen) ? (seen as ReadonlyArray<number>) : (seen as Popped).values
}

/** Everything that anybody saw in a list. */
const allSeen = (history: ReadonlyArray<Done>): ReadonlySet<number> => {
  const all = new Set<number>()
  for (const { operation, outcome } of history) {
    if (operation.type === "meet" || outcome.type !== "ok") continue
    const [first, ...others] = outcome.value as Model.Result
    if (operation.does.type === "move" && typeof first === "number") all.add(first)
    for (const seen of [first, ...others]) for (const item of itemsOf(seen)) all.add(item)
  }
  return all
}

/**
 * A push of which nobody knows whether it happened, and of which nobody saw anything, most likely has not. Without such there are few orders to
 * search; and an order without them explains the history, too. Only where there is none are they taken into account.
 */
export const linearizability: Judge<Operation, Value> = {
  name: "linearizability",
  make: (run) => {
    const judging = everything.make(run)
    return {
      finish: (history) => {
        const seen = allSeen(history)
        const likely = history.filter(
          ({ operation, outcome }) =>
            outcome.type !== "unknown" ||
            operation.type === "meet" ||
            operation.does.type !== "push" ||
            operation.does.values.some((item) => seen.has(item))
        )
        const verdict = judging.finish!(likely)
        return verdict === "pass" || verdict === "unknown" ? verdict : judging.finish!(history)
      }
    }
  }
}

/** What an operation can have taken away at most without anybody knowing what. */
const takenMax = ({ does }: Use): number => (does.type === "pop" ? does.countMax : does.type === "move" ? 1 : 0)

/** What is known to have been taken for good. */
const takenBy = ({ operation, outcome }: Done): ReadonlyArray<number> => {
  if (operation.type !== "use" || operation.does.type !== "pop" || outcome.type !== "ok") return []
  const [popped] = outcome.value as Model.Result
  return popped === null ? [] : (popped as Popped).values
}

/** Items that were seen to lie in lists in the end. */
const seenBy = ({ final, operation, outcome }: Done): ReadonlyArray<number> =>
  final && operation.type === "use" && operation.does.type === "range" && outcome.type === "ok"
    ? ((outcome.value as Model.Result)[0] as ReadonlyArray<number>)
    : []

const look = (history: ReadonlyArray<Done>, nodes: number): Violation | undefined => {
  const pushes = new Map<number, Done>()
  for (const done of history) {
    const { operation } = done
    if (operation.type !== "use" || operation.does.type !== "push") continue
    // What failed and is done again has the same values.
    if (done.outcome.type !== "failed")
      for (const item of operation.does.values) if (!done.final) pushes.set(item, done)
  }
  const isDrawn = (item: number): boolean => item >= 1_000_000
  const taken = new Set<number>()
  for (const done of history) {
    const violation = (detail: string): Violation => ({
      detail,
      atMicros: done.completedAt,
      node: nodes + done.client
    })
    for (const item of takenBy(done)) {
      if (!isDrawn(item)) continue
      if (taken.has(item)) return violation(`${item} was taken twice`)
      const push = pushes.get(item)
      if (push === undefined || push.invokedAt > done.completedAt)
        return violation(`${item} was taken before it was pushed`)
      taken.add(item)
    }
  }
  const seen = new Set(history.flatMap(seenBy))
  const unknownMax = history.reduce(
    (sum, { operation, outcome }) =>
      sum + (operation.type === "use" && outcome.type === "unknown" ? takenMax(operation) : 0),
    0
  )
  const missing = [...pushes].filter(
    ([item, push]) => push.outcome.type === "ok" && !taken.has(item) && !seen.has(item)
  )
  if (missing.length <= unknownMax) return undefined
  const items = missing.slice(0, 5).map(([item]) => item)
  return {
    detail: `${missing.length} items are gone and nobody has them, ${items.join(" ")} among them, where ${unknownMax} at most can have been taken unseen`
  }
}

export const delivery: Judge<Operation, Value> = {
  name: "delivery",
  make: ({ nodes }) => ({
    finish: (history) => look(history, nodes) ?? (history.some(({ final }) => final) ? "pass" : "unknown")
  })
}
