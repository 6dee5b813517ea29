/** The bytes of requests and answers: each comes back as it was, has one encoding, and wild bytes are refused without a throw. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Bytes from "#base/Bytes.ts"
import * as Hex from "#base/Hex.ts"
import * as AuditEntry from "./audit/AuditEntry.ts"
import * as AnswerCodec from "./AnswerCodec.ts"
import {
  Aborted,
  Busy,
  Conflict,
  Misplaced,
  NotLeaseholder,
  Refused,
  TooOld,
  Unavailable,
  Unknown
} from "./KeyspaceError.ts"
import type { Request, Response } from "./Request.ts"
import * as RequestCodec from "./RequestCodec.ts"

const bytes = fc.uint8Array({ maxLength: 80 })
const u32 = fc.nat(0xffff_ffff)
const number = fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constant(Number.MAX_SAFE_INTEGER))
const optional = <A>(of: fc.Arbitrary<A>) => fc.option(of, { nil: undefined })
const list = <A>(of: fc.Arbitrary<A>) => fc.array(of, { maxLength: 4 })
const text = fc.string({ unit: "grapheme", maxLength: 20 })

const keys = list(bytes)
const txn = fc.record({ id: number, anchor: bytes, age: number })
const span = fc.record({ from: bytes, to: bytes })
const mutation = fc.record({ key: bytes, value: optional(bytes) })
const reads = fc.record({ since: number, keys, spans: list(span) })
const outcome = fc.oneof(
  fc.record({ type: fc.constant("committed" as const), at: number }),
  fc.record({ type: fc.constant("aborted" as const) })
)
const verdict = fc.constantFrom(
  ...([1, 2, 3, 4, 5] as const).flatMap((kind) =>
    [1, 2, 3].flatMap((outcome) => AuditEntry.verdictOf(kind, outcome) ?? [])
  )
)
const note = fc
  .record({ verdict, actor: text, subject: text })
  .map(({ verdict, ...names }) => ({ ...verdict, ...names }))
const told = optional(fc.record({ actor: text, notes: list(note) }))
const state = fc.oneof(outcome, fc.record({ type: fc.constant("pending" as const) }))
const value = fc.record({ value: optional(bytes), at: number })
const descriptor = fc.record({ range: u32, from: bytes, to: bytes, generation: number })
const location = fc
  .record({ descriptor, stores: list(u32), leaseholder: optional(u32), isSettled: fc.boolean() })
  .map((one) => ({ ...one, isSettled: one.isSettled && one.leaseholder !== undefined }))
const bounds = { entriesMax: u32, sizeBytesMax: u32 }

type Fields<Type extends Request["type"]> = Omit<Extract<Request, { readonly type: Type }>, "type">

/** All kinds: one that is added and not here does not compile. */
const requests: { readonly [Type in Request["type"]]: fc.Arbitrary<Fields<Type>> } = {
  get: fc.record({ keys, at: number }),
  scan: fc.record({ span, at: number, reverse: fc.boolean(), ...bounds }),
  lock: fc.record({ txn, keys, mode: fc.constantFrom("shared", "exclusive") }),
  unlock: fc.record({ txn: number, keys }),
  "commit-once": fc.record({ txn, snapshot: number, mutations: list(mutation), reads, told }),
  prepare: fc.record({ txn, snapshot: number, mutations: list(mutation) }),
  validate: fc.record({ txn: number, reads, until: number }),
  decide: fc.record({ txn, outcome, keys, told }),
  resolve: fc.record({ txn: number, outcome, keys }),
  forget: fc.record({ txn }),
  push: fc.record({ txn, abort: fc.boolean() }),
  heartbeat: fc.record({ txn }),
  timestamps: fc.record({ count: u32 }),
  locate: fc.record({ key: bytes }),
  publish: fc.record({ location }),
  "number-range": fc.record({}),
  wait: fc.record({ waiter: txn, place: text, holders: list(txn) }),
  split: fc.record({ key: bytes }),
  collect: fc.record({ span, floor: number }),
  changes: fc.record({ span, after: number, ...bounds }),
  members: fc.record({
    range: u32,
    changes: list(fc.record({ type: fc.constantFrom("add-voter", "add-learner", "remove"), store: u32 })),
    of: list(u32)
  }),
  transfer: fc.record({ range: u32, to: u32 }),
  merge: fc.record({}),
  "end-merge": fc.record({}),
  close: fc.record({}),
  freeze: fc.record({ key: bytes, attempt: number }),
  thaw: fc.record({ key: bytes, attempt: number })
}

