/** Handles: transactions as text. */
import { describe, expect, it } from "vitest"
import * as Handle from "./Handle.ts"

describe("a handle", () => {
  it("comes back from its text as it was", () => {
    const txn = { id: 1_767_225_600_000_001, age: 17, anchor: Uint8Array.of(0xfe, 0, 255) }
    expect(Handle.toText(txn)).toBe("1767225600000001.17.fe00ff")
    expect(Handle.ofText(Handle.toText(txn))).toEqual(txn)
  })

  it("is refused where the text is none", () => {
    for (const text of [
      "",
      "1.2",
      "1.2.",
      "1.2.f",
      "0.2.ff",
      "1.2.FF",
      "1.2.ff ",
      "-1.2.ff",
      "9999999999999999.1.ff"
    ]) {
      expect(Handle.ofText(text)).toBeUndefined()
    }
  })
})
