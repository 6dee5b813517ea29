import * as fc from "fast-check"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import * as InProcess from "./InProcess.ts"
import * as Sequence from "./Sequence.ts"
import * as Transcript from "./Transcript.ts"

const recorded = (family: string): ReadonlyArray<Transcript.Recorded> =>
  Transcript.parse(readFileSync(new URL(`testdata/${family}.txt`, import.meta.url), "utf8"))

describe("a server without sockets", () => {
  it.each(Sequence.names)("answers what redis-server 7.0.15 has answered to generated commands: %s", (family) => {
    const sequences = recorded(family)
    expect(sequences.length).toBeGreaterThan(10)
    const differences = sequences.flatMap((one) => {
      const difference = Transcript.difference(one, InProcess.run(one.sequence, one.atMillis))
      return difference === undefined ? [] : [difference]
    })
    expect(differences.join("\n\n")).toBe("")
  })
})

it.each(Sequence.names)("a sequence of %s is read back as it was printed", (family) => {
  const property = fc.property(Sequence.sequenceOf(family, 20), (sequence) => {
    const replies = sequence.commands.map(() => "+OK")
    const one = { sequence, atMillis: 1_795_306_207_036, replies }
    expect(Transcript.parse(Transcript.print([one, one]))).toEqual([one, one])
  })
  fc.assert(property, { numRuns: 50, seed: 1 })
})
