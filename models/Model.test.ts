/** Every model keeps the promises that judges rely on (see Model.ts), on states that its own operations reach. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Workloads from "#sim/judges/Workloads.ts"
import * as Model from "./Model.ts"

/** Draws from a list of numbers that fast-check can shrink. */
const drawOf = (choices: ReadonlyArray<number>) => {
  let at = 0
  return (bound: number) => choices[at++ % choices.length]! % bound
}
const choices = fc.array(fc.nat(5039), { minLength: 1, maxLength: 80 })

type Draw = (bound: number) => number

const step = (subject: Workloads.Workload, draw: Draw, turn: number) => {
  const operation = subject.operation(draw, { index: draw(6), client: draw(3), turn })
  const coin = draw(3)
  return { operation, result: coin === 0 ? Model.unknown : subject.result(draw, operation) }
}

/** A state that some operations lead to. */
const reach = (subject: Workloads.Workload, draw: Draw): unknown => {
  let state = subject.model.init()
  for (let turn = draw(6); turn > 0; turn -= 1) {
    const { operation, result } = step(subject, draw, turn)
    state = subject.model.step(state, operation, draw(2) === 0 ? Model.unknown : result) ?? state
  }
  return state
}

const check = (property: (draw: Draw) => void): void => {
  fc.assert(
    fc.property(choices, (list) => property(drawOf(list))),
    { numRuns: 500, seed: 1 }
  )
}

describe.each(Workloads.all)("the model of: $name", (subject) => {
  const { model } = subject
  const keyOf = (state: unknown) => (state === undefined ? "none" : Model.keyText(model.stateKey(state)))

  it("lets an operation return what a single copy does, and moves to its state", () => {
    check((draw) => {
      const state = reach(subject, draw)
      const { operation } = step(subject, draw, draw(2))
      const performed = model.perform!(state, operation)
      const after = performed && model.step(state, operation, performed.result)
      expect(keyOf(after)).toBe(keyOf(performed?.state))
    })
  })

  it("steps as before from states with the same key", () => {
    check((draw) => {
      const [left, right] = [reach(subject, draw), reach(subject, draw)]
      const { operation, result } = step(subject, draw, draw(2))
      const same = keyOf(left) === keyOf(right)
      const after = [left, right].map((state) => keyOf(model.step(state, operation, result)))
      expect(same && after[0] !== after[1]).toBe(false)
    })
  })

  it("steps alike for operations with the same key", () => {
    check((draw) => {
      const state = reach(subject, draw)
      const [left, right] = [step(subject, draw, 0), step(subject, draw, 1)]
      const [leftKey, rightKey] = [left, right].map(({ operation, result }) => model.operationKey!(operation, result))
      const after = [left, right].map(({ operation, result }) => keyOf(model.step(state, operation, result)))
      expect(leftKey === rightKey && after[0] !== after[1]).toBe(false)
    })
  })

  it("has reads that change nothing ever after where they change nothing", () => {
    check((draw) => {
      const state = reach(subject, draw)
      const { operation, result } = step(subject, draw, draw(2))
      if (!model.readOnly!(operation, result) || keyOf(model.step(state, operation, result)) !== keyOf(state)) return
      let later = state
      for (let turn = draw(4); turn > 0; turn -= 1) {
        const other = step(subject, draw, turn)
        later = model.step(later, other.operation, other.result) ?? later
      }
      const after = model.step(later, operation, result)
      expect([keyOf(later), "none"]).toContain(keyOf(after))
    })
  })

  it("lets operations that touch nothing in common be swapped", () => {
    const touches =
      model.touches ??
      ((operation: unknown) => {
        const part = model.parts?.of(operation)
        return part === undefined ? undefined : [part]
      })
    check((draw) => {
      const state = reach(subject, draw)
      const [left, right] = [step(subject, draw, 0), step(subject, draw, 1)]
      const [leftKeys, rightKeys] = [touches(left.operation), touches(right.operation)]
      if (leftKeys === undefined || rightKeys === undefined || leftKeys.some((key) => rightKeys.includes(key))) return
      const run = (first: typeof left, second: typeof left): string => {
        const middle = model.step(state, first.operation, first.result)
        return keyOf(middle && model.step(middle, second.operation, second.result))
      }
      expect(run(left, right)).toBe(run(right, left))
    })
  })

  it("has parts that do, each alone, what the whole does there", () => {
    const { parts } = model
    check((draw) => {
      if (parts === undefined) return
      let whole = model.init()
      const alone = new Map<Model.Key, unknown>()
      for (let turn = draw(8); turn > 0; turn -= 1) {
        const { operation, result } = step(subject, draw, turn)
        const part = parts.of(operation)
        if (part === undefined) continue
        const after = model.step(whole, operation, result)
        const afterAlone = parts.model.step(alone.get(part) ?? parts.model.init(), operation, result)
        expect(after === undefined).toBe(afterAlone === undefined)
        if (after === undefined) continue
        whole = after
        alone.set(part, afterAlone)
      }
    })
  })

  it("says operations and states in words", () => {
    check((draw) => {
      const { operation, result } = step(subject, draw, draw(2))
      expect(model.describe(operation, result)).toMatch(/./)
      expect(typeof model.describeState(reach(subject, draw))).toBe("string")
    })
  })
})

describe("a model that may choose", () => {
  /** A register that may keep its old value when written. */
  const lossy = Model.nondeterministic<number, { readonly write?: number }, number>({
    name: "lossy register",
    inits: () => [0],
    steps: (state, operation, result) =>
      operation.write === undefined
        ? result === Model.unknown || result === state
          ? [state]
          : []
        : [state, operation.write],
    stateKey: (state) => state,
    describe: (operation) => JSON.stringify(operation),
    describeState: String
  })

  it("is followed in all its states at once", () => {
    const written = lossy.step(lossy.init(), { write: 3 }, Model.unknown)!
    expect(lossy.describeState(written)).toBe("0 or 3")
    expect(lossy.describeState(lossy.step(written, {}, 3)!)).toBe("3")
    expect(lossy.step(written, {}, 4)).toBeUndefined()
    expect(lossy.stateKey(lossy.step(written, { write: 3 }, Model.unknown)!)).toBe(lossy.stateKey(written))
  })
})

describe("keys of scalars", () => {
  it("differ for values that differ, and are primitives", () => {
    const values: ReadonlyArray<Model.Scalar> = [null, true, false, 0, 1, -1, 0.5, NaN, "", "0", "null", "true", "'"]
    expect(new Set(values.map(Model.scalarKey)).size).toBe(values.length)
    expect(Model.scalarKey(-0)).toBe(Model.scalarKey(0))
  })
})
