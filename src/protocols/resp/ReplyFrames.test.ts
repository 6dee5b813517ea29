/** Replies that are found in bytes however these are cut. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Latin1 from "#base/Latin1.ts"
import { ReplyFrames } from "./ReplyFrames.ts"

interface Told {
  readonly text: string
  readonly isPush: boolean
}

const read = (frames: ReplyFrames, chunk: Uint8Array, told: Array<Told>): void =>
  frames.feed(chunk, (bytes, isPush) => void told.push({ text: Latin1.decode(bytes), isPush }))

/** What is told of a text that is cut into pieces of these sizes, each of which is written over afterwards. */
const framesOf = (text: string, sizes: ReadonlyArray<number>): ReadonlyArray<Told> => {
  const frames = new ReplyFrames()
  const told: Array<Told> = []
  const bytes = Latin1.encode(text)
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const chunk = bytes.slice(at, at + sizes[index % sizes.length])
    at += chunk.length
    read(frames, chunk, told)
    chunk.fill(0x58)
  }
  expect([frames.problem, frames.isEmpty]).toEqual([undefined, true])
  return told
}

const plain = fc.string({ unit: "binary-ascii", maxLength: 12 }).map((text) => text.replaceAll(/[\r\n]/g, "."))
const line = fc.tuple(fc.constantFrom("+", "-", ":", "#", ",", "("), plain).map(([mark, text]) => `${mark}${text}\r\n`)
const blob = fc
  .tuple(fc.constantFrom("$", "!", "="), fc.oneof(fc.constant("\r\n$5\r\n"), plain, fc.constant("x".repeat(300))))
  .map(([mark, text]) => `${mark}${text.length}\r\n${text}\r\n`)
const nothing = fc.constantFrom("$-1\r\n", "*-1\r\n", "_\r\n", "*0\r\n", "%0\r\n")

const { reply } = fc.letrec<{ value: string; reply: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    line,
    blob,
    nothing,
    fc
      .tuple(fc.constantFrom("*", "~", ">"), fc.array(tie("value"), { maxLength: 4 }))
      .map(([mark, all]) => `${mark}${all.length}\r\n${all.join("")}`),
    fc
      .array(fc.tuple(tie("value"), tie("value")), { maxLength: 3 })
      .map((all) => `%${all.length}\r\n${all.flat().join("")}`),
    fc
      .tuple(fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 2 }), tie("value"))
      .map(([all, value]) => `|${all.length}\r\n${all.flat().join("")}${value}`)
  ),
  reply: tie("value")
}))

/** Behind its attributes, which are told with it, a reply has a mark. */
const withAttributes = fc.tuple(fc.boolean(), reply).map(([isPush, text]) => ({
  text: isPush ? `|1\r\n>1\r\n+k\r\n$1\r\nv\r\n>1\r\n${text}` : `|1\r\n>0\r\n_\r\n*1\r\n${text}`,
  isPush
}))

describe("replies", () => {
  it("are found one by one wherever their bytes are cut, and pushes among them", () => {
    const told = fc.oneof(
      withAttributes,
      reply.filter((text) => !text.startsWith("|")).map((text) => ({ text, isPush: text.startsWith(">") }))
    )
    const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(fc.array(told, { maxLength: 6 }), sizes, (all, cuts) => {
        expect(framesOf(all.map(({ text }) => text).join(""), cuts)).toEqual(all)
      }),
      { numRuns: 500 }
    )
  })

  it("may lie in each other as deep as they want, and be as large", () => {
    const deep = `${"*1\r\n".repeat(200_000)}+x\r\n`
    expect(framesOf(deep, [1_000]).length).toBe(1)
    const large = `$4000000\r\n${"y".repeat(4_000_000)}\r\n`
    expect(framesOf(`${large}+OK\r\n`, [97]).map(({ text }) => text.length)).toEqual([large.length, 5])
  })

  it.each(["?1\r\n", "*x\r\n", "$-2\r\n", "$99999999999999999\r\n", "*1\r\n*?\r\n", "$1234567890123456"])(
    "are not made of what is none: %j",
    (text) => {
      const frames = new ReplyFrames()
      const told: Array<Told> = []
      read(frames, Latin1.encode(text), told)
      read(frames, Latin1.encode("+OK\r\n"), told)
      expect([frames.problem === undefined, told]).toEqual([false, []])
    }
  )
})
