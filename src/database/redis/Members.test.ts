import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import { ModelCluster } from "#txn/testing/ModelCluster.ts"
import { Timers } from "#world/Timers.ts"
import { Members } from "./Members.ts"

/** Each node says that it lives for so long; the first tells whom it knows, once a second. */
const knownBy = (livesMillis: ReadonlyArray<number>): ReadonlyArray<string> => {
  const bench = new TestBench({ machines: livesMillis.length })
  const cluster = new ModelCluster(bench)
  const known: Array<string> = []
  for (const [machine, lives] of livesMillis.entries()) {
    bench.startOnce(
      machine,
      cluster.program(machine, ({ transactions }) =>
        Effect.gen(function* () {
          const timers = (yield* Timers).attach({ fired: () => {} })
          const members = new Members({
            node: machine + 1,
            address: { host: `n${machine}`, port: 6_379 },
            transactions,
            nowMicros: () => timers.nowMicros()
          })
          const told = Effect.sync(() => {
            if (machine === 0)
              known.push(members.others.map(({ address, node }) => `${node}@${address.host}`).join(" "))
          })
          const looking = Effect.forever(Effect.andThen(Effect.sleep(1_000), told))
          yield* Effect.timeoutOption(Effect.raceFirst(members.run, looking), lives)
        })
      )
    )
  }
  bench.pass(60_000_000)
  return known
}

describe("who is known to live", () => {
  it("is whoever has said something new lately, and nobody else", () => {
    const known = knownBy([30_000, 30_000, 10_000])
    expect(known.slice(0, 2)).toEqual(["", ""])
    expect(known[5]).toBe("2@n1 3@n2")
    // The third has been silent for long.
    expect(known.at(-1)).toBe("2@n1")
  })

  it("is not who was there only before: what it said stays", () => {
    const known = knownBy([30_000, 500])
    expect(new Set(known)).toEqual(new Set([""]))
  })
})
