import { describe, expect, it } from "vitest"
import * as Latin1 from "#base/Latin1.ts"
import * as Resuming from "./Resuming.ts"

const wordsOf = (line: string): ReadonlyArray<string> => line.split(" ")

describe("a command that waits", () => {
  it.each([
    ["BLPOP a b 2.5", 3_500, "BLPOP a b 0.5"],
    ["blmove a b LEFT RIGHT 2", 3_000, "blmove a b LEFT RIGHT 0.001"],
    ["BZMPOP 10 1 a MIN", 11_000, "BZMPOP 8 1 a MIN"],
    ["XREAD COUNT 5 BLOCK 2500 STREAMS block $", 3_500, "XREAD COUNT 5 BLOCK 500 STREAMS block $"],
    [
      "XREADGROUP GROUP block 5 NOACK block 2001 STREAMS s >",
      3_001,
      "XREADGROUP GROUP block 5 NOACK block 1 STREAMS s >"
    ],
    ["BRPOP a 0", 0, "BRPOP a 0"],
    ["XREAD BLOCK 0 STREAMS s $", 0, "XREAD BLOCK 0 STREAMS s $"]
  ])("%s has what is left of its time", (line, until, later) => {
    expect(Resuming.untilOf(wordsOf(line), 1_000)).toBe(until)
    expect(Resuming.shortened(wordsOf(line), until, 3_000).join(" ")).toBe(later)
  })

  it.each([
    "XREAD STREAMS block 5",
    "XREADGROUP GROUP block 5 STREAMS s >",
    "BLPOP a",
    "BLPOP a x",
    "BLPOP a -1",
    "GET a"
  ])("%s is none", (line) => {
    expect(Resuming.untilOf(wordsOf(line), 1_000)).toBe(undefined)
  })

  it("means elsewhere what it meant here", () => {
    const argv = wordsOf("XREAD BLOCK 0 STREAMS a b $ 7")
    const told = (tail: ReadonlyArray<string> | undefined): string => {
      const text = Resuming.refusal("ORBIT-ELSEWHERE", { tail })
      return Resuming.refused(argv, Latin1.encode(`-${text}\r\n`)).join(" ")
    }
    expect(told(["5-1", "7-0"])).toBe("XREAD BLOCK 0 STREAMS a b 5-1 7-0")
    expect(told(undefined)).toBe(argv.join(" "))
  })
})
