import { describe, expect, it } from "vitest"
import { Prng } from "#base/Prng.ts"
import * as CasRegister from "#models/CasRegister.ts"
import type * as Model from "#models/Model.ts"
import * as Generator from "../Generator.ts"
import * as History from "../History.ts"
import type { Value } from "../Value.ts"
import * as Etcd from "./Etcd.ts"
import * as Format from "./Format.ts"
import * as Jepsen from "./Jepsen.ts"
import * as JsonLines from "./JsonLines.ts"
import { Malformed } from "./Malformed.ts"
import * as Text from "./Text.ts"

/** A history of a compare-and-set register, with failures and unknown outcomes. */
const sample = (seed: number): History.History => {
  const prng = new Prng(seed, 2, 3, 4)
  const generated = Generator.generate<Model.Scalar, CasRegister.Operation, CasRegister.Result>(
    {
      model: CasRegister.make(),
      operation: (draw) => [CasRegister.read, CasRegister.write(draw(4)), CasRegister.cas(draw(4), draw(4))][draw(3)]!,
      clients: 4,
      operations: 60,
      unknownPercent: 10,
      failedPercent: 10
    },
    (bound) => prng.below(bound)
  )
  const builder = new History.Builder()
  const events = generated.flatMap((one) => {
    const { operation, process, outcome } = one
    const input: Value =
      operation.type === "write" ? operation.value : operation.type === "cas" ? [operation.from, operation.to] : null
    const output: Value = outcome === "ok" && operation.type !== "write" ? (one.result as Value) : null
    const invoke = { at: one.call, add: () => builder.invoke(process, operation.type, input, one.call * 10) }
    if (outcome === "unknown") return [invoke]
    return [invoke, { at: one.return, add: () => builder.complete(process, outcome, output, one.return * 10) }]
  })
  for (const event of events.sort((left, right) => left.at - right.at)) expect(event.add()).toBeUndefined()
  return builder.build()
}

const seeds = Array.from({ length: 20 }, (_, seed) => seed)
const joined = (lines: Iterable<string>): string => [...lines].join("")
const refusal = (text: string, format?: Format.Format): string => {
  try {
    Format.read(text, format)
    return "read"
  } catch (error) {
    expect(error).toBeInstanceOf(Malformed)
    return (error as Malformed).message
  }
}

