import { describe, expect, it } from "vitest"
import * as CasRegister from "#models/CasRegister.ts"
import * as KeyValue from "#models/KeyValue.ts"
import * as Model from "#models/Model.ts"
import * as Register from "#models/Register.ts"
import type { Operation } from "#sim/run/History.ts"
import type { Outcome } from "#sim/run/History.ts"
import * as Linearizability from "./Linearizability.ts"
import { type Entry, fromArray } from "./linear/Entries.ts"

const entry = <Operation, Result>(
  process: number,
  call: number,
  end: number,
  operation: Operation,
  result: Result | Model.Unknown
): Entry<Operation, Result> => ({ process, call, return: end, operation, result })

describe("linearizability", () => {
  const register = Register.make(0)
  const write = (process: number, call: number, end: number, value: number) =>
    entry<Register.Operation, Register.Result>(
      process,
      call,
      end,
      Register.write(value),
      end === Infinity ? Model.unknown : null
    )
  const read = (process: number, call: number, end: number, value: number) =>
    entry<Register.Operation, Register.Result>(process, call, end, Register.read, value)
  const verdict = (...entries: ReadonlyArray<Entry<Register.Operation, Register.Result>>) =>
    Linearizability.check(register, fromArray(entries)).type

  it("holds for an empty history", () => {
    expect(verdict()).toBe("linearizable")
  })

  it("lets concurrent reads see a write in any order that one register allows", () => {
    expect(verdict(write(0, 0, 10, 1), read(1, 1, 3, 0), read(2, 2, 5, 1), read(1, 6, 8, 1))).toBe("linearizable")
  })

  it("refuses a stale read", () => {
    expect(verdict(write(0, 0, 1, 1), read(1, 2, 3, 0))).toBe("refused")
  })

  it("refuses a read that goes back in time", () => {
    expect(verdict(write(0, 0, 10, 1), read(1, 1, 3, 1), read(2, 4, 5, 0))).toBe("refused")
  })

  it("refuses a value that nobody wrote", () => {
    expect(verdict(write(0, 0, 1, 1), read(1, 0, 3, 7))).toBe("refused")
  })

  it("lets a write of unknown outcome take effect at any later time", () => {
    expect(verdict(write(0, 0, Infinity, 1), read(1, 2, 3, 0), read(1, 90, 91, 1))).toBe("linearizable")
  })

  it("lets a write of unknown outcome never take effect", () => {
    expect(verdict(write(0, 0, Infinity, 1), read(1, 2, 3, 0), read(1, 90, 91, 0))).toBe("linearizable")
  })

  it("refuses a write of unknown outcome that takes effect twice", () => {
    expect(
      verdict(write(0, 0, Infinity, 1), read(1, 2, 3, 1), write(1, 4, 5, 2), read(1, 6, 7, 2), read(1, 8, 9, 1))
    ).toBe("refused")
  })

  it("tells the completion that nothing reaches, and how far linearizations go", () => {
    const found = Linearizability.check(
      register,
      fromArray([write(0, 0, 1, 1), read(1, 2, 3, 1), read(1, 4, 5, 0), read(1, 6, 7, 1)])
    )
    expect(found).toMatchObject({
      type: "refused",
      refusal: { stuck: 2, partials: [{ rows: Int32Array.of(0, 1), state: "1" }] }
    })
  })

  it("refuses a compare-and-set that fails though it must match", () => {
    const cas = CasRegister.make(0)
    const history = fromArray<CasRegister.Operation, CasRegister.Result>([
      entry(0, 0, 1, CasRegister.write(3), null),
      entry(1, 2, 3, CasRegister.cas(3, 4), false)
    ])
    expect(Linearizability.check(cas, history).type).toBe("refused")
  })

  it("judges keys alone, and names the key it refuses", () => {
    const history = fromArray<KeyValue.Operation, KeyValue.Result>([
      entry(0, 0, 1, KeyValue.put("a", 1), null),
      entry(0, 2, 3, KeyValue.put("b", 2), null),
      entry(1, 4, 5, KeyValue.get("a"), 1),
      entry(1, 6, 7, KeyValue.get("b"), 1)
    ])
    expect(Linearizability.check(KeyValue.make(), history)).toMatchObject({
      type: "refused",
      parts: 2,
      refusal: { part: "b", stuck: 3 }
    })
    expect(Linearizability.check(KeyValue.make(), history, { partition: false })).toMatchObject({
      type: "refused",
      parts: 1,
      refusal: { stuck: 3 }
    })
  })
})

describe("a scenario's judge", () => {
  type Op = { readonly set?: number }
  const operation = (
    client: number,
    invokedAt: number,
    completedAt: number,
    op: Op,
    outcome: Outcome<number>
  ): Operation<Op, number> => ({
    process: client,
    client,
    operation: op,
    invokedAt,
    completedAt,
    outcome,
    final: false
  })
  const judge = Linearizability.judge<Op, number, Register.Operation, Register.Result>({
    model: Register.make(0),
    toOperation: (op, outcome) => {
      if (outcome.type === "failed") return undefined
      if (op.set !== undefined) return { operation: Register.write(op.set), result: Model.unknown }
      return { operation: Register.read, result: outcome.type === "ok" ? outcome.value : Model.unknown }
    }
  })
  const finish = (...history: ReadonlyArray<Operation<Op, number>>) =>
    judge.make({ nodes: 3, clients: 2, options: {}, durable: () => undefined, damaged: () => false }).finish!(history)

  it("passes a history in which a failed operation left no trace", () => {
    expect(
      finish(
        operation(0, 0, 10, { set: 1 }, { type: "failed", reason: "refused" }),
        operation(1, 20, 30, {}, { type: "ok", value: 0 })
      )
    ).toBe("pass")
  })

  it("names the client and the time of the operation that fits nowhere", () => {
    expect(
      finish(
        operation(0, 0, 10, { set: 1 }, { type: "ok", value: 0 }),
        operation(1, 20, 30, {}, { type: "ok", value: 0 })
      )
    ).toMatchObject({
      detail: "not linearizable: read -> 0 by c1 fits nowhere; the state could be 1",
      atMicros: 30,
      node: 4
    })
  })

  it("keeps the order of one client's operations when the next starts as the last ends", () => {
    const stale = operation(0, 10, 20, {}, { type: "ok", value: 0 })
    expect(finish(operation(0, 0, 10, { set: 1 }, { type: "ok", value: 0 }), stale)).not.toBe("pass")
    expect(finish(operation(1, 0, 10, { set: 1 }, { type: "ok", value: 0 }), stale)).toBe("pass")
  })
})
