import { describe, expect, it } from "vitest"
import * as Jepsen from "#sim/judges/formats/Jepsen.ts"
import * as Consistency from "./Consistency.ts"
import * as Elle from "./Elle.ts"
import * as Picture from "./Picture.ts"

const transaction = (process: number, asked: string, seen = asked): string =>
  `{:type :invoke, :process ${process}, :f :txn, :value ${asked}}\n{:type :ok, :process ${process}, :f :txn, :value ${seen}}\n`

/** Two increments from the same version, the second of which also wrote what the first had read before. */
const history = Jepsen.read(
  transaction(0, "[[:append :x 1]]") +
    transaction(1, "[[:r :x nil] [:append :x 2]]", "[[:r :x []] [:append :x 2]]") +
    transaction(2, "[[:r :x nil]]", "[[:r :x [1 2]]]")
)

describe("the picture of anomalies", () => {
  const verdict = Elle.check(history, { model: "list-append" })
  const judged = Picture.of("h.edn", history, verdict)

  it("has a graph for each cycle: every step with its kind and the key and values that justify it", () => {
    const single = judged.anomalies.find(({ type }) => type === "G-single")!
    expect(new Set(single.transactions.map(({ operation }) => operation))).toEqual(new Set([0, 1]))
    const steps = single.edges.filter(({ inCycle }) => inCycle)
    expect(new Set(steps.map(({ label, type }) => `${type} ${label}`))).toEqual(
      new Set(["rw :x: nil → 1", "ww :x: 1 → 2"])
    )
    for (const [index, step] of steps.entries()) expect([step.from, step.to]).toEqual([index, (index + 1) % 2])
  })

  it("tells micro-operations one by one, with what was seen", () => {
    const words = judged.anomalies.flatMap(({ transactions }) => transactions.map((one) => one.words))
    expect(words).toContainEqual(["r :x []", "append :x 2"])
    expect(judged.operations[2]!.words).toBe("r :x [1 2]")
  })

  it("marks the models that are violated, those that follow, and the level that was judged", () => {
    const marked = new Map(judged.models.map((model) => [model.name, model]))
    expect(
      judged.models
        .filter((model) => model.verdict === "refuted")
        .map(({ name }) => name)
        .toSorted()
    ).toEqual([...verdict.not])
    for (const name of verdict.alsoNot) expect(marked.get(name)?.verdict).toBe("implied")
    for (const name of verdict.may) expect(marked.get(name)?.verdict).toBe("possible")
    expect(judged.models.filter(({ asked }) => asked).map(({ name }) => name)).toEqual(["strict-serializable"])
  })

  it("shows other dependencies between the transactions of a cycle beside it", () => {
    const beside = Jepsen.read(
      transaction(0, "[[:append :x 1] [:append :y 1]]") +
        transaction(
          1,
          "[[:r :x nil] [:r :y nil] [:append :x 2] [:append :y 2]]",
          "[[:r :x []] [:r :y [1]] [:append :x 2] [:append :y 2]]"
        ) +
        transaction(2, "[[:r :x nil] [:r :y nil]]", "[[:r :x [1 2]] [:r :y [1 2]]]")
    )
    const picture = Picture.of("h.edn", beside, Elle.check(beside, { model: "list-append" }))
    const edges = picture.anomalies.flatMap((one) => one.edges)
    expect(edges.some(({ inCycle }) => !inCycle)).toBe(true)
  })
})

describe("the lattice", () => {
  it("has every model once, stronger ones first, without lines that follow from others", () => {
    const models = Consistency.lattice([])
    const names = models.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(models.every(({ verdict }) => verdict === "possible")).toBe(true)
    for (const { implies, name } of models) {
      for (const below of implies) {
        expect(names.indexOf(below)).toBeGreaterThan(names.indexOf(name))
        expect(implies.filter((other) => other !== below && Consistency.implies(other, below))).toEqual([])
      }
    }
  })
})
