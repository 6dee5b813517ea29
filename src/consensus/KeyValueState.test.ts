import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Limits from "#base/Limits.ts"
import { Batch } from "#storage/Batch.ts"
import { bytesOf, textOf } from "#world/contract/Claim.ts"
import * as Configuration from "./Configuration.ts"
import * as Command from "./KeyValueCommand.ts"
import { KeyValueState } from "./KeyValueState.ts"
import * as Sessions from "./Sessions.ts"

const empty = { index: 0, term: 0, configuration: Configuration.emptyState }

/** A group whose commands come without sessions. */
const group = (stateBytesMax = 1_000_000) => {
  const state = new KeyValueState(
    { applied: empty, sessions: Sessions.defaults, stateBytesMax },
    new Uint8Array(0),
    new Batch()
  )
  let index = 0
  const raw = (payload: Uint8Array): Command.Answer => {
    const reply = Sessions.readReply(state.apply(++index, 1, Sessions.plain(payload)))!
    return Command.decodeAnswer((reply as Extract<Sessions.Reply, { type: "applied" }>).answer)!
  }
  const run = (transaction: Command.Transaction): string => describeAnswer(raw(Command.encode(transaction)))
  const ask = (query: Command.Query): Command.QueryAnswer =>
    Command.decodeQueryAnswer(state.read(Command.encodeQuery(query)))!
  const get = (key: string): string | undefined => {
    const answer = ask({ type: "get", key: bytesOf(key) })
    return answer.type === "get" && answer.entry !== undefined
      ? `${textOf(answer.entry.value)}@${answer.entry.revision}`
      : undefined
  }
  const range = (from: string, to: string | undefined, limit = 100): string => {
    const answer = ask({ type: "range", from: bytesOf(from), to: to === undefined ? to : bytesOf(to), limit })
    return answer.type === "range"
      ? `${answer.entries.map(({ key, value }) => `${textOf(key)}=${textOf(value)}`).join(" ")}${answer.hasMore ? " …" : ""}`
      : answer.type
  }
  return { state, raw, run, ask, get, range }
}

const describeAnswer = (answer: Command.Answer): string => {
  if (answer.type === "refused") return answer.reason
  const results = answer.results.map((result) => {
    if (result.type === "increment") return String(result.value)
    if (result.type !== "get") return result.existed ? "over" : "new"
    return result.entry === undefined ? "absent" : `${textOf(result.entry.value)}@${result.entry.revision}`
  })
  return [answer.isMatch ? "match" : "mismatch", `revision ${answer.revision}`, ...results].join(", ")
}

const [a, b, c] = ["a", "b", "c"].map(bytesOf)
const put = (key: Uint8Array, value: string) => Command.put(key, bytesOf(value))

