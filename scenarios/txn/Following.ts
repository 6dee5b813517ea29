/**
 * Following: servers that follow all changes, and the judge of what they are told: each change once, in the order of the timestamps, with everything
 * up to the timestamp that is told with it, and nothing that nobody committed.
 *
 * Every other server begins with everything that was ever committed, the others with what is committed from now on; a server that starts anew, or
 * was too slow, begins anew.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ChangeFeed } from "#keyspace/ChangeFeed.ts"
import type { Operation } from "#sim/run/History.ts"
import type { Judge, Observed, Violation } from "#sim/run/Judge.ts"
import type { Trace } from "#world/Trace.ts"
import type * as Client from "./Client.ts"
import { seenBy } from "./Judges.ts"
import { keyOf, type Seen, type Step } from "./Step.ts"

const utf8 = new TextEncoder()
const text = new TextDecoder()

/** All keys of clients. */
const span = { from: utf8.encode("k"), to: utf8.encode("l") }
const pauseMillis = 50

type Told = readonly [key: string, at: number, value: string | null]

export const follow = Effect.fnUntraced(function* (
  feed: ChangeFeed["Service"],
  trace: Trace["Service"],
  server: number
): Effect.fn.Return<void> {
  // No timestamp is below it.
  let after = server % 2 === 0 ? 1 : undefined
  for (;;) {
    let isFirst = true
    const all = feed.subscribe({ span, pauseMillis, ...(after === undefined ? {} : { after }) })
    if (after !== undefined) trace.emit("debug", "feed/began", { after })
    yield* Stream.runForEach(all, ({ changes, upTo }) =>
      Effect.sync(() => {
        if (isFirst && after === undefined) trace.emit("debug", "feed/began", { after: upTo })
        isFirst = false
        const told = changes.map(({ at, key, value }): Told => [
          text.decode(key),
          at,
          value === undefined ? null : text.decode(value)
        ])
        trace.emit("debug", "feed/told", { upTo, changes: JSON.stringify(told) })
      })
    ).pipe(Effect.ignore)
    after = undefined
  }
})

interface Follower {
  readonly after: number
  upTo: number
  readonly changes: Set<string>
}

/** What a transaction leaves under its keys, where that is known. */
const writesOf = (steps: ReadonlyArray<Step>, seen: ReadonlyArray<Seen>): ReadonlyMap<string, string> => {
  const writes = new Map<string, string>()
  const put = (key: number, value: Seen): void => void writes.set(text.decode(keyOf(key)), JSON.stringify(value))
  for (const [index, step] of steps.entries()) {
    if (step.type === "put") put(step.key, step.value)
    else if (step.type === "append") put(step.key, [...((seen[index] ?? []) as ReadonlyArray<Seen>), step.value])
    else if (step.type === "move") {
      const [from, to] = seen[index] as ReadonlyArray<number>
      if (from < step.amount) continue
      put(step.from, from - step.amount)
      put(step.to, to + step.amount)
    }
  }
  return writes
}

class Judging {
  private readonly followers = new Map<number, Follower>()
  /** Of streams that have ended. */
  private readonly former: Array<Follower> = []
  private readonly values = new Map<string, string | null>()
  private readonly times = new Set<number>()

  readonly observe = ({ fields, name, node }: Observed): Violation | undefined => {
    if (name === "feed/began") {
      const before = this.followers.get(node)
      if (before !== undefined) this.former.push(before)
      const after = Number(fields["after"])
      this.followers.set(node, { after, upTo: after, changes: new Set() })
      return undefined
    }
    if (name !== "feed/told") return undefined
    const follower = this.followers.get(node)
    if (follower === undefined) return { detail: "a follower is told changes before it has begun" }
    const detail = this.told(follower, Number(fields["upTo"]), JSON.parse(String(fields["changes"])))
    return detail === undefined ? undefined : { detail: `server ${node} is told ${detail}` }
  }

  private told(follower: Follower, upTo: number, changes: ReadonlyArray<Told>): string | undefined {
    let last = follower.upTo
    for (const [key, at, value] of changes) {
      const name = `${key} at ${at}`
      if (follower.changes.has(name)) return `${name} twice`
      if (at <= follower.upTo || at > upTo) return `${name}, outside of (${follower.upTo}, ${upTo}]`
      if (at < last) return `${name} after a change at ${last}`
      if (this.values.has(name) && this.values.get(name) !== value) return `${name} is ${value}, and another one is not`
      last = at
      follower.changes.add(name)
      this.values.set(name, value)
      this.times.add(at)
    }
    if (upTo < follower.upTo) return `that all is told up to ${upTo}, after ${follower.upTo}`
    follower.upTo = upTo
    return undefined
  }

  readonly finish = (history: ReadonlyArray<Operation<Client.Operation, Client.Value>>): Violation | "pass" => {
    const known = new Set<number>()
    let areUnclear = 0
    for (const { operation, outcome } of history) {
      if (operation.type !== "run") continue
      const committed = seenBy(outcome)
      if (committed === undefined) {
        if (outcome.type !== "failed") areUnclear++
        continue
      }
      known.add(committed.at)
      for (const [key, value] of writesOf(operation.steps, committed.seen)) {
        const detail = this.missing(key, committed.at, value)
        if (detail !== undefined) return { detail }
      }
    }
    const strange = [...this.times].filter((at) => !known.has(at))
    return strange.length <= areUnclear
      ? "pass"
      : { detail: `${strange.length} commits are told of, and only ${areUnclear} operations can have made them` }
  }

  private missing(key: string, at: number, value: string): string | undefined {
    const name = `${key} at ${at}`
    const asked = [...this.followers.values(), ...this.former].filter(({ after, upTo }) => after < at && at <= upTo)
    if (asked.some(({ changes }) => !changes.has(name))) return `${name} was committed, and a follower is not told`
    if (asked.length > 0 && this.values.get(name) !== value)
      return `${name} is told as ${this.values.get(name)}, not ${value}`
    return undefined
  }
}

export const judge: Judge<Client.Operation, Client.Value> = { name: "feed", make: () => new Judging() }
