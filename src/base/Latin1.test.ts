import { describe, expect, it } from "vitest"
import * as Latin1 from "./Latin1.ts"

const all = Uint8Array.from({ length: 256 }, (_, byte) => byte)

describe("bytes as text", () => {
  it("are one char each, with the byte as its code", () => {
    const text = Latin1.decode(all)
    expect(text).toHaveLength(256)
    expect([...all].every((byte) => text.charCodeAt(byte) === byte)).toBe(true)
  })

  it("come back as they were, by the loop and by the call", () => {
    for (const length of [0, 1, 24, 25, 256]) {
      const bytes = all.subarray(256 - length)
      expect(Latin1.encode(Latin1.decode(bytes))).toEqual(new Uint8Array(bytes))
    }
  })

  it("can be of a part, and be put in the midst of others", () => {
    const bytes = new Uint8Array(5)
    expect(Latin1.write(Latin1.decode(all, 250, 253), bytes, 1)).toBe(4)
    expect([...bytes]).toEqual([0, 250, 251, 252, 0])
  })
})