describe("a group of keys and values", () => {
  it("answers puts, deletes, increments and gets with what was there, and revisions that are indexes of entries", () => {
    const all = group()
    expect(all.run(put(a, "1"))).toBe("match, revision 1, new")
    expect(all.run(put(a, "2"))).toBe("match, revision 2, over")
    expect(all.run(Command.increment(a, 40))).toBe("match, revision 3, 42")
    expect(all.run(Command.increment(b, -7))).toBe("match, revision 4, -7")
    expect(all.run(Command.remove(c))).toBe("match, revision 4, new")
    expect(all.run(Command.remove(b))).toBe("match, revision 6, over")
    expect([all.get("a"), all.get("b")]).toEqual(["42@3", undefined])
  })

  it("compares and sets by value and by absence", () => {
    const all = group()
    const swap = (from: string | undefined, to: string | undefined) =>
      all.run(
        Command.compareAndSet(a, {
          from: from === undefined ? from : bytesOf(from),
          to: to === undefined ? to : bytesOf(to)
        })
      )
    expect(swap("x", "y")).toBe("mismatch, revision 0")
    expect(swap(undefined, "x")).toBe("match, revision 2, new")
    expect(swap(undefined, "z")).toBe("mismatch, revision 2")
    expect(swap("x", "xy")).toBe("match, revision 4, over")
    expect(swap("x", "z")).toBe("mismatch, revision 4")
    expect(swap("xy", undefined)).toBe("match, revision 6, over")
    expect(all.get("a")).toBe(undefined)
  })

  it("carries out one branch of a transaction, whose operations see those before them", () => {
    const all = group()
    all.run(put(a, "1"))
    const transaction: Command.Transaction = {
      compares: [
        { type: "present", key: a },
        { type: "revision-is", key: a, revision: 1 },
        { type: "revision-below", key: b, revision: 1 },
        { type: "absent", key: b }
      ],
      onMatch: [
        { type: "increment", key: a, by: 1 },
        { type: "get", key: a },
        { type: "delete", key: a },
        { type: "get", key: a },
        { type: "put", key: b, value: bytesOf("x") }
      ],
      otherwise: [{ type: "get", key: b }]
    }
    expect(all.run(transaction)).toBe("match, revision 2, 2, 2@2, over, absent, new")
    expect(all.run(transaction)).toBe("mismatch, revision 2, x@2")
    expect(all.range("", undefined)).toBe("b=x")
  })

  it("changes nothing when one operation of a transaction cannot be carried out", () => {
    const all = group()
    all.run(put(a, "one"))
    all.run(put(b, String(Number.MAX_SAFE_INTEGER)))
    const digest = all.state.digest()
    const after = (last: Command.Operation): string =>
      all.run({ compares: [], onMatch: [{ type: "put", key: c, value: a }, last], otherwise: [] })
    expect(after({ type: "increment", key: a, by: 1 })).toBe("not-a-number")
    expect(after({ type: "increment", key: b, by: 1 })).toBe("out-of-range")
    expect(all.range("", undefined)).toBe(`a=one b=${Number.MAX_SAFE_INTEGER}`)
    expect(all.state.digest()).toBe(digest)
  })

  it("counts only text that is an integer as one", () => {
    for (const [text, counts] of [
      ["0", true],
      ["-12", true],
      ["", false],
      ["-", false],
      ["1.5", false],
      ["+1", false],
      [" 1", false],
      ["9007199254740993", false],
      ["99999999999999999", false]
    ] as const) {
      const all = group()
      all.run(put(a, text))
      expect([text, all.run(Command.increment(a, 0)) !== "not-a-number"]).toEqual([text, counts])
    }
  })

  it("takes no more than its bound, and deletes, and what makes it smaller, when it is full", () => {
    const all = group(10)
    expect(all.run(put(a, "123456789"))).toBe("match, revision 1, new")
    expect(all.run(put(b, "1"))).toBe("full")
    expect(all.run(put(a, "1234567890"))).toBe("full")
    expect(all.run(put(a, "987654321"))).toBe("match, revision 4, over")
    const moved: Command.Transaction = {
      compares: [],
      onMatch: [
        { type: "put", key: b, value: bytesOf("12345678") },
        { type: "delete", key: a }
      ],
      otherwise: []
    }
    expect(all.run(moved)).toBe("match, revision 5, new, over")
    expect(all.ask({ type: "status" })).toEqual({ type: "status", applied: 5, revision: 5, entries: 1, sizeBytes: 9 })
  })

  it("does not carry out a transaction that would answer more than is kept for a retry", () => {
    const all = group()
    all.run(Command.put(a, new Uint8Array(Limits.transactionAnswerBytesMax)))
    const gets = (count: number): Command.Transaction => ({
      compares: [],
      onMatch: [{ type: "delete", key: b }, ...Array.from({ length: count }, () => ({ type: "get" as const, key: a }))],
      otherwise: []
    })
    all.run(put(b, "stays"))
    expect(all.run(gets(2))).toBe("too-large")
    expect(all.get("b")).toBe("stays@2")
    expect(all.run(gets(1)).slice(0, 24)).toBe("match, revision 4, over,")
  })

  it("answers ranges in the order of bytes, as many as were asked for and as fit", () => {
    const all = group(10_000_000)
    for (const key of ["b", "a", "aa", "c", "\u00ff"]) all.run(put(bytesOf(key), key))
    expect(all.range("", undefined)).toBe("a=a aa=aa b=b c=c \u00ff=\u00ff")
    expect([all.range("aa", "c"), all.range("a", undefined, 2), all.range("c", "b")]).toEqual([
      "aa=aa b=b",
      "a=a aa=aa …",
      ""
    ])
    const large = new Uint8Array(Limits.groupValueBytesMax)
    for (const key of [a, b]) all.run(Command.put(key, large))
    const answer = all.ask({ type: "range", from: a, to: c, limit: 100 })
    expect(answer).toMatchObject({ type: "range", hasMore: true })
    expect(answer.type === "range" && answer.entries.length).toBe(2)
  })
})

