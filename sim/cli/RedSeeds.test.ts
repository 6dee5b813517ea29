import { describe, expect, it } from "vitest"
import { SimulatorError } from "./CliError.ts"
import * as RedSeeds from "./RedSeeds.ts"

const line = (fields: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ scenario: "register/lease", seed: "98", judge: "liveness", story: "It was red.", ...fields })

const complaintOf = (text: string): string => {
  try {
    RedSeeds.parse(text, "seeds.jsonl")
    return ""
  } catch (error) {
    expect(error).toBeInstanceOf(SimulatorError)
    return (error as SimulatorError).message
  }
}

describe("the seeds that were red once", () => {
  it("can all be run: each names a scenario that has to pass", () => {
    expect(RedSeeds.load().length).toBeGreaterThan(0)
  })

  it("are read a line each, with the flags of their run", () => {
    const text = `${line({})}\n\n${line({ seed: "7", nodes: 5, for: "30s", faults: "crash,pause", policy: "pct" })}\n`
    const none = { nodes: undefined, for: undefined, faults: undefined, policy: undefined }
    expect(RedSeeds.parse(text, "seeds.jsonl")).toEqual([
      { scenario: "register/lease", seed: "98", flags: none },
      {
        scenario: "register/lease",
        seed: "7",
        flags: { nodes: 5, for: "30s", faults: "crash,pause", policy: "pct" }
      }
    ])
  })

  it.each([
    ["what is not JSON", "{", "line 1: it is not JSON"],
    ["what is no object", "[]", "it is no object"],
    ["a line without its story", line({ story: "" }), 'it needs a text as "story"'],
    ["what nobody reads", line({ shape: 1 }), 'nothing is known of "shape"'],
    ["an unknown scenario", `${line({})}\n${line({ scenario: "register/leese" })}`, "line 2: Unknown scenario"],
    ["a canary", line({ scenario: "canary/lost-update" }), "is a canary, which has to fail"],
    ["a fault that there is not", line({ faults: "meteor" }), "Unknown fault"],
    ["nodes that are no number", line({ nodes: "3" }), '"nodes" is a number']
  ])("refuse %s", (_, text, complaint) => {
    expect(complaintOf(text)).toContain(complaint)
  })
})
