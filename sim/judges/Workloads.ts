/**
 * Operations to draw for each model, with few values so that they meet, or with all values distinct so that special
 * algorithms apply. For the tests of models and judges, for benches and pages.
 */
import * as Cache from "#models/Cache.ts"
import * as CasRegister from "#models/CasRegister.ts"
import * as Cell from "#models/Cell.ts"
import * as Counter from "#models/Counter.ts"
import * as Keyed from "#models/Keyed.ts"
import * as KeyValue from "#models/KeyValue.ts"
import * as Lists from "#models/Lists.ts"
import * as Lock from "#models/Lock.ts"
import * as Model from "#models/Model.ts"
import * as MultiRegister from "#models/MultiRegister.ts"
import * as Queue from "#models/Queue.ts"
import * as Register from "#models/Register.ts"
import * as SetModel from "#models/SetModel.ts"
import type { At, Draw } from "./Generator.ts"

export interface Workload<State = any, Operation = any, Result = any> {
  readonly name: string
  readonly model: Model.Model<State, Operation, Result>
  readonly operation: (draw: Draw, at: At) => Operation
  /** Some result that such an operation might have: mostly not the right one. */
  readonly result: (draw: Draw, operation: Operation) => Result
}

const workload = <State, Operation, Result>(value: Workload<State, Operation, Result>): Workload => value

const pick = <A>(draw: Draw, ...choices: ReadonlyArray<A>): A => choices[draw(choices.length)]!

/** Members of a set of two, in some order; now and then one twice. */
const members = (draw: Draw): ReadonlyArray<number> => pick(draw, [], [0], [1], [0, 1], [1, 0], [1, 1])

