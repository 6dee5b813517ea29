/** Routers and ranges in memory, as a seed draws it: calls of all kinds, ranges that are cut, merged and moved, and much that is lost or late. */
import { describe, expect, it } from "vitest"
import * as Hex from "#base/Hex.ts"
import { Streams } from "#sim/kernel/Stream.ts"
import type { KeyspaceError } from "./KeyspaceError.ts"
import type { Outcome, Timestamp } from "./Request.ts"
import type { Router } from "./Router.ts"
import { asked, key, put, span, TestRouters } from "./TestRouters.ts"

const second = 1_000_000
const keysMax = 300

/** One run. `problems` is what no caller may meet. */
class Run {
  readonly problems: Array<string> = []
  /** How calls ended, and how many of them so. */
  readonly ends = new Map<string, number>()
  private readonly cluster: TestRouters
  private readonly below: (bound: number) => number
  /** What is to be looked at when all is over. */
  private readonly checks: Array<() => void> = []

  constructor(seed: string) {
    const streams = new Streams({ seed })
    const [draw, ranges] = [streams.get("test"), streams.get("ranges")]
    this.below = (bound) => draw.below(bound)
    this.cluster = new TestRouters((bound) => ranges.below(bound))
  }

  play(): this {
    const { cluster } = this
    const { ranges } = cluster
    const calls = ["commit", "commit", "twoPhases", "get", "get", "scan"] as const
    ranges.trouble = { lost: 6, late: 3, refused: 12 }
    for (let step = 0; step < 250; step++) {
      this[calls[this.below(calls.length)]](cluster.routers[this.below(3)])
      if (this.below(4) === 0) this.change()
      cluster.pass(this.below(40_000))
    }
    ranges.trouble = { lost: 0, late: 0, refused: 0 }
    ranges.publishes = true
    ranges.publishAll()
    cluster.pass(20 * second)
    for (const check of this.checks) check()
    return this
  }

  private note(call: string, error: KeyspaceError | undefined): void {
    const name = `${call} ${error?._tag ?? "ok"}`
    this.ends.set(name, (this.ends.get(name) ?? 0) + 1)
  }

  private same(what: string, found: ReadonlyArray<string>, expected: ReadonlyArray<string>): void {
    const [one, other] = [found.join(", "), expected.join(", ")]
    if (one !== other) this.problems.push(`${what}: ${one}, not ${other}`)
  }

  private numbers(countMax: number): ReadonlyArray<number> {
    return Array.from({ length: 1 + this.below(countMax) }, () => this.below(keysMax))
  }

  private change(): void {
    const { ranges } = this.cluster
    const at = key(this.below(keysMax))
    const changes = [
      () => ranges.split(at),
      () => ranges.split(at),
      () => ranges.merge(at),
      () => ranges.move(at, 1 + this.below(3)),
      () => ranges.move(Uint8Array.of(0), 1 + this.below(3)),
      () => (ranges.publishes = !ranges.publishes)
    ]
    changes[this.below(changes.length)]()
  }

  /** Most are of one range, and some are contended for. */
  private commit(router: Router): void {
    const { cluster } = this
    const first = this.below(2) === 0 ? this.below(keysMax) : this.below(6)
    const numbers = new Set([first, first + this.below(3), this.below(8) === 0 ? this.below(keysMax) : first])
    const mutations = [...numbers].sort((one, other) => one - other).map((each) => put(each, this.below(60_000)))
    const txn = cluster.txn(mutations[0].key)
    const spans = this.below(3) === 0 ? [span(first, first + 3)] : []
    const commit = { txn, snapshot: txn.id, mutations, reads: { since: txn.id, keys: [key(first)], spans } }
    router.commitOnce(commit, asked, (error, at) => {
      this.note(error === undefined && at === undefined ? "scattered" : "commit", error)
      this.checks.push(() => {
        const found = cluster.ranges.writtenBy(txn.id)
        const wholeAt =
          at ?? (error?._tag === "Unknown" && found.length > 0 ? Number(found[0].split(" ")[1]) : undefined)
        const expected = wholeAt === undefined ? [] : mutations.map((each) => `${Hex.of(each.key)} ${wholeAt}`)
        this.same(`a commit that ended ${error?._tag ?? at}`, [...found].sort(), expected)
      })
    })
  }

