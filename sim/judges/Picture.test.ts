import { describe, expect, it } from "vitest"
import * as KeyValue from "#models/KeyValue.ts"
import * as Register from "#models/Register.ts"
import * as History from "./History.ts"
import * as LanePacking from "./LanePacking.ts"
import { type Entries, fromArray, never } from "./linear/Entries.ts"
import * as Linearizability from "./Linearizability.ts"
import * as Picture from "./Picture.ts"

const model = Register.make(0)
const entriesOf = (...last: ReadonlyArray<number>) =>
  fromArray<Register.Operation, Register.Result>([
    { process: 0, call: 0, return: 6, operation: Register.write(1), result: null },
    { process: 1, call: 1, return: 3, operation: Register.read, result: 0 },
    { process: 2, call: 2, return: 5, operation: Register.read, result: 1 },
    ...last.map((result, at) => ({
      process: 1,
      call: 7 + 2 * at,
      return: 8 + 2 * at,
      operation: Register.read,
      result
    }))
  ])

/** A history with the events of entries. */
const historyOf = (entries: Entries): History.History => ({
  ...{ count: entries.count, order: "realtime", calls: entries.calls, returns: entries.returns },
  processes: Int32Array.from(entries.processes),
  functions: Array.from({ length: entries.count }, () => "f"),
  inputs: Array.from({ length: entries.count }, () => null),
  outputs: Array.from({ length: entries.count }, () => null),
  outcomes: entries.returns.map((end) => (end === never ? History.unknown : History.ok)) as unknown as Uint8Array,
  invokedAt: new Float64Array(entries.count).fill(NaN),
  completedAt: new Float64Array(entries.count).fill(NaN)
})

const pictured = (judged: any, entries: Entries) => {
  const verdict = Linearizability.check(judged, entries)
  const refusal = verdict.type === "refused" ? verdict.refusal : undefined
  const found = Linearizability.examine(judged, entries, refusal)
  const subject = { title: "t", verdict: refusal === undefined ? "valid" : "invalid", model: judged, entries } as const
  const rows = Int32Array.from({ length: entries.count }, (_, row) => row)
  return Picture.ofHistory(
    { ...subject, parts: found.parts, partsLeftOut: found.leftOut },
    historyOf(entries),
    rows,
    undefined
  )
}

describe("the picture of a judged history", () => {
  it("shows a linearization, each moment between call and return, with the state after it", () => {
    const entries = entriesOf(1)
    const { lanes, operations, parts } = pictured(model, entries)
    expect(lanes).toEqual(["process 0", "process 1", "process 2"])
    expect(operations.map(({ words }) => words)).toEqual(["write 1", "read -> 0", "read -> 1", "read -> 1"])
    const points = parts[0]!.lines[0]!.points
    expect(points.map(({ operation, state }) => [operation, state])).toEqual([
      [1, "0"],
      [0, "1"],
      [2, "1"],
      [3, "1"]
    ])
    for (const { operation, place } of points) {
      expect(place).toBeGreaterThan(entries.calls[operation]!)
      expect(place).toBeLessThan(entries.returns[operation]!)
    }
    const places = points.map(({ place }) => place)
    expect(places).toEqual(places.toSorted((left, right) => left - right))
  })

  it("shows how far orders go, the operation that fits nowhere, why, and what suffices", () => {
    const { parts, sentences } = pictured(model, entriesOf(1, 0, 1))
    expect(parts[0]).toMatchObject({ verdict: "invalid", stuck: 4, minimal: [3, 4] })
    expect(parts[0]!.lines.map(({ points }) => points.map(({ operation }) => operation))).toEqual([[1, 0, 2, 3]])
    expect(sentences[0]).toBe(
      "read -> 0 by process 1 fits nowhere between its call at event 8 and its return at event 9."
    )
    expect(parts[0]!.note).toContain("the state then is 1, from which read -> 0 does not follow")
  })

  it("judges the other parts too, each in its own words", () => {
    const put = (process: number, key: string, value: number, at: number) =>
      ({ process, call: at, return: at + 1, operation: KeyValue.put(key, value), result: null }) as const
    const entries = fromArray<KeyValue.Operation, KeyValue.Result>([
      ...Array.from({ length: 60 }, (_, at) => put(0, at % 2 === 0 ? "a" : "b", at, 2 * at)),
      { process: 1, call: 200, return: 201, operation: KeyValue.get("b"), result: 7 },
      { process: 1, call: 300, return: Infinity, operation: KeyValue.put("c", 1), result: null }
    ])
    const { parts } = pictured(KeyValue.make(), entries)
    expect(parts.map(({ name, verdict }) => [name, verdict])).toEqual([
      ["b", "invalid"],
      ["a", "valid"],
      ["c", "valid"]
    ])
    expect(parts[0]!.lines[0]!.points.at(-1)).toMatchObject({ operation: 59, state: "59" })
    expect(parts[1]!.lines[0]!.points).toHaveLength(30)
  })

  it("shows of a very long history the stretch around what fits nowhere", () => {
    const last = 170_000
    const entries = fromArray<Register.Operation, Register.Result>(
      Array.from({ length: last }, (_, at) => ({
        ...{ process: at % 3, call: 2 * at, return: 2 * at + 1 },
        ...(at === last - 40_000
          ? { operation: Register.read, result: 0 }
          : { operation: Register.write(at + 1), result: null })
      }))
    )
    const { after, before, operations, parts } = pictured(model, entries)
    expect([before, operations.length, after]).toEqual([0, 150_000, 20_000])
    expect(operations[parts[0]!.stuck!]!.words).toBe("read -> 0")
    expect(Picture.stretch(1_000_000, 900_000)).toEqual({ from: 760_000, to: 910_000 })
  })

  it("names clients as the page of the run does", () => {
    const judge = Linearizability.judge({
      model,
      toOperation: (operation: Register.Operation, outcome) => ({
        operation,
        result: outcome.type === "ok" ? (outcome.value as Register.Result) : null
      })
    })
    const operation = { process: 7, client: 3, operation: Register.read, invokedAt: 5, completedAt: 9, final: false }
    const sitting = judge.make({ nodes: 2, clients: 4 } as Parameters<typeof judge.make>[0])
    const violation = sitting.finish!([{ ...operation, outcome: { type: "ok", value: 9 } }])
    expect(violation).toMatchObject({ detail: "not linearizable: read -> 9 by c3 fits nowhere; the state could be 0" })
    const picture = typeof violation === "object" ? violation.picture?.("run 1") : undefined
    expect(picture).toMatchObject({ title: "run 1", lanes: ["c3"], operations: [{ who: "c3", invokedAt: 5 }] })
  })
})

describe("lanes of processes", () => {
  it("are one a client: a process takes over from the one that crashed", () => {
    const rows = [
      [0, 1],
      [1, never],
      [2, 5],
      [0, never],
      [4, 9],
      [3, 11],
      [2, 13]
    ] as const
    const lanes = LanePacking.pack({
      count: rows.length,
      processes: rows.map(([process]) => process),
      returns: rows.map(([, end]) => end)
    })
    expect([...lanes]).toEqual([0, 1, 2, 0, 1, 0, 2])
  })
})
