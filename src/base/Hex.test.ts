import { describe, expect, it } from "vitest"
import * as Hex from "./Hex.ts"

describe("hex", () => {
  it("reads what it wrote, for every byte", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
    expect(Hex.of(bytes).slice(0, 8)).toBe("00010203")
    expect(Hex.bytesOf(Hex.of(bytes))).toEqual(bytes)
  })

  it("refuses what it never writes", () => {
    expect(() => Hex.bytesOf("0")).toThrow("two digits")
    expect(() => Hex.bytesOf("zz")).toThrow("hexadecimal")
  })
})
