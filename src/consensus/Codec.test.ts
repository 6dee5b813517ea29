/** Envelopes as bytes: whole and unchanged, refused when they are anything else, and the same as protobuf has them. */
import { readFileSync } from "node:fs"
import * as fc from "fast-check"
import protobuf from "protobufjs"
import { describe, expect, it } from "vitest"
import * as Bytes from "#base/Bytes.ts"
import * as Codec from "./Codec.ts"
import type { ConfState } from "./Configuration.ts"
import type { Envelope } from "./Envelope.ts"
import * as Message from "./Message.ts"

const ids = fc.integer({ min: 0, max: 0xffff_ffff })
const numbers = fc.oneof(fc.nat(1_000), fc.maxSafeNat())
const payloads = fc.uint8Array({ maxLength: 200 })
const members = fc.array(numbers, { maxLength: 5 })

const configurations: fc.Arbitrary<ConfState> = fc.record({
  voters: members,
  votersOutgoing: members,
  learners: members,
  learnersNext: members,
  autoLeave: fc.boolean()
})

const messages: fc.Arbitrary<Message.Message> = fc.record({
  kind: fc.constantFrom(...Object.values(Message.kinds).filter((kind) => !Codec.isLocal(kind))),
  to: numbers,
  from: numbers,
  term: numbers,
  logTerm: numbers,
  index: numbers,
  entries: fc.array(
    fc.record({
      term: numbers,
      index: numbers,
      kind: fc.constantFrom(...Object.values(Message.entryKinds)),
      data: payloads
    }),
    { maxLength: 6 }
  ),
  commit: numbers,
  commitTerm: numbers,
  snapshot: fc.option(fc.record({ index: numbers, term: numbers, configuration: configurations, data: payloads }), {
    nil: undefined,
    freq: 3
  }),
  isRejected: fc.boolean(),
  hint: numbers,
  read: numbers,
  isTransfer: fc.boolean()
})

const gone = { group: ids, from: numbers, to: numbers, term: numbers }
const replicas = { ...gone, index: numbers }
const envelopes: fc.Arbitrary<Envelope> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("raft" as const), group: ids, message: messages }) },
  fc.record({ type: fc.constant("beat" as const), epoch: numbers }),
  fc.record({ type: fc.constant("sleep" as const), ...replicas }),
  fc.record({ type: fc.constant("gone" as const), ...gone }),
  fc.record({
    type: fc.constant("chunk" as const),
    ...replicas,
    indexTerm: numbers,
    configuration: configurations,
    offset: numbers,
    isLast: fc.boolean(),
    bytes: payloads
  }),
  fc.record({
    type: fc.constant("chunk-answer" as const),
    ...replicas,
    offset: numbers,
    outcome: fc.constantFrom("taken" as const, "done" as const, "refused" as const)
  })
)
const frames = fc.array(envelopes, { minLength: 1, maxLength: 8 })

const encode = (list: ReadonlyArray<Envelope>, writer = new Codec.FrameWriter()): Uint8Array => {
  for (const envelope of list) writer.add(envelope)
  return writer.take()
}

const decode = (bytes: Uint8Array) => {
  const visited: Array<Envelope> = []
  const outcome = Codec.read(bytes, (envelope) => visited.push(envelope))
  return { outcome, visited }
}

/** As much of the bytes as was accepted, and what a writer makes of it. */
const writtenAgain = (bytes: Uint8Array) => {
  const { outcome, visited } = decode(bytes)
  const acceptedBytes = visited.length === 0 ? 0 : outcome === "ok" ? bytes.length : outcome.offset
  return {
    accepted: bytes.subarray(0, acceptedBytes),
    again: visited.length === 0 ? new Uint8Array(0) : encode(visited)
  }
}

const plain = Message.make(Message.kinds.append, 2, { from: 1, term: 3, index: 7, entries: [] })
const raft = (fields: Partial<Message.Message>): Envelope => ({
  type: "raft",
  group: 9,
  message: { ...plain, ...fields }
})

describe("a frame", () => {
  it("gives the envelopes that were added, in their order", () => {
    fc.assert(
      fc.property(frames, (list) => {
        expect(decode(encode(list))).toEqual({ outcome: "ok", visited: list })
      }),
      { numRuns: 500 }
    )
  })

  it("is not changed by later frames of its writer, which outgrow its slab", () => {
    const writer = new Codec.FrameWriter()
    const large = raft({ entries: [{ term: 1, index: 8, kind: 0, data: new Uint8Array(300_000).fill(7) }] })
    const lists = Array.from({ length: 400 }, (_, term) => [
      { type: "sleep" as const, group: 1, from: 2, to: 3, term, index: 4 },
      ...(term % 50 === 49 ? [large] : []),
      raft({ term, entries: [{ term, index: 8, kind: 0, data: new Uint8Array(term).fill(term) }] })
    ])
    const written = lists.map((list) => encode(list, writer))
    expect(written.map((bytes) => decode(bytes).visited)).toEqual(lists)
  })

  it("tells its size and its envelopes before it is taken, and nothing after", () => {
    const writer = new Codec.FrameWriter()
    for (const term of [1, 2, 3]) writer.add(raft({ term }))
    const { count, sizeBytes } = writer
    expect([count, sizeBytes, writer.take().length]).toEqual([3, 1 + 3 * 53, 1 + 3 * 53])
    expect([writer.count, writer.sizeBytes]).toEqual([0, 0])
  })

  it("has payloads that are views of its bytes", () => {
    const bytes = encode([raft({ entries: [{ term: 1, index: 8, kind: 0, data: Uint8Array.of(1, 2, 3) }] })])
    const [envelope] = decode(bytes).visited
    const { data } = (envelope as Extract<Envelope, { type: "raft" }>).message.entries[0]
    expect([data.buffer === bytes.buffer, data.byteOffset]).toEqual([true, bytes.byteOffset + bytes.length - 3])
  })

  it("is written for no number that would not come back, and for nothing that stays at home", () => {
    for (const term of [-1, 0.5, 2 ** 53, Number.NaN]) expect(() => encode([raft({ term })])).toThrow("integers")
    expect(() => encode([{ ...raft({}), group: 2 ** 32 } as Envelope])).toThrow("integers")
    expect(() => encode([raft({ kind: Message.kinds.storageAppend })])).toThrow("does not leave")
    expect(() => new Codec.FrameWriter().take()).toThrow("an envelope")
  })
})

