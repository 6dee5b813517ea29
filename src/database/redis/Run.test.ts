import * as fc from "fast-check"
import { expect, it } from "vitest"
import type { Mutation } from "#keyspace/Request.ts"
import * as Keys from "#storage/Keys.ts"
import { Run } from "./Run.ts"

it("hands out what was added in the order of the keys, of one key as it was added, also where some was handed out between", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ count: fc.nat(6_000), seed: fc.nat(), taken: fc.nat(3_000) }), { maxLength: 4 }),
      (rounds) => {
        const run = new Run()
        let left: Array<Mutation> = []
        let number = 0
        for (const { count, seed, taken } of rounds) {
          for (let i = 0; i < count; i++) {
            const drawn = Math.imul(seed + i, 2_654_435_761) >>> 20
            const mutation = {
              key: Uint8Array.of(drawn >> 8, drawn),
              value: Uint8Array.of(number >> 16, number >> 8, number++)
            }
            left.push(mutation)
            run.add(mutation)
          }
          left = left.sort((one, other) => Keys.compare(one.key, other.key) || Keys.compare(one.value!, other.value!))
          const handedOut = Array.from({ length: Math.min(taken, left.length) }, () => run.next())
          expect(handedOut.every((mutation, i) => mutation === left[i])).toBe(true)
          left = left.slice(handedOut.length)
        }
        for (const mutation of left) expect(run.next()).toBe(mutation)
        expect(run.next()).toBe(undefined)
      }
    ),
    { numRuns: 30 }
  )
})

it("is full at so many changes, or bytes, and no more once they are handed out", () => {
  const run = new Run()
  const value = new Uint8Array(16 * 1_048_576)
  run.add({ key: Uint8Array.of(1), value })
  expect(run.isFull).toBe(false)
  run.add({ key: Uint8Array.of(2), value })
  expect(run.isFull).toBe(true)
  run.next()
  run.next()
  expect(run.isFull).toBe(false)
})
