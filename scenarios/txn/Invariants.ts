/**
 * Invariants: what transactions promise inside, judged at every command that ranges apply (`Observed`), long before a client can tell:
 *
 * 1. A transaction is decided once: committed at one timestamp, or aborted, wherever it says so.
 * 2. When it is committed, all intents that it names are laid.
 * 3. A key has one intent at a time, and no version passes it.
 * 4. An intent becomes a version at its transaction's timestamp when that is committed, and goes without a trace only when it is aborted.
 * 5. The versions of a key rise in time; a version is of one transaction, which is committed at that timestamp.
 * 6. A read of everything leaves no intent that it met.
 *
 * `check` is a plain function over the commands, so that each of these is tested on sequences made by hand.
 */
import type { Operation } from "#sim/run/History.ts"
import type { Judge, Violation } from "#sim/run/Judge.ts"
import type * as Client from "./Client.ts"
import type { Written } from "./Observed.ts"

interface KeyView {
  at: number
  intent: number | undefined
  laidAtMicros: number
}

class View {
  /** By transaction: its commit timestamp; 0: aborted. */
  private readonly outcomes = new Map<number, number>()
  /** By commit timestamp: whose. */
  private readonly commits = new Map<number, number>()
  private readonly keys = new Map<string, KeyView>()
  /** The highest of any range. */
  private floor = 0

  write({ cleared, floor, intents, records, versions }: Written, atMicros: number): string | undefined {
    this.floor = Math.max(this.floor, floor)
    for (const record of records) {
      const broken = this.decided(record)
      if (broken !== undefined) return broken
    }
    const gone = new Set(cleared)
    for (const { at, key } of versions) {
      const broken = this.versioned(key, at, gone)
      if (broken !== undefined) return broken
    }
    for (const key of cleared) {
      const broken = this.cleared(key)
      if (broken !== undefined) return broken
    }
    for (const { key, txn } of intents) {
      const view = this.keyOf(key)
      if (view.intent !== undefined && view.intent !== txn) {
        return `one intent a key: transaction ${txn} lays one on ${key}, where that of ${view.intent} is`
      }
      view.intent = txn
      view.laidAtMicros = atMicros
    }
    return undefined
  }

  private keyOf(key: string): KeyView {
    const known = this.keys.get(key)
    if (known !== undefined) return known
    const made = { at: 0, intent: undefined, laidAtMicros: 0 }
    this.keys.set(key, made)
    return made
  }

  private decided({ at, keys, txn }: Written["records"][number]): string | undefined {
    const known = this.outcomes.get(txn)
    if (known !== undefined) {
      return known === at ? undefined : `decided once: transaction ${txn} is ${words(known)}, and then ${words(at)}`
    }
    this.outcomes.set(txn, at)
    if (at === 0) return undefined
    const other = this.commits.get(at)
    if (other !== undefined) return `one timestamp a commit: transactions ${other} and ${txn} are committed at ${at}`
    this.commits.set(at, txn)
    if (at <= txn) return `commits are later than what they read: transaction ${txn} is committed at ${at}`
    const missing = keys.find((key) => this.keyOf(key).intent !== txn)
    return missing === undefined
      ? undefined
      : `prepared before decided: transaction ${txn} is committed without an intent on ${missing}`
  }

  private versioned(key: string, at: number, cleared: ReadonlySet<string>): string | undefined {
    const view = this.keyOf(key)
    const txn = this.commits.get(at)
    if (txn === undefined) return `${key} gets a version at ${at}, when nobody is committed`
    if (at <= view.at) return `versions rise: ${key} gets one at ${at} over that at ${view.at}`
    view.at = at
    if (view.intent === undefined) return undefined
    if (view.intent !== txn) return `transaction ${txn} writes over the intent of ${view.intent} on ${key}`
    if (!cleared.has(key)) return `the intent of ${txn} on ${key} stays behind its version`
    view.intent = undefined
    return undefined
  }

  private cleared(key: string): string | undefined {
    const view = this.keyOf(key)
    const { intent } = view
    view.intent = undefined
    if (intent === undefined) return undefined
    // Too old to be decided: it is aborted without a record.
    if (!this.outcomes.has(intent) && intent <= this.floor) this.outcomes.set(intent, 0)
    const outcome = this.outcomes.get(intent)
    if (outcome === 0) return undefined
    const was = outcome === undefined ? "undecided" : words(outcome)
    return `the intent of ${intent} on ${key} is taken away, and the transaction is ${was}`
  }

  left({ id, invokedAt }: Sweep): ReadonlyArray<string> {
    return [...this.keys].flatMap(([key, { intent, laidAtMicros }]) =>
      intent === undefined || intent >= id || laidAtMicros >= invokedAt ? [] : [`${key} (transaction ${intent})`]
    )
  }
}

const words = (at: number): string => (at === 0 ? "aborted" : `committed at ${at}`)

/** A read of everything that was answered: when it began, and the timestamp that it read at. */
export interface Sweep {
  readonly invokedAt: number
  readonly id: number
}

export interface Check {
  /** What the command breaks, when it is the first time that a replica applies it. */
  readonly write: (group: number, index: number, written: Written, atMicros?: number) => string | undefined
  /** Intents that are laid still, and were when a read of everything began that had to settle them. */
  readonly left: (sweep: Sweep) => ReadonlyArray<string>
}

export const check = (): Check => {
  const view = new View()
  const applied = new Map<number, number>()
  return {
    write: (group, index, written, atMicros = 0) => {
      if (index <= (applied.get(group) ?? 0)) return undefined
      applied.set(group, index)
      return view.write(written, atMicros)
    },
    left: (sweep) => view.left(sweep)
  }
}

const sweepOf = (history: ReadonlyArray<Operation<Client.Operation, Client.Value>>): Sweep | undefined => {
  const found = history.findLast(
    ({ final, operation, outcome }) =>
      final && outcome.type === "ok" && operation.type === "run" && operation.steps[0].type === "scan"
  )
  if (found?.outcome.type !== "ok" || typeof found.outcome.value === "boolean") return undefined
  return { invokedAt: found.invokedAt, id: found.outcome.value.id }
}

export const invariants: Judge<Client.Operation, Client.Value> = {
  name: "transactions",
  inside: true,
  make: () => {
    const checked = check()
    return {
      observe: ({ atMicros, fields, name }): Violation | undefined => {
        if (name !== "keyspace/write") return undefined
        const written = JSON.parse(String(fields["written"])) as Written
        const detail = checked.write(Number(fields["group"]), Number(fields["index"]), written, atMicros)
        return detail === undefined ? undefined : { detail }
      },
      finish: (history) => {
        const sweep = sweepOf(history)
        const left = sweep === undefined ? [] : checked.left(sweep)
        return left.length === 0 ? "pass" : { detail: `intents are left behind on ${left.join(", ")}` }
      }
    }
  }
}