const responses: {
  readonly [Type in Response["type"]]: fc.Arbitrary<Omit<Extract<Response, { readonly type: Type }>, "type">>
} = {
  values: fc.record({ values: list(value) }),
  entries: fc.record({ entries: list(fc.record({ key: bytes, value: bytes, at: number })), resume: optional(bytes) }),
  locked: fc.record({ values: list(value), at: number }),
  at: fc.record({ at: number }),
  done: fc.record({}),
  state: fc.record({ state }),
  location: fc.record({ location: optional(location) }),
  range: fc.record({ range: u32 }),
  victims: fc.record({ victims: list(number) }),
  halves: fc.record({ left: descriptor, right: descriptor }),
  changes: fc.record({ changes: list(fc.record({ key: bytes, value: optional(bytes), at: number })), upTo: number }),
  unresolved: fc.record({ transactions: list(fc.record({ txn, outcome, keys })) }),
  frozen: fc.record({ snapshot: bytes })
}

const errors = fc.oneof(
  fc.record({ range: u32, known: list(location) }).map((each) => new Misplaced(each)),
  fc.record({ range: u32, leaseholder: optional(u32) }).map((each) => new NotLeaseholder(each)),
  fc.record({ retryAfterMillis: u32 }).map((each) => new Busy(each)),
  fc.record({ key: bytes, at: optional(number) }).map((each) => new Conflict(each)),
  fc
    .record({ txn: number, reason: fc.constantFrom("pushed" as const, "deadlock" as const, "forgotten" as const) })
    .map((each) => new Aborted(each)),
  fc.record({ at: number, floor: number }).map((each) => new TooOld(each)),
  fc.record({ message: text }).map((each) => new Refused(each)),
  fc.record({ message: text }).map((each) => new Unavailable(each)),
  fc.record({ message: text }).map((each) => new Unknown(each))
)

const anyOf = <A>(kinds: Readonly<Record<string, fc.Arbitrary<object>>>): fc.Arbitrary<A> =>
  fc.oneof(
    ...Object.entries(kinds).map(([type, fields]) => fields.map((each) => ({ type, ...each })))
  ) as fc.Arbitrary<A>

const asked: fc.Arbitrary<RequestCodec.Asked> = fc.record({
  range: u32,
  waiter: optional(txn),
  request: anyOf<Request>(requests)
})
const answer: fc.Arbitrary<AnswerCodec.Answer> = fc.oneof(anyOf<Response>(responses), errors)

/** Views and copies are equal if their bytes are; errors are compared by their fields. */
const plain = (each: unknown): unknown =>
  JSON.parse(JSON.stringify(each, (_, part) => (part instanceof Uint8Array ? Hex.of(part) : part)))

const isMalformed = (found: object): boolean => "problem" in found

describe("a request", () => {
  it("comes back as it was, whatever it is", () => {
    fc.assert(
      fc.property(asked, (each) => {
        expect(plain(RequestCodec.decodeRequest(RequestCodec.encodeRequest(each)))).toEqual(plain(each))
      }),
      { numRuns: 1_000 }
    )
  })

  it("has the bytes that docs/wire.md has", () => {
    const request: Request = {
      type: "commit-once",
      txn: { id: 0x0102, anchor: Uint8Array.of(0xaa), age: 3 },
      snapshot: 4,
      mutations: [
        { key: Uint8Array.of(0xaa), value: Uint8Array.of(1, 2) },
        { key: Uint8Array.of(0xab), value: undefined }
      ],
      reads: { since: 5, keys: [], spans: [{ from: Uint8Array.of(6), to: Uint8Array.of(7) }] }
    }
    const txnBytes = "02010000000000" + "03000000000000" + "01000000aa"
    expect(Hex.of(RequestCodec.encodeRequest({ range: 9, waiter: undefined, request }))).toBe(
      "01" +
        "09000000" +
        "00" +
        "05" +
        txnBytes +
        "04000000000000" +
        "02000000" +
        "01000000aa" +
        "01" +
        "020000000102" +
        "01000000ab" +
        "00" +
        "05000000000000" +
        "00000000" +
        "01000000" +
        "0100000006" +
        "0100000007"
    )
    const heartbeat = { range: 1, waiter: request.txn, request: { type: "heartbeat" as const, txn: request.txn } }
    expect(Hex.of(RequestCodec.encodeRequest(heartbeat))).toBe("01" + "01000000" + "01" + txnBytes + "0c" + txnBytes)
  })

  it("of another version is told apart from one that is malformed", () => {
    const good = RequestCodec.encodeRequest({ range: 1, waiter: undefined, request: { type: "number-range" } })
    expect(RequestCodec.decodeRequest(Uint8Array.of(2, ...good.subarray(1)))).toEqual({ problem: "version", offset: 0 })
    expect(RequestCodec.decodeRequest(Uint8Array.of(...good.subarray(0, 6), 99))).toEqual({
      problem: "type",
      offset: 6
    })
    expect(RequestCodec.decodeRequest(good.subarray(0, 6))).toEqual({ problem: "cut-short", offset: 6 })
    expect(RequestCodec.decodeRequest(Uint8Array.of(...good, 0))).toEqual({ problem: "value", offset: 7 })
  })
})

