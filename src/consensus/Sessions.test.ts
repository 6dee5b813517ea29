import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Sessions from "./Sessions.ts"

const bounds: Sessions.Bounds = { sessionsMax: 3, outstandingMax: 4, resultsBytesMax: 10_000, idleEntriesMax: 100 }

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytes = (words: string): Uint8Array => new TextEncoder().encode(words)

/** A log with a machine that answers how many commands it has carried out. */
const group = (of: Sessions.Bounds = bounds) => {
  let index = 0
  let performed = 0
  const sessions = new Sessions.Sessions(of)
  const apply = (command: Uint8Array): string => {
    const reply = sessions.apply(++index, command, (payload) => bytes(`${text(payload)} ${++performed}`))
    const read = Sessions.readReply(reply)!
    return read.type === "applied" ? text(read.answer) : read.type === "opened" ? `opened ${read.session}` : read.type
  }
  return {
    sessions,
    apply,
    open: () => apply(Sessions.open()),
    close: (session: number) => apply(Sessions.close(session)),
    put: (session: number, sequence: number, acknowledged = 0) =>
      apply(Sessions.numbered({ session, sequence, acknowledged }, bytes(`#${sequence}`))),
    pass: (entries: number) => {
      index += entries
    },
    get performed() {
      return performed
    }
  }
}

describe("a session", () => {
  it("has a copy of a command answered as the command was, and carried out once (thesis 6.3)", () => {
    const all = group()
    expect(all.open()).toBe("opened 1")
    expect([all.put(1, 1), all.put(1, 2), all.put(1, 1), all.put(1, 2)]).toEqual(["#1 1", "#2 2", "#1 1", "#2 2"])
    expect(all.performed).toBe(2)
  })

  it("takes its commands in any order, and with gaps", () => {
    const all = group()
    all.open()
    expect([all.put(1, 3), all.put(1, 1), all.put(1, 3), all.put(1, 1)]).toEqual(["#3 1", "#1 2", "#3 1", "#1 2"])
  })

  it("refuses a late copy of what was acknowledged, and what is older", () => {
    const all = group()
    all.open()
    all.put(1, 2)
    expect(all.put(1, 3, 2)).toBe("#3 2")
    expect([all.put(1, 2), all.put(1, 1), all.put(1, 3)]).toEqual(["acknowledged", "acknowledged", "#3 2"])
  })

  it("refuses a command beyond the answers that are kept, and takes it when some are acknowledged", () => {
    const all = group()
    all.open()
    expect([all.put(1, 4), all.put(1, 5), all.put(1, 5, 1)]).toEqual(["#4 1", "beyond", "#5 2"])
  })

  it("that was closed, or never was, has nothing carried out", () => {
    const all = group()
    all.open()
    all.put(1, 1)
    expect([all.close(1), all.put(1, 1), all.put(1, 2), all.put(7, 1), all.close(1)]).toEqual([
      "closed",
      "expired",
      "expired",
      "expired",
      "expired"
    ])
    expect(all.performed).toBe(1)
  })

  it("expires after so many entries without a command, and not one earlier", () => {
    const all = group()
    all.open()
    all.pass(99)
    expect(all.put(1, 1)).toBe("#1 1")
    all.pass(100)
    expect(all.put(1, 1)).toBe("expired")
    expect(all.sessions.count).toBe(0)
  })

  it("goes when there are too many, the one first that was used longest ago", () => {
    const all = group()
    for (let id = 1; id <= 3; id++) all.open()
    all.put(1, 1)
    expect(all.open()).toBe("opened 5")
    expect([all.put(2, 1), all.put(1, 1), all.put(3, 1)]).toEqual(["expired", "#1 1", "#1 2"])
  })

  it("goes when the answers of all take too much memory, but not the one that was used last", () => {
    const all = group({ ...bounds, resultsBytesMax: 200 })
    all.open()
    all.open()
    all.put(1, 1)
    all.put(2, 1)
    expect(all.put(2, 2)).toBe("#2 3")
    expect([all.put(1, 1), all.put(2, 1), all.put(2, 3), all.put(2, 4)]).toEqual(["expired", "#1 2", "#3 4", "#4 5"])
  })
})

it("a command without a session is carried out as often as it comes", () => {
  const all = group()
  expect([1, 2].map(() => all.apply(Sessions.plain(bytes("plain"))))).toEqual(["plain 1", "plain 2"])
})

it("a command that cannot be read is answered so and changes nothing", () => {
  const all = group()
  all.open()
  const { digest } = all.sessions
  const cut = Sessions.numbered({ session: 1, sequence: 1, acknowledged: 0 }, new Uint8Array(0))
  const malformed = [
    new Uint8Array(0),
    Uint8Array.of(9),
    Uint8Array.of(1, 0),
    Sessions.close(0.5),
    Uint8Array.of(2, 1),
    Uint8Array.of(...Sessions.close(1), 0),
    ...Array.from({ length: cut.length - 1 }, (_, length) => cut.slice(0, length + 1)).filter((_, at) => at > 0),
    Sessions.numbered({ session: 1, sequence: 0, acknowledged: 0 }, bytes("x")),
    Sessions.numbered({ session: 1, sequence: 2, acknowledged: 2 }, bytes("x")),
    Sessions.numbered({ session: 1, sequence: 2, acknowledged: -1 }, bytes("x")),
    Sessions.numbered({ session: 1, sequence: NaN, acknowledged: 0 }, bytes("x")),
    Sessions.numbered({ session: 1, sequence: 1.5, acknowledged: 0 }, bytes("x"))
  ]
  for (const command of malformed) expect(all.apply(command)).toBe("malformed")
  expect([all.performed, all.sessions.digest]).toEqual([0, digest])
})