export const all: ReadonlyArray<Workload> = [
  workload<Model.Scalar, Register.Operation, Register.Result>({
    name: "register",
    model: Register.make(0),
    operation: (draw) => pick(draw, Register.read, Register.write(draw(3))),
    result: (draw) => draw(3)
  }),
  workload<Model.Scalar, Register.Operation, Register.Result>({
    name: "register, distinct writes",
    model: Register.make(0),
    operation: (draw, { index }) => pick(draw, Register.read, Register.write(index + 1)),
    result: (draw) => draw(8)
  }),
  workload<Model.Scalar, CasRegister.Operation, CasRegister.Result>({
    name: "cas-register",
    model: CasRegister.make(0),
    operation: (draw) =>
      pick<CasRegister.Operation>(
        draw,
        CasRegister.read,
        CasRegister.write(draw(3)),
        CasRegister.cas(draw(3), draw(3))
      ),
    result: (draw, operation) => (operation.type === "cas" ? draw(2) === 0 : draw(3))
  }),
  workload<number | null, Cell.Operation, Cell.Result>({
    name: "cell",
    model: Cell.make(),
    operation: (draw) => {
      const value = (): number | null => pick(draw, null, 1, 2)
      return pick<Cell.Operation>(draw, Cell.get, Cell.put(value()), Cell.cas(value(), value()), Cell.add(1))
    },
    result: (draw, operation) => {
      if (operation.type === "get") return pick(draw, null, 1, 2, 3)
      return operation.type === "add" ? 1 + draw(3) : draw(2) === 0
    }
  }),
  workload<Cache.State, Cache.Operation, Cache.Result>({
    name: "cache",
    model: Cache.make(),
    operation: (draw) =>
      pick<Cache.Operation>(draw, Cache.get, Cache.put(pick<number | null>(draw, null, 1, 2), draw(2) === 0)),
    result: (draw, operation) =>
      operation.type === "get" ? pick<Cache.Result>(draw, null, 1, 2, "torn") : draw(2) === 0
  }),
  workload<Map<Model.Key, Model.Scalar>, Keyed.Operation<CasRegister.Operation>, CasRegister.Result>({
    name: "keyed cas-registers",
    model: Keyed.make(CasRegister.make(0)) as Model.Model,
    operation: (draw) => ({
      key: draw(2),
      operation: pick<CasRegister.Operation>(
        draw,
        CasRegister.read,
        CasRegister.write(draw(3)),
        CasRegister.cas(draw(3), draw(3))
      )
    }),
    result: (draw, { operation }) => (operation.type === "cas" ? draw(2) === 0 : draw(3))
  }),
  ...(["any", { value: 0 }] as const).map((initial) =>
    workload<any, MultiRegister.Operation, MultiRegister.Result>({
      name: initial === "any" ? "multi-register, anything at first" : "multi-register",
      model: MultiRegister.make({ initial }),
      operation: (draw) => ({
        steps: Array.from({ length: 1 + draw(2) }, () =>
          pick<MultiRegister.Step>(draw, MultiRegister.read(draw(3)), MultiRegister.write(draw(3), draw(2)))
        )
      }),
      result: (draw, operation) =>
        operation.steps.map(() => (draw(8) === 0 ? Model.unknown : pick<Model.Scalar>(draw, null, 0, 1)))
    })
  ),
  workload<any, KeyValue.Operation, KeyValue.Result>({
    name: "kv",
    model: KeyValue.make({ absent: "" }),
    operation: (draw) => {
      const key = pick(draw, "a", "b")
      const value = pick(draw, "x", "y", "z")
      return pick<KeyValue.Operation>(
        draw,
        KeyValue.get(key),
        KeyValue.put(key, value),
        KeyValue.append(key, value),
        KeyValue.remove(key)
      )
    },
    result: (draw) => pick(draw, "", "x", "y", "xy", "yx", "xx")
  }),
  workload<any, KeyValue.Operation, KeyValue.Result>({
    name: "kv, distinct pieces of text",
    model: KeyValue.make(),
    operation: (draw, { index }) => {
      const key = pick(draw, "a", "b")
      const coin = draw(6)
      if (coin === 0) return KeyValue.put(key, `p${index};`)
      return coin < 4 ? KeyValue.append(key, `a${index};`) : KeyValue.get(key)
    },
    result: (draw) => pick(draw, null, "", `a${draw(4)};`, `p${draw(4)};`, `a${draw(4)};a${draw(4)};`, "a")
  }),
  workload<number, Counter.Operation, Counter.Result>({
    name: "counter",
    model: Counter.make(),
    operation: (draw) => pick(draw, Counter.read, Counter.add(draw(4) - 1)),
    result: (draw) => pick(draw, undefined, 0, 1, 2, 3)
  }),
  workload<number, Counter.Operation, Counter.Result>({
    name: "counter, acknowledged equal adds",
    model: { ...Counter.make(10), perform: acknowledgedAdd },
    operation: (draw) => pick(draw, Counter.read, Counter.add(2)),
    result: (draw, operation) => (operation.type === "add" ? undefined : 8 + draw(10))
  }),
  workload<any, SetModel.Operation, SetModel.Result>({
    name: "set",
    model: SetModel.make(),
    operation: (draw) =>
      pick(draw, SetModel.read, SetModel.add(draw(2)), SetModel.remove(draw(2)), SetModel.contains(draw(2))),
    result: (draw, operation) => (operation.type === "read" ? members(draw) : draw(2) === 0)
  }),
  workload<any, SetModel.Operation, SetModel.Result>({
    name: "set, members alone",
    model: SetModel.make(),
    operation: (draw) => pick(draw, SetModel.add(draw(2)), SetModel.remove(draw(2)), SetModel.contains(draw(2))),
    result: (draw) => draw(2) === 0
  }),
  workload<any, SetModel.Operation, SetModel.Result>({
    name: "set, distinct acknowledged adds",
    model: { ...SetModel.make(), perform: acknowledgedMember },
    operation: (draw, { index }) => pick<SetModel.Operation>(draw, SetModel.read, SetModel.add(index)),
    result: (draw, operation) => (operation.type === "add" ? undefined : members(draw))
  }),
  workload<any, Queue.Operation, Queue.Result>({
    name: "queue",
    model: Queue.make(),
    operation: (draw) => pick<Queue.Operation>(draw, Queue.dequeue, Queue.enqueue(draw(2))),
    result: (draw) => pick<Model.Scalar>(draw, null, 0, 1)
  }),
  workload<any, Queue.Operation, Queue.Result>({
    name: "queue, distinct values",
    model: Queue.make(),
    operation: (draw, { index }) => pick<Queue.Operation>(draw, Queue.dequeue, Queue.enqueue(index)),
    result: (draw) => pick<Model.Scalar>(draw, null, draw(8))
  }),
  workload<any, Lists.Operation, Lists.Result>({
    name: "lists",
    model: Lists.make(),
    operation: (draw, { index }) => {
      const end = (): Lists.End => pick(draw, "left", "right")
      const key = (): string => pick(draw, "a", "b")
      const step = (): Lists.Step =>
        pick<Lists.Step>(
          draw,
          { type: "push", key: key(), end: end(), values: pick(draw, [index], [index, index + 100]) },
          { type: "pop", keys: pick(draw, ["a"], ["b"], ["b", "a"]), end: end(), countMax: 1 + draw(2) },
          { type: "move", from: key(), to: key(), ends: [end(), end()] },
          { type: "range", key: key() }
        )
      return { steps: Array.from({ length: 1 + draw(2) }, step) }
    },
    result: (draw, { steps }) =>
      steps.map((step): Lists.Seen => {
        if (step.type === "push") return 1 + draw(3)
        if (step.type === "range") return pick(draw, [], [draw(6)], [draw(6), draw(6)])
        if (draw(3) === 0) return null
        return step.type === "move" ? draw(6) : { key: step.keys[0], values: [draw(6)] }
      })
  }),
  workload<Lock.State, Lock.Operation, Lock.Result>({
    name: "lock with fencing tokens",
    model: Lock.make(),
    operation: (_draw, { client, turn }) => (turn % 2 === 0 ? Lock.acquire(client) : Lock.release(client)),
    result: (draw, operation) =>
      operation.type === "release"
        ? pick<Lock.Result>(draw, undefined, false)
        : pick<Lock.Result>(draw, undefined, false, 1, 2, 3)
  }),
  workload<Lock.State, Lock.Operation, Lock.Result>({
    name: "mutex",
    model: Lock.make(),
    operation: (_draw, { turn }) => (turn % 2 === 0 ? Lock.acquire() : Lock.release()),
    result: (draw) => pick<Lock.Result>(draw, undefined, false)
  })
]

/** A counter that does not tell what its adds led to. */
function acknowledgedAdd(state: number, operation: Counter.Operation): Model.Performed<number, Counter.Result> {
  return operation.type === "read" ? { state, result: state } : { state: state + operation.delta, result: undefined }
}

/** A set that does not tell whether its adds changed it. */
function acknowledgedMember(
  state: ReadonlyMap<Model.Key, Model.Scalar>,
  operation: SetModel.Operation
): Model.Performed<ReadonlyMap<Model.Key, Model.Scalar>, SetModel.Result> {
  const performed = SetModel.make().perform(state, operation)!
  return operation.type === "read" ? performed : { state: performed.state, result: undefined }
}