it("what cannot be read has an answer and changes nothing", () => {
  const all = group()
  all.run(put(a, "1"))
  const digest = all.state.digest()
  const whole = Command.encode({
    compares: [
      { type: "value-is", key: a, value: bytesOf("1") },
      { type: "revision-above", key: a, revision: 0 }
    ],
    onMatch: [{ type: "increment", key: a, by: 1 }],
    otherwise: [{ type: "put", key: b, value: b }]
  })
  const transaction = (operation: Command.Operation) =>
    Command.encode({ compares: [], onMatch: [operation], otherwise: [] })
  const malformed = [
    ...Array.from({ length: whole.length }, (_, length) => whole.slice(0, length)),
    Uint8Array.of(...whole, 0),
    transaction({ type: "put", key: new Uint8Array(0), value: a }),
    transaction({ type: "put", key: new Uint8Array(Limits.groupKeyBytesMax + 1), value: a }),
    transaction({ type: "put", key: a, value: new Uint8Array(Limits.groupValueBytesMax + 1) }),
    transaction({ type: "increment", key: a, by: 0.5 }),
    transaction({ type: "increment", key: a, by: Infinity }),
    Uint8Array.of(0, 1, 9, 1, 0, 0, 0, 97, 0),
    Uint8Array.of(Limits.transactionOperationsMax + 1)
  ]
  for (const payload of malformed) expect(all.raw(payload)).toEqual({ type: "refused", reason: "malformed" })
  expect(all.state.digest()).toBe(digest)
  for (const query of [[], [0], [9], [1], [1, 0, 0, 0, 0], [3, 0], [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0]]) {
    const answer = Command.decodeQueryAnswer(all.state.read(Uint8Array.of(...query)))
    expect(answer).toEqual({ type: "refused", reason: "malformed" })
  }
})

it("answers that are cut are told from answers", () => {
  const all = group()
  const answer = Command.encodeAnswer({
    type: "done",
    isMatch: true,
    revision: 1,
    results: [{ type: "get", entry: { revision: 1, value: a } }]
  })
  for (let length = 0; length < answer.length; length++) {
    expect(Command.decodeAnswer(answer.slice(0, length))).toBe(undefined)
  }
  for (const query of [{ type: "status" }, { type: "range", from: a, to: undefined, limit: 9 }] as const) {
    all.run(put(a, "1"))
    const whole = all.state.read(Command.encodeQuery(query))
    for (let length = 0; length < whole.length; length++) {
      expect(Command.decodeQueryAnswer(whole.slice(0, length))).toBe(undefined)
    }
  }
})

