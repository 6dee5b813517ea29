/** A made-up judged history for the page's tests: a register whose last read fits nowhere, an anomaly with a cycle, a small lattice. */
import type { Judged, JudgedOperation } from "./Judged.ts"

const operation = (lane: number, words: string, call: number, end: number): JudgedOperation => ({
  ...{ lane, who: `process ${lane}`, words, call, return: end },
  outcome: end === Infinity ? "unknown" : "ok",
  invokedAt: call * 1_000,
  ...(end === Infinity ? {} : { completedAt: end * 1_000 })
})

/** A linearizability verdict: `operations` reads and writes, then one read that fits nowhere. */
export const fakeRefusal = (operations = 6): Judged => {
  const many = Array.from({ length: operations }, (_, index) =>
    operation(
      index % 3,
      index % 2 === 0 ? `write ${index / 2}` : `read -> ${(index - 1) / 2}`,
      index * 2,
      index * 2 + 1
    )
  )
  const pending = operation(3, "write 900", operations * 2, Infinity)
  const stuck = operation(4, "read -> 0", operations * 2 + 1, operations * 2 + 2)
  const all = [...many, pending, stuck]
  return {
    ...{ title: "history.edn", verdict: "invalid", model: "register", level: "linearizable" },
    sentences: ["read -> 0 by process 4 fits nowhere."],
    order: "realtime",
    lanes: ["process 0", "process 1", "process 2", "", "process 4"],
    operations: all,
    ...{ before: 0, after: 0 },
    parts: [
      {
        ...{ name: "", verdict: "invalid", note: "The state is 2." },
        operations: all.map((_, index) => index),
        lines: [
          {
            before: 0,
            points: many.map((one, index) => ({
              ...{ operation: index, place: one.call + 0.5 },
              state: String(Math.floor(index / 2))
            }))
          }
        ],
        stuck: all.length - 1,
        minimal: [0, 1, all.length - 1]
      }
    ],
    ...{ partsLeftOut: 0, anomalies: [], counts: {}, models: [] }
  }
}

/** An isolation verdict with one cycle of three transactions, and a finding without a cycle. */
export const fakeAnomalies = (): Judged => {
  const transactions = [0, 1, 2].map((index) => ({
    ...{ name: `T${index + 1}`, who: `process ${index}`, operation: index },
    words: [`append x ${index}`, `r y [${index}]`]
  }))
  const edge = (from: number, to: number, type: "ww" | "wr" | "rw", label: string, inCycle = true) => ({
    ...{ from, to, type, label, inCycle },
    reason: `T${from + 1} comes before T${to + 1}`
  })
  const model = (name: string, verdict: "refuted" | "implied" | "possible", implies: ReadonlyArray<string>) => ({
    ...{ name, verdict, implies },
    asked: name === "serializable"
  })
  return {
    ...fakeRefusal(),
    ...{ model: "list-append", level: "serializable", parts: [], counts: { "G-single": 1, internal: 2 } },
    anomalies: [
      {
        ...{ type: "G-single", allowed: false, explanation: "Let:\n  T1 = ...", transactions },
        edges: [
          edge(0, 1, "ww", "x: 0 → 1"),
          edge(1, 2, "wr", "x: 1"),
          edge(2, 0, "rw", "y: 2 → 3"),
          edge(0, 2, "wr", "x: 0", false)
        ]
      },
      { ...{ type: "internal", allowed: true, explanation: "T1 did not see itself", edges: [] }, transactions: [] }
    ],
    models: [
      model("serializable", "implied", ["snapshot-isolation", "repeatable-read"]),
      model("snapshot-isolation", "refuted", ["read-committed"]),
      model("repeatable-read", "possible", ["read-committed"]),
      model("read-committed", "possible", [])
    ]
  }
}