describe("an answer", () => {
  it("comes back as it was, whatever it is", () => {
    fc.assert(
      fc.property(answer, (each) => {
        const found = AnswerCodec.decode(AnswerCodec.encode(each))
        expect(plain(found)).toEqual(plain(each))
        expect(Object.getPrototypeOf(found)).toBe(Object.getPrototypeOf(each))
      }),
      { numRuns: 1_000 }
    )
  })

  it("has the bytes that docs/wire.md has", () => {
    const values = [
      { value: Uint8Array.of(7), at: 256 },
      { value: undefined, at: 0 }
    ]
    expect(Hex.of(AnswerCodec.encode({ type: "values", values }))).toBe(
      "01" + "01" + "02000000" + "00010000000000" + "01" + "0100000007" + "00000000000000" + "00"
    )
    expect(Hex.of(AnswerCodec.encode(new NotLeaseholder({ range: 3, leaseholder: 2 })))).toBe(
      "01" + "81" + "03000000" + "01" + "02000000"
    )
    expect(Hex.of(AnswerCodec.encode(new Unknown({ message: "é" })))).toBe("01" + "88" + "02000000" + "c3a9")
  })

  it("with a text that is no UTF-8 is refused, and one with a mark at its beginning is not changed", () => {
    const unknown = (...message: ReadonlyArray<number>) =>
      AnswerCodec.decode(Uint8Array.of(1, 136, message.length, 0, 0, 0, ...message))
    for (const each of [[0xff], [0x41, 0xc3], [0xed, 0xa0, 0x80]]) expect(isMalformed(unknown(...each))).toBe(true)
    expect(unknown(0xef, 0xbb, 0xbf, 0x41)).toMatchObject({ message: "\ufeffA" })
    expect(unknown(0xef, 0xbf, 0xbd)).toMatchObject({ message: "\ufffd" })
  })
})

describe("bytes that nobody wrote", () => {
  /** What is written, with a few bytes changed, cut off or put in. */
  const wild = <A>(of: fc.Arbitrary<A>, encode: (each: A) => Uint8Array) =>
    fc
      .tuple(of.map(encode), fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(3)), { minLength: 1, maxLength: 3 }))
      .map(([good, changes]) => {
        const changed = [...good]
        for (const [place, byte, kind] of changes) {
          const at = place % (changed.length + 1)
          if (kind === 0) changed.splice(at)
          else if (kind === 1) changed.splice(at, 0, byte)
          else changed[at] = byte
        }
        return Uint8Array.from(changed)
      })

  it("are refused, or are what a request's writer would have written", () => {
    let refused = 0
    fc.assert(
      fc.property(fc.oneof(bytes, wild(asked, RequestCodec.encodeRequest)), (each) => {
        const found = RequestCodec.decodeRequest(each)
        if ("problem" in found) refused++
        expect("problem" in found ? each : RequestCodec.encodeRequest(found)).toEqual(each)
      }),
      { numRuns: 5_000 }
    )
    expect(refused).toBeGreaterThan(1_000)
  })

  it("are refused, or are what an answer's writer would have written", () => {
    let refused = 0
    fc.assert(
      fc.property(fc.oneof(bytes, wild(answer, AnswerCodec.encode)), (each) => {
        const found = AnswerCodec.decode(each)
        if ("problem" in found) refused++
        expect("problem" in found ? each : AnswerCodec.encode(found)).toEqual(each)
      }),
      { numRuns: 5_000 }
    )
    expect(refused).toBeGreaterThan(1_000)
  })

  it("cost no more than they are long, whatever length they claim", () => {
    const head = RequestCodec.encodeRequest({ range: 1, waiter: undefined, request: { type: "get", keys: [], at: 1 } })
    const claims = head.slice()
    Bytes.putU32(claims, claims.length - 4, 0xffff_ffff)
    expect(RequestCodec.decodeRequest(claims)).toEqual({ problem: "cut-short", offset: claims.length })
  })
})
