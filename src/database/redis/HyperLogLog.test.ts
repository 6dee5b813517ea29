import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { crc64 } from "./Crc64.ts"
import * as HyperLogLog from "./HyperLogLog.ts"
import { StringValue } from "./StringValue.ts"

const sparseBytesMax = 3_000

const add = (value: StringValue, element: string): void => {
  if (HyperLogLog.add(value, element, sparseBytesMax) === "raised") HyperLogLog.invalidate(value)
}

const of = (from: number, to: number): StringValue => {
  const value = HyperLogLog.make()
  for (let i = from; i < to; i++) add(value, `element:${i}`)
  return value
}

const registersOf = (value: StringValue): Uint8Array => {
  const most = new Uint8Array(HyperLogLog.registers)
  expect(HyperLogLog.mergeInto(most, value.bytes)).toBe(true)
  return most
}

describe("a HyperLogLog", () => {
  // Sizes, estimates and checksums of what redis-server 7.0.15 has after PFADD of each and PFCOUNT after these.
  it("has the bytes and the estimates of Redis, sparse and dense", () => {
    const value = HyperLogLog.make()
    const seen: Array<readonly [number, number | undefined, number, string]> = []
    for (let i = 0; i < 5_000; i++) {
      add(value, `element:${i}`)
      if (i !== 99 && i !== 999 && i !== 4_999) continue
      const count = HyperLogLog.count(value)
      seen.push([i + 1, count, value.size, Buffer.from(crc64(value.bytes)).toString("hex")])
    }
    expect(seen).toEqual([
      [100, 99, 285, "1ca29af1d376bab5"],
      [1_000, 997, 1_897, "183ff9485d6544cc"],
      [5_000, 5_005, 12_304, "d263bd444512a0a3"]
    ])
  })

  it("has the same registers whether it is sparse or dense, and remembers its estimate until one is raised", () => {
    const [sparse, dense] = [of(0, 500), of(0, 500)]
    expect(HyperLogLog.toDense(dense)).toBe(true)
    expect([HyperLogLog.isSparse(sparse.bytes), HyperLogLog.isSparse(dense.bytes)]).toEqual([true, false])
    expect(registersOf(dense)).toEqual(registersOf(sparse))
    expect(HyperLogLog.remembered(sparse.bytes)).toBe(-1)
    expect(HyperLogLog.count(sparse)).toBe(HyperLogLog.count(dense))
    expect(HyperLogLog.remembered(sparse.bytes)).toBe(HyperLogLog.remembered(dense.bytes))
  })

  it("estimates a union as it would estimate all elements", () => {
    const most = registersOf(of(0, 3_000))
    expect(HyperLogLog.mergeInto(most, of(2_000, 6_000).bytes)).toBe(true)
    expect(HyperLogLog.countRegisters(most)).toBe(HyperLogLog.count(of(0, 6_000)))
  })

  it("whose bytes somebody has changed is counted or refused, and nothing is thrown", () => {
    const whole = of(0, 200)
    let refused = 0
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 }),
        fc.nat(3),
        (changes, cut) => {
          const bytes = whole.bytes.slice(0, whole.size - cut)
          for (const [at, byte] of changes) bytes[16 + (at % (bytes.length - 16))] = byte
          expect(HyperLogLog.isOne(bytes)).toBe(true)
          const value = StringValue.take(bytes)
          if (HyperLogLog.count(value) === undefined) refused++
          for (let i = 0; i < 20; i++) add(value, `another:${i}`)
          HyperLogLog.describe(value.bytes)
          HyperLogLog.mergeInto(new Uint8Array(HyperLogLog.registers), value.bytes)
        }
      ),
      { numRuns: 500, seed: 4 }
    )
    expect(refused).toBeGreaterThan(300)
  })
})
