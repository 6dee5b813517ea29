/** Histories as other people's tools print them: each must be read for what it says, or be refused. */
import { describe, expect, it } from "vitest"
import * as History from "../History.ts"
import * as Format from "./Format.ts"
import { Malformed } from "./Malformed.ts"

const read = (text: string): History.History => Format.read(new TextEncoder().encode(text))
/** Process, function, outcome, input and output of each operation. */
const told = (text: string): ReadonlyArray<ReadonlyArray<unknown>> =>
  History.operations(read(text)).map((one) => [one.process, one.function, one.outcome, one.input, one.output])

const written = [0, "write", "ok", 1, 1]

describe("Jepsen's histories", () => {
  it("may be printed as records, with the nemesis and addresses of objects between", () => {
    const text = `#jepsen.history.Op{:index 0, :time 100, :type :invoke, :process 0, :f :write, :value 1}
      #jepsen.history.Op{:index 1, :time 150, :type :info, :process :nemesis, :f :start, :value #object[a.B$fn__1 0x7f3a "a.B$fn__1@7f3a"]}
      #jepsen.history.Op{:index 2, :time 200, :type :ok, :process 0, :f :write, :value 1}
      #jepsen.history.Op{:index 3, :time 250, :type :info, :process :nemesis, :f :start, :value {"n1" #{"n2" "n3"}}}`
    expect(told(text)).toEqual([written])
    expect([...read(text).completedAt]).toEqual([200])
  })

  it("may be one vector or one map a line, on a line each or in pieces, with an index or without", () => {
    const events = ["{:process 0, :type :invoke, :f :write, :value 1}", "{:value 1 :f :write\n :type :ok :process 0}"]
    for (const text of [events.join("\n"), `[${events.join(" ")}]`, `(${events.join(",\n\n")})`, events.join("")])
      expect(told(text)).toEqual([written])
    expect(
      told(events.map((event, index) => event.replace("{", `{:index ${index} :time ${index}.5 `)).join("\n"))
    ).toEqual([written])
  })

  it("may tell an exception, which says no more than that the outcome is unknown", () => {
    const text = `{:process 0 :type :invoke :f :write :value 1}
      {:process 0 :type :info :f :write :value 1 :error #error {:cause "Read timed out" :via [{:type java.net.SocketTimeoutException :at [java.net.SocketInputStream socketRead0 "S.java" -2]}] :trace [[a.b$c invoke "x.clj" 12]]}}
      {:process 5 :type :invoke :f :write :value 2, :node "n1"}
      {:process 5 :type :fail :f :write :value 2 :error [:not-leader #object[java.lang.Object 0x1F "o"]]}`
    expect(told(text)).toEqual([
      [0, "write", "unknown", 1, 1],
      [5, "write", "failed", 2, 2]
    ])
  })

  it("may have independent keys, with a tag or without", () => {
    for (const tag of ["", "#jepsen.independent/tuple ", "#jepsen.independent.Tuple"]) {
      const text = `{:process 0 :type :invoke :f :cas :value ${tag}["k" [1 2]]}{:process 0 :type :ok :f :cas :value ${tag}["k" [1 2]]}`
      expect(told(text)).toEqual([[0, "cas", "ok", ["k", [1, 2]], ["k", [1, 2]]]])
    }
  })

  it("may note something of a client that invoked nothing", () => {
    const text = `{:process 0 :type :info :f :log :value "hello"}
      {:process 0 :type :invoke :f :write :value 1}{:process 0 :type :ok :f :write :value 1}`
    expect(told(text)).toEqual([written])
  })

  it.each([
    [":add", "7", "7"],
    [":enqueue", "7", "7"],
    [":dequeue", "nil", "7"],
    [":drain", "nil", "[7 8]"],
    [":generate", "nil", "7"],
    [":read", "nil", "#{7 8}"],
    [":acquire", "nil", "nil"]
  ])("have %s with its values", (f, asked, seen) => {
    const text = `{:process 0 :type :invoke :f ${f} :value ${asked}}{:process 0 :type :ok :f ${f} :value ${seen}}`
    const value = (edn: string): unknown =>
      edn === "nil" ? null : JSON.parse(edn.replace("#{", "[").replace("}", "]").replace(" ", ","))
    expect(told(text)).toEqual([[0, f.slice(1), "ok", value(asked), value(seen)]])
  })

  it("have transfers and balances as maps", () => {
    const text = `{:process 0 :type :invoke :f :transfer :value {:from 0, :to 1, :amount 5}}{:process 0 :type :ok :f :transfer :value {:from 0, :to 1, :amount 5}}
      {:process 0 :type :invoke :f :read}{:process 0 :type :ok :f :read :value {0 5, 1 15}}`
    const balances = new Map([
      [0, 5],
      [1, 15]
    ])
    expect(told(text)[1]).toEqual([0, "read", "ok", null, balances])
  })

  it("may name clients, and then nothing of theirs is passed over", () => {
    const text = `{:process "a" :type :invoke :f :write :value 1}{:process :b :type :invoke :f :read}
      {:process "a" :type :ok :f :write :value 1}{:process :b :type :ok :f :read :value 1}`
    const history = read(text)
    expect(history.count).toBe(2)
    expect([0, 1].map((row) => History.nameOf(history, row))).toEqual(["a", "b"])
  })
})

