import { describe, expect, it } from "vitest"
import { Writer } from "#base/Bytes.ts"
import type { Outcome } from "#sim/run/History.ts"
import * as Archive from "../systems/Archive.ts"
import * as Call from "../systems/Call.ts"
import { contract, valueOf } from "./Contract.ts"

/** Two nodes and a client. `keep` puts an intact blob on a disk; `damage` says that a fault did it. */
const archive = () => {
  const kept = new Set<string>()
  const damaged = new Set<number>()
  const session = contract.make({
    nodes: 2,
    clients: 1,
    options: {},
    durable: (node, path) => (kept.has(`${node} ${path}`) ? Archive.encode(valueOf(3), 0) : undefined),
    damaged: (node) => damaged.has(node)
  })
  return {
    keep: (node: number) => kept.add(`${node} ${Archive.pathOf(3)}`),
    damage: (node: number) => damaged.add(node),
    /** Node 0 answers a get of key 3. */
    answers: (found: boolean): string | undefined => {
      const { get } = Archive.operations
      const request = Writer.make().u8(Call.kinds.request).u32(0).u32(1).u8(get).u32(3).finish()
      session.sent!({ atMicros: 0, from: 2, to: 0, bytes: request })
      const bytes = Call.answer(1)
        .u8(found ? 1 : 0)
        .f64(valueOf(3))
        .finish()
      return session.sent!({ atMicros: 0, from: 0, to: 2, bytes })?.detail
    },
    completes: (type: "get" | "put", outcome: Outcome<number | null>): string | undefined =>
      session.completed!(
        {
          process: 0,
          client: 0,
          operation: { type, key: 3 },
          invokedAt: 0,
          completedAt: 1,
          outcome,
          final: false
        },
        1
      )?.detail
  }
}

describe("the archive's contract", () => {
  it("is broken by a node that answers with what its disk forgets, unless a fault damaged it", () => {
    const all = archive()
    expect(all.answers(false)).toBe(undefined)
    expect(all.answers(true)).toBe("n0 has key 3, it says; its disk forgets it")
    all.damage(0)
    expect(all.answers(true)).toBe(undefined)
    const good = archive()
    good.keep(0)
    expect(good.answers(true)).toBe(undefined)
  })

  it("is broken by a put, or a get that found something, which ends before all disks have it", () => {
    const all = archive()
    all.keep(0)
    expect(all.completes("put", { type: "ok", value: null })).toBe(
      "a put of key 3 is over, and the disk of n1 does not have it"
    )
    expect(all.completes("get", { type: "ok", value: valueOf(3) })).toContain("a get of key 3")
    expect(all.completes("get", { type: "ok", value: null })).toBe(undefined)
    expect(all.completes("put", { type: "unknown", reason: "not all nodes answered" })).toBe(undefined)
    all.keep(1)
    expect(all.completes("put", { type: "ok", value: null })).toBe(undefined)
  })
})
