/** What a refusal leaves out, and what it keeps. */
import { describe, expect, it } from "vitest"
import { TaggedRefusal } from "./Refusal.ts"

class Moved extends TaggedRefusal("Moved")<{ readonly to: number }> {}

describe("Refusal", () => {
  it("is an error with its tag and fields, and without a stack", () => {
    const moved = new Moved({ to: 3 })
    expect(moved).toBeInstanceOf(Error)
    expect([moved._tag, moved.to, moved.name]).toEqual(["Moved", 3, "Moved"])
    expect(moved.stack).not.toContain("\n")
  })

  it("leaves others their stacks", () => {
    const limit = Error.stackTraceLimit
    new Moved({ to: 3 })
    expect(Error.stackTraceLimit).toBe(limit)
    expect(new Error("defect").stack).toContain("Refusal.test.ts")
  })
})