describe("Elle's histories", () => {
  const micros = [
    [":append", ":x", 1],
    [":r", ":y", [1]]
  ]

  it("leave f out, or have it nil", () => {
    for (const f of ["", ":f nil", ":f :txn"]) {
      const text = `{:index 0 :process 0 :type :invoke ${f} :value [[:append :x 1] [:r :y nil]]}{:index 1 :process 0 :type :ok ${f} :value [[:append :x 1] [:r :y [1]]]}`
      expect(told(text)).toEqual([
        [
          0,
          "txn",
          "ok",
          [
            [":append", ":x", 1],
            [":r", ":y", null]
          ],
          micros
        ]
      ])
    }
  })

  it("may be completions alone, whose order in real time nobody knows", () => {
    const text = `{:process 3 :type :ok :value [[:append :x 1] [:r :y [1]]]}
      {:process 3 :type :info :value [[:append :x 2]]}{:process 4, :type :fail, :f :txn, :value [[:append :x 3]]}`
    expect(read(text).order).toBe("process")
    expect(told(text)).toEqual([
      [
        3,
        "txn",
        "ok",
        [
          [":append", ":x", 1],
          [":r", ":y", null]
        ],
        micros
      ],
      [3, "txn", "unknown", [[":append", ":x", 2]], null],
      [4, "txn", "failed", [[":append", ":x", 3]], null]
    ])
    const withoutProcesses = `{:type :ok :value [[:append :x 1] [:r :y [1]]]}\n{:type :ok :value [[:append :x 2]]}`
    expect(told(withoutProcesses).map(([process]) => process)).toEqual([0, 1])
  })

  it("are refused when some completions have an invocation and some have none", () => {
    const text = `{:process 0 :type :ok :value [[:append :x 1]]}\n{:process 1 :type :invoke :value [[:r :x nil]]}`
    expect(() => read(text)).toThrow(
      new Malformed({ line: 1, column: 1, problem: "this completion has no invocation, and others have" })
    )
  })

  it("may be JSON, with or without colons", () => {
    const event = (type: string, seen: string): string =>
      `{"type":"${type}","f":"txn","value":[["append",9,1],["r",9,${seen}]],"time":3291485317,"process":0,"index":0}`
    const text = `[${event("invoke", "null")},\n${event("ok", "[1]")}]`
    expect(told(text)[0]?.[4]).toEqual([
      ["append", 9, 1],
      ["r", 9, [1]]
    ])
  })
})

describe("other histories", () => {
  it("of Porcupine's key-value store have the key beside the value", () => {
    const text = `{:process 0, :type :invoke, :f :put, :key "x", :value "a b"}
{:process 0, :type :ok, :f :put, :key "x", :value "a b"}
{:process 1, :type :invoke, :f :get, :key "x", :value nil}
{:process 1, :type :ok, :f :get, :key "x", :value "a b"}`
    expect(told(text)).toEqual([
      [0, "put", "ok", ["x", "a b"], ["x", "a b"]],
      [1, "get", "ok", ["x", null], ["x", "a b"]]
    ])
  })

  it("have a mark of byte order, carriage returns, or blank lines and comments before them", () => {
    const lines = ["{:process 0 :type :invoke :f :write :value 1}", "{:process 0 :type :ok :f :write :value 1}"]
    for (const text of [`\ufeff${lines.join("\r\n")}\r\n`, `\n\n;; a comment\n\n${lines.join("\n\n")}\n\n`])
      expect(told(text)).toEqual([written])
    expect(told("w(1,2,0,0)\r\nr(1,2,1,1)\r\n")).toHaveLength(2)
  })

  it.each([
    [new Uint8Array([0x1f, 0x8b, 8, 0]), "this is compressed: unpack it first"],
    [new Uint8Array([0x7b, 0, 0x22, 0]), "this is no text, so it is no history"],
    [new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), "these bytes are not UTF-8"]
  ])("that are no text are refused", (bytes, problem) => {
    expect(() => Format.read(bytes)).toThrow(Malformed)
    expect(() => Format.read(bytes)).toThrow(problem)
  })
})