describe("bytes that no writer wrote", () => {
  it("are refused, or are another frame's: what is read, written again, gives the same bytes", () => {
    const damage = fc.record({ frame: frames, at: fc.nat(), bit: fc.nat(7) })
    fc.assert(
      fc.property(damage, ({ at, bit, frame }) => {
        const bytes = encode(frame).slice()
        bytes[at % bytes.length] ^= 1 << bit
        const { accepted, again } = writtenAgain(bytes)
        expect(again).toEqual(accepted)
      }),
      { numRuns: 2_000 }
    )
  })

  it("are refused when they are any beginning of a frame but whole envelopes", () => {
    fc.assert(
      fc.property(envelopes, (envelope) => {
        const bytes = encode([envelope])
        for (let length = 0; length < bytes.length; length++) {
          const { outcome, visited } = decode(bytes.subarray(0, length))
          expect([outcome, visited]).toEqual([{ problem: "cut-short", offset: length < 2 ? 0 : 1 }, []])
        }
      }),
      { numRuns: 100 }
    )
  })

  it("never make the reader throw", () => {
    const any = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.uint8Array({ maxLength: 120 }))
    fc.assert(
      fc.property(any, ([type, rest]) => {
        const { accepted, again } = writtenAgain(Uint8Array.of(Codec.version, type, ...rest))
        expect(again).toEqual(accepted)
      }),
      { numRuns: 5_000 }
    )
  })

  const one = encode([raft({ hint: 5 })])
  const cases: ReadonlyArray<
    readonly [name: string, at: number, bytes: ReadonlyArray<number>, problem: Codec.Problem]
  > = [
    ["a version that is not known", 0, [1], "version"],
    ["an envelope of no type", 1, [7], "type"],
    ["a kind that no message has", 2, [24], "value"],
    ["a message that a node sends only to itself", 2, [Message.kinds.hup], "value"],
    ["a flag that means nothing", 3, [64], "value"],
    ["a number from 2^53 on", 22 + 6, [32], "value"],
    ["a field that is there and 0", 54, [0], "value"],
    ["more entries than bytes", 50, [255, 255, 255, 255], "cut-short"]
  ]
  it.each(cases)("are refused: %s", (_, at, patch, problem) => {
    const bytes = one.slice()
    bytes.set(patch, at)
    expect(decode(bytes)).toEqual({ outcome: { problem, offset: problem === "version" ? 0 : 1 }, visited: [] })
  })
})

describe("wire.proto", () => {
  const text = readFileSync(new URL("wire.proto", import.meta.url), "utf8")
  const twin = protobuf.parse(text, { keepCase: false }).root.lookupType("orbit.consensus.Frame")
  const camel = (type: string): string => type.replace(/-(\w)/, (_, letter: string) => letter.toUpperCase())
  const outcomes = ["taken", "done", "refused"]

  const toTwin = (envelope: Envelope): object => {
    const { type, ...fields } = envelope
    const outcome = "outcome" in fields ? { outcome: outcomes.indexOf(fields.outcome) } : {}
    return { [camel(type)]: { ...fields, ...outcome } }
  }

  const fromTwin = (envelope: Record<string, Record<string, unknown>>): unknown => {
    const [[content, fields]] = Object.entries(envelope).filter(([name]) => name !== "content")
    const type = content.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`)
    if (type === "raft") return { type, ...fields, message: { snapshot: undefined, ...(fields.message as object) } }
    return { type, ...fields, ...("outcome" in fields ? { outcome: outcomes[Number(fields.outcome)] } : {}) }
  }

  /** As it comes out of protobuf: numbers as numbers, plain byte arrays, what is missing at its default. */
  const throughTwin = (list: ReadonlyArray<Envelope>): unknown => {
    const bytes = twin.encode(twin.fromObject({ envelopes: list.map(toTwin) })).finish()
    const object = twin.toObject(twin.decode(bytes), { longs: Number, enums: Number, defaults: true, oneofs: false })
    return object.envelopes.map(fromTwin)
  }

  const unbuffered = (value: unknown): unknown => {
    if (value instanceof Uint8Array) return new Uint8Array(value)
    if (Array.isArray(value)) return value.map(unbuffered)
    if (typeof value !== "object" || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, unbuffered(field)]))
  }

  it("says the same: an envelope comes out of both encodings with the same values", () => {
    fc.assert(
      fc.property(frames, (list) => {
        expect(unbuffered(throughTwin(list))).toEqual(decode(encode(list)).visited)
      }),
      { numRuns: 300 }
    )
  })
})

describe("numbers", () => {
  it("stand with their lowest byte first, as the other numbers of Orbit do", () => {
    const bytes = encode([
      { type: "beat", epoch: Number.MAX_SAFE_INTEGER },
      { type: "beat", epoch: 0x0123_4567_89ab }
    ])
    expect(Bytes.getU32(bytes, 10)).toBe(0x4567_89ab)
    expect([...bytes]).toEqual([2, 2, 255, 255, 255, 255, 255, 255, 31, 2, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, 0])
  })
})
