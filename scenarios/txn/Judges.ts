/** Judges: what clients see of transactions, in the words of the judges that every database has. */
import * as Elle from "#sim/elle/Elle.ts"
import type { Words } from "#sim/judges/History.ts"
import type { Operation, Outcome } from "#sim/run/History.ts"
import type { Judge, Violation } from "#sim/run/Judge.ts"
import * as Keys from "#storage/Keys.ts"
import type * as Client from "./Client.ts"
import type * as Requests from "./Requests.ts"
import { balanceAtFirst, keyOf, type Seen, type Step } from "./Step.ts"

type Micro = readonly [kind: string, key: number, value: Seen]

const byKey = (keys: ReadonlyArray<number>, seen: Seen | undefined): ReadonlyArray<readonly [number, Seen]> =>
  keys.map((key, index) => [key, (seen as ReadonlyArray<Seen> | undefined)?.[index] ?? null])

/** As the keys were come by: a statement's parts may have times of their own. */
const inOrder = (
  { reverse }: Step & { readonly type: "scan" },
  read: ReadonlyArray<readonly [number, Seen]>
): ReadonlyArray<readonly [number, Seen]> => {
  const rising = read.toSorted(([left], [right]) => Keys.compare(keyOf(left), keyOf(right)))
  return reverse ? rising.toReversed() : rising
}

/** What a step asked for; with what it has seen, what it did. */
const microsOf = (step: Step, seen: Seen | undefined): ReadonlyArray<Micro> => {
  switch (step.type) {
    case "get":
      return [["r", step.key, seen ?? null]]
    case "scan":
      return inOrder(step, byKey(step.keys, seen)).map(([key, value]) => ["r", key, value])
    case "put":
      return [["w", step.key, step.value]]
    case "append":
      return seen === undefined
        ? [["append", step.key, step.value]]
        : [
            ["r", step.key, seen],
            ["append", step.key, step.value]
          ]
    default:
      return []
  }
}

/** What it has seen, when that is known. */
export const seenBy = (outcome: Outcome<Client.Value>): Requests.Committed | undefined =>
  outcome.type === "ok" && typeof outcome.value !== "boolean" ? outcome.value : undefined

const toTransaction = (operation: Client.Operation, outcome: Outcome<Client.Value>): Words => {
  if (operation.type !== "run") return { function: operation.type, input: [], output: [] }
  const { steps } = operation
  const seen = seenBy(outcome)?.seen
  return {
    function: "txn",
    input: steps.flatMap((step) => microsOf(step, undefined)),
    output: seen === undefined ? null : steps.flatMap((step, index) => microsOf(step, seen[index]))
  }
}

export const elle = (
  model: "list-append" | "rw-register",
  consistency: string
): Judge<Client.Operation, Client.Value> => Elle.judge({ name: "elle", model, consistency, toWords: toTransaction })

/** Every read of all accounts shows the same total, and none below zero. */
export const bank = (accounts: number): Judge<Client.Operation, Client.Value> =>
  Elle.judge({
    name: "bank",
    model: "bank",
    bank: {
      accounts: Array.from({ length: accounts }, (_, account) => account),
      totalAmount: accounts * balanceAtFirst
    },
    toWords: (operation, outcome) => {
      const [step] = operation.type === "run" ? operation.steps : []
      const seen = seenBy(outcome)?.seen[0]
      if (step?.type !== "scan" || seen === undefined) return { function: "other", input: null, output: null }
      const balances = byKey(step.keys, seen).map(([key, value]) => [key, value ?? balanceAtFirst])
      return { function: "read", input: null, output: balances }
    }
  })

/** Tells what is wrong with what one transaction has seen. */
const seeing = (
  name: string,
  wrong: (step: Step, seen: Seen) => string | undefined
): Judge<Client.Operation, Client.Value> => ({
  name,
  make: () => ({
    completed: ({ operation, outcome }): Violation | undefined => {
      const known = seenBy(outcome)
      if (operation.type !== "run" || known === undefined) return undefined
      for (const [index, step] of operation.steps.entries()) {
        const detail = wrong(step, known.seen[index])
        if (detail !== undefined) return { detail: `transaction ${known.id} has seen ${detail}` }
      }
      return undefined
    }
  })
})

/** Whoever reads the whole ring goes through all of it, and comes back. */
export const ring = (size: number): Judge<Client.Operation, Client.Value> =>
  seeing("ring", (step, seen) => {
    if (step.type !== "scan") return undefined
    const next = byKey(step.keys, seen).map(([key, value]) => Number(value ?? (key + 1) % size))
    const visited = new Set<number>()
    for (let at = 0; !visited.has(at); at = next[at]) visited.add(at)
    return visited.size === size ? undefined : `a ring of ${visited.size} instead of ${size}: ${next.join(" ")}`
  })

/** Of two keys one is 1 at any time. */
export const onCall: Judge<Client.Operation, Client.Value> = seeing("on-call", (step, seen) => {
  const values = step.type === "leave" || step.type === "scan" ? (seen as ReadonlyArray<Seen>) : []
  for (let at = 0; at + 1 < values.length; at += 2) {
    if (values[at] === 0 && values[at + 1] === 0) return `both of a pair gone: ${values.join(" ")}`
  }
  return undefined
})

/**
 * Timestamps are what they are said to be: no two transactions have one in common, commits come after what they read, and who begins after
 * another was answered begins at a later timestamp than that one's commit. A transaction that begins where another was committed (`RunOptions.after`) has
 * that timestamp in common with it, and with no other; it is committed later than what was answered before it began.
 */
export const timestamps: Judge<Client.Operation, Client.Value> = {
  name: "timestamps",
  make: () => {
    const begun = new Set<number>()
    const followed = new Set<number>()
    const commits = new Set<number>()
    /** By time of the answer: the latest timestamp up to then. */
    const answered: Array<{ readonly atMicros: number; readonly at: number }> = []
    const wrong = (
      { invokedAt, operation }: Operation,
      { at, follows, id }: Requests.Committed
    ): string | undefined => {
      const before = answered.findLast(({ atMicros }) => atMicros < invokedAt)?.at ?? 0
      if ((follows ? at : id) <= before)
        return `transaction ${id} began after another was answered that is committed at ${before}`
      if (begun.has(id) || followed.has(id) || (commits.has(id) && !follows)) return `timestamp ${id} is given twice`
      const isWriter = (operation as Client.Operation & { readonly type: "run" }).steps.some(
        ({ type }) => type === "put" || type === "append" || type === "turn"
      )
      if (isWriter && at <= id) return `transaction ${id} is committed at ${at}`
      if (at !== id && (begun.has(at) || commits.has(at))) return `timestamp ${at} is given twice`
      return undefined
    }
    return {
      completed: (done): Violation | undefined => {
        const known = seenBy(done.outcome)
        if (known === undefined) return undefined
        const detail = wrong(done, known)
        if (known.follows) followed.add(known.id)
        else begun.add(known.id)
        if (known.at !== known.id) commits.add(known.at)
        answered.push({ atMicros: done.completedAt, at: Math.max(known.at, answered.at(-1)?.at ?? 0) })
        return detail === undefined ? undefined : { detail }
      }
    }
  }
}
