import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { crc32c } from "./Crc32c.ts"

/** Bit by bit, as RFC 3720 defines it. */
const plain = (bytes: Uint8Array): number => {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

describe("a checksum", () => {
  it("is that of RFC 3720", () => {
    expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283)
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
  })

  it("is the same wherever the bytes lie, and in however many pieces they come", () => {
    const cut = fc.nat({ max: 200 })
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200, size: "max" }),
        fc.nat({ max: 7 }),
        cut,
        cut,
        cut,
        (memory, begin, ...cuts) => {
          const bytes = memory.subarray(Math.min(begin, memory.length))
          const [from, middle, to] = cuts.map((at) => Math.min(at, bytes.length)).sort((left, right) => left - right)
          const whole = crc32c(bytes, from, 0, to)
          expect(whole).toBe(plain(bytes.slice(from, to)))
          expect(crc32c(bytes, middle, crc32c(bytes, from, 0, middle), to)).toBe(whole)
        }
      )
    )
  })
})
