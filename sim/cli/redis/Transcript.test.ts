import * as fc from "fast-check"
import { expect, it } from "vitest"
import * as Sequence from "./Sequence.ts"
import * as Transcript from "./Transcript.ts"

it.each(Sequence.names)("a sequence of %s is read back as it was printed", (family) => {
  const property = fc.property(Sequence.sequenceOf(family, 20), (sequence) => {
    const replies = sequence.commands.map(() => "+OK")
    const recorded = { sequence, atMillis: 1_795_306_207_036, replies }
    expect(Transcript.parse(Transcript.print([recorded, recorded]))).toEqual([recorded, recorded])
  })
  fc.assert(property, { numRuns: 50, seed: 1 })
})