describe("formats of histories", () => {
  it.each(seeds)("pass a history through JSON lines without loss (seed %i)", (seed) => {
    const history = sample(seed)
    expect(History.operations(Format.read(joined(JsonLines.write(history))))).toEqual(closed(history))
  })

  it.each(seeds)("pass a history through EDN without loss (seed %i)", (seed) => {
    const history = sample(seed)
    const written = joined(Jepsen.write(history))
    expect(History.operations(Format.read(written))).toEqual(closed(history))
    expect(History.operations(Format.read(`[${written}]`))).toEqual(closed(history))
    expect(History.operations(Format.read(`; all\n(${written})`))).toEqual(closed(history))
  })

  it.each(seeds)("pass a history of one register through Porcupine's log (seed %i)", (seed) => {
    const history = sample(seed)
    const read = Format.read(joined(Etcd.write(history)))
    // Times are not in these logs, nor what a lost operation would have returned.
    const outputs = (one: History.Operation | { outcome: string }) => ({ ...one, output: undefined })
    expect(History.operations(read).map(outputs)).toEqual(closed(history).map(outputs))
  })

  it("agree on one history in two notations", () => {
    const lines = [
      '{"process":0,"type":"invoke","f":"txn","value":[["append",":x",1],["r","y",null]],"time":5}',
      '{"process":"nemesis","type":"info","f":"start"}',
      '{"process":1,"type":"invoke","f":"read","value":null,"index":7}',
      '{"process":0,"type":"ok","f":"txn","value":[["append",":x",1],["r","y",[1,2]]],"time":9}',
      '{"process":1,"type":"info","f":"read","value":null,"error":"timeout"}'
    ].join("\n")
    const edn = `[{:process 0, :type :invoke, :f "txn" :value [["append" :x 1] ["r" "y" nil]], :time 5}
      {:process :nemesis, :type :info, :f :start}
      {:process 1, :type :invoke, :f :read, :value nil}
      #jepsen.history.Op{:process 0, :type :ok, :f :txn, :value (["append" :x 1] ["r" "y" #{1 2}]), :time 9N}
      {:process 1, :type :info, :f :read, :error [:timeout "x"]}]`
    const read = Format.read(lines)
    expect(Format.read(edn)).toEqual(read)
    expect(Format.read(`[${lines.replaceAll("\n", ",\n")}]`)).toEqual(read)
    expect(History.operation(read, 0)).toMatchObject({ function: "txn", outcome: "ok", call: 0, return: 2 })
    expect(History.operation(read, 1)).toMatchObject({ function: "read", outcome: "unknown", return: Infinity })
  })

  it("take a list of micro-operations without f for a transaction, and a key beside a value for a pair", () => {
    const elle = Format.read("{:index 0 :process 1 :type :invoke :value [[:append 253 1]]}")
    expect(History.operation(elle, 0)).toMatchObject({ function: "txn", input: [[":append", 253, 1]] })
    const kv = Format.read(
      '{:process 0, :type :invoke, :f :get, :key "5", :value nil}\n{:process 0, :type :ok, :f :get, :key "5", :value "x"}'
    )
    expect(History.operation(kv, 0)).toMatchObject({ input: ["5", null], output: ["5", "x"] })
  })

  it("tell themselves apart by how they begin", () => {
    expect(Format.detect("\n w(1,2,0,0)\n")).toBe("text")
    expect(Format.detect("INFO  jepsen.util - 0\t:invoke\t:read\tnil")).toBe("porcupine")
    expect(Format.detect("; words\n; more\n[{:process 0}]")).toBe("edn")
    expect(Format.detect("({:a 1})")).toBe("edn")
    expect(Format.detect('[{"process":0}]')).toBe("jsonl")
    expect(Format.detect('{ "process":0}')).toBe("jsonl")
    expect(Format.detect(new TextEncoder().encode("{:process 0}"))).toBe("edn")
  })

  it.each<readonly [string, Format.Format | undefined, string]>([
    [
      '{"process":0,"type":"invoke","f":"read"}\n{"process":0,"type":"done","f":"read"}',
      undefined,
      'line 2, column 1: the type "done" is none of invoke, ok, fail, info'
    ],
    [
      '{"process":0,"type":"ok","f":"read"}',
      undefined,
      "line 1, column 1: process 0 ends an operation that it did not invoke"
    ],
    [
      '{"process":0,"type":"invoke","f":"read"}\n  {"process":0,"type":"invoke","f":"read"}',
      undefined,
      "line 2, column 3: process 0 invokes an operation before its last one has ended"
    ],
    [
      '{"process":0,"type":"invoke","f":"read"}\n{"process":0,"type":"ok","f":"write"}',
      undefined,
      "line 2, column 1: process 0 ends write, but it invoked read"
    ],
    ['{"type":"invoke","f":"read"}', undefined, "line 1, column 1: this event has no process"],
    ['{"process":0,"type":"invoke"}', undefined, "line 1, column 1: this event has no f"],
    ['{"process":0.5,"type":"invoke","f":"read"}', undefined, "line 1, column 1: process 0.5 is not a whole number"],
    ["7", "jsonl", "line 1, column 1: an object is due, one for each event"],
    ["{:process 0, :type :invoke, :f :read}\n[1]", undefined, "line 2, column 1: a map is due, one for each event"],
    ["{:process 0, :type :invoke, :f :read", undefined, "line 1, column 1: the form that begins here does not end"],
    ["[{:process 0, :type :invoke, :f :read}", undefined, "line 1, column 39: the input ends before its ]"],
    ["INFO  jepsen.util - 0\t:invoke\t:read\tmaybe", undefined, 'line 1, column 21: "maybe" is no value of these logs'],
    [
      "INFO  jepsen.util - 0\t:start",
      undefined,
      "line 1, column 21: a process, a type, a function and a value are due"
    ],
    ["w(1,2,0,0)\nr(1,x,0,0)", undefined, "line 2, column 5: a whole number is due"],
    ["w(1,2,0)", undefined, 'line 1, column 8: "," is due'],
    ["w(1,2,0,0)\nx", undefined, "line 2, column 1: r(...) or w(...) is due"]
  ])("name the line and column of what is wrong in %j", (text, format, message) => {
    expect(refusal(text, format)).toBe(message)
  })
})