  private twoPhases(router: Router): void {
    const { cluster } = this
    const numbers = new Set(this.numbers(6))
    const mutations = [...numbers].sort((one, other) => one - other).map((each) => put(each, this.below(60_000)))
    const txn = cluster.txn(mutations[0].key)
    const keys = mutations.map((each) => each.key)
    router.prepare(txn, txn.id, mutations, asked, (error) => {
      this.note("prepare", error)
      const laid = cluster.ranges.intentsOf(txn.id).length
      if (error === undefined && laid !== keys.length) this.problems.push(`${laid} intents of ${keys.length}`)
      const outcome: Outcome =
        error === undefined ? { type: "committed", at: cluster.ranges.timestamp() } : { type: "aborted" }
      router.at(txn.anchor, { type: "decide", txn, outcome, keys }, asked, (undecided) => {
        this.note("decide", undecided)
        if (undecided !== undefined) return
        router.each(
          keys,
          (own) => ({ type: "resolve", txn: txn.id, outcome, keys: own }),
          asked,
          (unresolved) => this.note("resolve", unresolved)
        )
      })
      this.checks.push(() => {
        const state = cluster.ranges.stateOf(txn.id)
        const isWhole = cluster.ranges.intentsOf(txn.id).length === 0
        const expected = state?.type === "committed" ? keys.map((each) => `${Hex.of(each)} ${state.at}`) : []
        // Where nobody has resolved yet, nothing is to be seen of it.
        if (isWhole) this.same("two phases", [...cluster.ranges.writtenBy(txn.id)].sort(), expected)
      })
    })
  }

  private get(router: Router): void {
    const numbers = this.numbers(12)
    router.timestamp(asked.timeoutMicros, (late, at) => {
      this.note("timestamp", late)
      if (late !== undefined) return
      router.get(numbers.map(key), at, asked, (error, values) => {
        this.note("get", error)
        if (error !== undefined) return
        this.checks.push(() => {
          const expected = numbers.map((each) => this.versionOf(each, at))
          const found = numbers.map((each, index) => `${each} of ${values[index].at}: ${values[index].value?.join()}`)
          this.same(`a read at ${at}`, found, expected)
        })
      })
    })
  }

  private versionOf(number: number, at: Timestamp): string {
    const expected = this.cluster.ranges.valueAt(key(number), at)
    return `${number} of ${expected.at}: ${expected.value?.join()}`
  }

  private scan(router: Router): void {
    const { ranges } = this.cluster
    const of = span(this.below(keysMax), this.below(keysMax))
    const reverse = this.below(2) === 0
    const at = ranges.timestamp()
    const bounds = { entriesMax: 1 + this.below(40), sizeBytesMax: 1 + this.below(200) }
    router.scan({ span: of, at, reverse, ...bounds }, asked, (error, { entries, rest }) => {
      this.note("scan", error)
      if (error !== undefined) return
      this.checks.push(() => {
        const done = reverse ? { from: rest?.to ?? of.from, to: of.to } : { from: of.from, to: rest?.from ?? of.to }
        const expected = ranges.keysIn(done).filter((each) => ranges.valueAt(each, at).value !== undefined)
        if (reverse) expected.reverse()
        this.same(
          `a scan at ${at}`,
          entries.map((entry) => `${Hex.of(entry.key)} ${entry.at}`),
          expected.map((each) => `${Hex.of(each)} ${ranges.valueAt(each, at).at}`)
        )
        if (rest !== undefined && entries.length === 0) this.problems.push("a scan stopped without an entry")
      })
    })
  }
}

describe("under any trouble", () => {
  it("reads find what was written, outcomes that are told are true, and nothing is done twice", () => {
    const total = new Map<string, number>()
    for (let seed = 0; seed < 12; seed++) {
      const { ends, problems } = new Run(`router ${seed}`).play()
      expect([seed, problems]).toEqual([seed, []])
      for (const [name, count] of ends) total.set(name, (total.get(name) ?? 0) + count)
    }
    const metAtLeast = (count: number) => [...total].filter(([, met]) => met >= count).map(([name]) => name)
    // All of it was met, and most of it went well.
    const often = ["commit ok", "get ok", "scan ok", "prepare ok", "resolve ok", "timestamp ok"]
    expect(metAtLeast(300)).toEqual(expect.arrayContaining(often))
    const sometimes = ["scattered ok", "commit Conflict", "commit Unknown", "get Unavailable", "prepare Unknown"]
    expect(metAtLeast(5)).toEqual(expect.arrayContaining(sometimes))
  })
})