it("a reply that is none is told from one", () => {
  for (const bytes of [[], [7], [1], [1, 0], [2, 0]])
    expect(Sessions.readReply(Uint8Array.of(...bytes))).toBe(undefined)
})

type Step =
  | { readonly type: "open" }
  | { readonly type: "plain" }
  | { readonly type: "reload" }
  | { readonly type: "close"; readonly session: number }
  | { readonly type: "put"; readonly session: number; readonly sequence: number; readonly lag: number }
  | { readonly type: "pass"; readonly entries: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom<Step>({ type: "open" }, { type: "plain" }, { type: "reload" }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("close" as const), session: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("pass" as const), entries: fc.nat(30) }) },
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant("put" as const),
      session: fc.nat(5),
      sequence: fc.integer({ min: 1, max: 9 }),
      lag: fc.nat(9)
    })
  }
)

const smallBounds = fc.record({
  sessionsMax: fc.integer({ min: 1, max: 4 }),
  outstandingMax: fc.integer({ min: 1, max: 5 }),
  resultsBytesMax: fc.integer({ min: 1, max: 600 }),
  idleEntriesMax: fc.integer({ min: 1, max: 40 })
})

describe("whatever comes,", () => {
  it("no command of a session is carried out twice, and all its copies that are answered get one answer", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), smallBounds, (steps, of) => {
        const { count } = play(steps, of, false)
        for (const [, answers] of count) expect(answers.size).toBe(1)
      })
    )
  })

  it("a replica that was loaded from its records goes on as one that was not, and has the same digest", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), smallBounds, (steps, of) => {
        expect(play(steps, of, true).replies).toEqual(play(steps, of, false).replies)
      })
    )
  })

  it("there are never more sessions than the bound", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), smallBounds, (steps, of) => {
        for (const count of play(steps, of, false).sizes) expect(count).toBeLessThanOrEqual(of.sessionsMax)
      })
    )
  })
})

/** Sessions in steps are those that were opened last. */
const play = (steps: ReadonlyArray<Step>, of: Sessions.Bounds, reloads: boolean) => {
  let sessions = new Sessions.Sessions(of)
  const records = new Map<number, Uint8Array>()
  const opened: Array<number> = []
  const replies: Array<string> = []
  const sizes: Array<number> = []
  /** By session and sequence: the answers that it got. */
  const count = new Map<string, Set<string>>()
  let index = 0
  let performed = 0
  const apply = (command: Uint8Array): Sessions.Reply => {
    const reply = sessions.apply(++index, command, (payload) => bytes(`${text(payload)} ${++performed}`))
    replies.push(`${text(reply)} ${sessions.digest}`)
    sizes.push(sessions.count)
    return Sessions.readReply(reply)!
  }
  const sessionOf = (back: number): number => opened.at(-1 - back) ?? 0
  for (const one of steps) {
    switch (one.type) {
      case "pass":
        index += one.entries
        break
      case "plain":
        apply(Sessions.plain(bytes("plain")))
        break
      case "open": {
        const reply = apply(Sessions.open())
        if (reply.type === "opened") opened.push(reply.session)
        break
      }
      case "close":
        apply(Sessions.close(sessionOf(one.session)))
        break
      case "put": {
        const { sequence } = one
        const session = sessionOf(one.session)
        const acknowledged = Math.max(0, sequence - 1 - one.lag)
        const reply = apply(Sessions.numbered({ session, sequence, acknowledged }, bytes("put")))
        if (reply.type !== "applied") break
        const key = `${session} ${sequence}`
        count.set(key, (count.get(key) ?? new Set()).add(text(reply.answer)))
        break
      }
      case "reload":
        if (reloads) {
          const { digest } = sessions
          sessions.drain((id, record) => (record === undefined ? records.delete(id) : records.set(id, record)))
          sessions = new Sessions.Sessions(of)
          expect(sessions.load([...records].reverse())).toBe(true)
          expect(sessions.digest).toBe(digest)
        }
    }
  }
  return { replies, sizes, count }
}

it("records that are cut are not loaded", () => {
  const all = group()
  all.open()
  all.put(1, 1)
  let record: Uint8Array | undefined
  all.sessions.drain((_, bytes) => (record = bytes))
  for (let length = 0; length < record!.length; length++) {
    const isHead = length === 16
    expect(new Sessions.Sessions(bounds).load([[1, record!.slice(0, length)]])).toBe(isHead)
  }
})