/** What a reader makes of it: an unknown outcome has no end. */
const closed = (history: History.History): ReadonlyArray<History.Operation> => {
  const events = [...History.events(history)]
  const place = (row: number, type: string): number =>
    events.findIndex((event) => event.row === row && event.type === type)
  return History.operations(history).map((one) => ({
    ...one,
    call: place(one.row, "invoke"),
    return: one.outcome === "unknown" ? Infinity : place(one.row, one.outcome)
  }))
}

describe("Porcupine's log of etcd", () => {
  const read = (...lines: ReadonlyArray<string>) =>
    History.operations(Etcd.read(lines.map((line) => `INFO  jepsen.util - ${line}`).join("\n")))

  it("takes a failed cas as one that did not match, and a cas that timed out as unknown", () => {
    expect(read("0\t:invoke\t:cas\t[1 4]", "0\t:fail\t:cas\t[1 4]")).toMatchObject([{ outcome: "ok", output: false }])
    expect(read("0\t:invoke\t:cas\t[1 4]", "0\t:ok\t:cas\t[1 4]")).toMatchObject([{ outcome: "ok", output: true }])
    expect(read("0\t:invoke\t:cas\t[1 4]", "0\t:info\t:cas\t:timed-out")).toMatchObject([{ outcome: "unknown" }])
  })

  it("takes a read that timed out as one that did not happen, and nil as nothing there", () => {
    expect(read("0\t:invoke\t:read\tnil", "0\t:fail\t:read\t:timed-out")).toMatchObject([{ outcome: "failed" }])
    expect(read("0\t:invoke\t:read\tnil", "0\t:ok\t:read\tnil")).toMatchObject([{ outcome: "ok", output: null }])
  })

  it("passes over lines of other kinds", () => {
    expect(read("0\t:invoke\t:write\t3", "nemesis\t:info\t:start\tnil", "0\t:ok\t:write\t3")).toMatchObject([
      { function: "write", input: 3, outcome: "ok" }
    ])
  })
})

describe("the text form of transactions", () => {
  it("keeps sessions in their order, and each run of transaction -1 as one that was aborted", () => {
    const history = Text.read(
      "w(1,11,0,5)\nr(1,11,1,6)\nw(2,-3,0,5)\nw(3,1,1,-1)\nw(4,1,1,-1)\nr(1,11,1,7)\nw(5,1,1,-1)\n"
    )
    expect(history.order).toBe("process")
    expect(History.operations(history).map(({ process, output, outcome }) => [process, outcome, output])).toEqual([
      [
        0,
        "ok",
        [
          ["w", 1, 11],
          ["w", 2, -3]
        ]
      ],
      [1, "ok", [["r", 1, 11]]],
      [
        1,
        "failed",
        [
          ["w", 3, 1],
          ["w", 4, 1]
        ]
      ],
      [1, "ok", [["r", 1, 11]]],
      [1, "failed", [["w", 5, 1]]]
    ])
  })

  it("is written so that it reads the same", () => {
    const history = Text.read("w(1,11,0,0)\nr(1,11,1,1)\nw(3,9007199254740993,1,-1)\nr(2,0,1,2)\n")
    expect(Text.read(joined(Text.write(history)))).toEqual(history)
  })
})