const key = fc.constantFrom(..."abcd".split("").map(bytesOf))
const value = fc.oneof(fc.integer({ min: -9, max: 9 }).map(String), fc.constantFrom("x", "")).map(bytesOf)
const operation: fc.Arbitrary<Command.Operation> = fc.oneof(
  fc.record({ type: fc.constant("put" as const), key, value }),
  fc.record({ type: fc.constantFrom("delete" as const, "get" as const), key }),
  fc.record({ type: fc.constant("increment" as const), key, by: fc.integer({ min: -9, max: 9 }) })
)
const comparison: fc.Arbitrary<Command.Comparison> = fc.oneof(
  fc.record({ type: fc.constant("value-is" as const), key, value }),
  fc.record({ type: fc.constantFrom("absent" as const, "present" as const), key }),
  fc.record({
    type: fc.constantFrom("revision-is" as const, "revision-below" as const, "revision-above" as const),
    key,
    revision: fc.nat(20)
  })
)
const transaction: fc.Arbitrary<Command.Transaction> = fc.record({
  compares: fc.array(comparison, { maxLength: 2 }),
  onMatch: fc.array(operation, { maxLength: 4 }),
  otherwise: fc.array(operation, { maxLength: 2 })
})

/** The same in the simplest words: texts and revisions by key. */
type Model = Map<string, { readonly text: string; readonly revision: number }>

const holds = (model: Model, comparison: Command.Comparison): boolean => {
  const found = model.get(textOf(comparison.key))
  const revision = found?.revision ?? 0
  switch (comparison.type) {
    case "absent":
      return found === undefined
    case "present":
      return found !== undefined
    case "value-is":
      return found?.text === textOf(comparison.value)
    case "revision-is":
      return revision === comparison.revision
    case "revision-below":
      return revision < comparison.revision
    default:
      return revision > comparison.revision
  }
}

const perform = (before: Model, index: number, { compares, onMatch, otherwise }: Command.Transaction) => {
  const model: Model = new Map(before)
  const isMatch = compares.every((comparison) => holds(before, comparison))
  const results: Array<string> = []
  for (const operation of isMatch ? onMatch : otherwise) {
    const key = textOf(operation.key)
    const found = model.get(key)
    const existed = found === undefined ? "new" : "over"
    switch (operation.type) {
      case "put":
        model.set(key, { text: textOf(operation.value), revision: index })
        results.push(existed)
        break
      case "increment": {
        if (found !== undefined && !/^-?\d+$/.test(found.text)) return { model: before, answer: "not-a-number" }
        const sum = Number(found?.text ?? 0) + operation.by
        model.set(key, { text: String(sum), revision: index })
        results.push(String(sum))
        break
      }
      default:
        if (operation.type === "delete") model.delete(key)
        const read = found === undefined ? "absent" : `${found.text}@${found.revision}`
        results.push(operation.type === "delete" ? existed : read)
    }
  }
  return { model, answer: [isMatch ? "match" : "mismatch", ...results].join(", ") }
}

it("answers and holds what the model of a map does, and two that hold the same have one digest", () => {
  fc.assert(
    fc.property(fc.array(transaction, { maxLength: 20 }), (transactions) => {
      const all = group()
      let model: Model = new Map()
      for (const [at, one] of transactions.entries()) {
        const expected = perform(model, at + 1, one)
        model = expected.model
        expect(
          all
            .run(one)
            .replace(/ revision \d+,?/, "")
            .replace(/,$/, "")
        ).toBe(expected.answer)
        for (const key of "abcd") {
          const found = model.get(key)
          expect(all.get(key)).toBe(found === undefined ? undefined : `${found.text}@${found.revision}`)
        }
      }
      const sorted = [...model].sort(([left], [right]) => (left < right ? -1 : 1))
      expect(all.range("", undefined)).toBe(sorted.map(([key, { text }]) => `${key}=${text}`).join(" "))
      const twin = group()
      for (const one of transactions) twin.run(one)
      expect(twin.state.digest()).toBe(all.state.digest())
    })
  )
})

it("has another digest when one byte of one value differs", () => {
  const [one, other] = [group(), group()]
  for (const all of [one, other]) all.run(put(a, "1"))
  one.run(put(b, "1"))
  other.run(put(b, "2"))
  expect(one.state.digest()).not.toBe(other.state.digest())
  for (const all of [one, other]) all.run(put(b, "3"))
  expect(one.state.digest()).toBe(other.state.digest())
})
