/** States of locks: their bytes, and who waits for whom. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Hex from "#base/Hex.ts"
import * as LockState from "./LockState.ts"

const mode = fc.constantFrom("shared" as const, "exclusive" as const)

/** What a state becomes by steps, as sessions take them. */
const stepped = fc
  .array(
    fc.record({ owner: fc.integer({ min: 1, max: 6 }), mode, what: fc.constantFrom("acquire", "acquire", "leave") })
  )
  .map((steps) => {
    let state: LockState.LockState = { holders: [], waiters: [] }
    for (const [at, { mode: wanted, owner, what }] of steps.entries()) {
      if (what === "leave") state = LockState.without(state, [owner])
      else if (LockState.holderOf(state, owner) !== undefined) continue
      else if (barring(state, owner, wanted).length > 0) state = LockState.wait(state, { owner, mode: wanted })
      else state = LockState.hold(state, { owner, mode: wanted, token: at + 1 })
    }
    return state
  })

const barring = (state: LockState.LockState, owner: number, wanted: "shared" | "exclusive"): ReadonlyArray<number> => {
  const { holders, waiters } = LockState.before(state, owner, wanted)
  return [...holders, ...waiters]
}

describe("the state of a lock", () => {
  it("has one holder, or holders who all share, and nobody twice", () => {
    fc.assert(
      fc.property(stepped, ({ holders, waiters }) => {
        expect(holders.length <= 1 || holders.every((holder) => holder.mode === "shared")).toBe(true)
        const owners = [...holders, ...waiters].map(({ owner }) => owner)
        expect(new Set(owners).size).toBe(owners.length)
      })
    )
  })

  it("lets nobody pass who came first, where the two would not share", () => {
    fc.assert(
      fc.property(stepped, fc.integer({ min: 7, max: 9 }), mode, (state, owner, wanted) => {
        const before = barring(state, owner, wanted)
        const all = [...state.holders, ...state.waiters]
        const barred = wanted === "exclusive" ? all : all.filter((each) => each.mode === "exclusive")
        expect(before).toEqual(barred.map((each) => each.owner))
        const waiting = LockState.wait(state, { owner, mode: wanted })
        expect(barring(waiting, owner, wanted)).toEqual(before)
        for (const each of state.waiters) {
          expect(barring(waiting, each.owner, each.mode)).toEqual(barring(state, each.owner, each.mode))
        }
      })
    )
  })

  it("comes back from its bytes; a lock that is free and that nobody waits for has none", () => {
    fc.assert(
      fc.property(stepped, (state) => {
        const bytes = LockState.encode(state)
        expect(bytes === undefined).toBe(state.holders.length + state.waiters.length === 0)
        expect(LockState.decode(bytes)).toEqual(state)
      })
    )
  })

  it("has the bytes that are written down, and reads no others", () => {
    const state: LockState.LockState = {
      holders: [{ owner: 1, mode: "exclusive", token: 3 }],
      waiters: [{ owner: 4, mode: "shared" }]
    }
    const bytes = LockState.encode(state)!
    expect(Hex.of(bytes)).toBe("020100000001000000" + "000000000000f03f010000000000000840" + "000000000000104000")
    for (let length = 0; length < bytes.length; length++) {
      expect(LockState.decode(bytes.subarray(0, length))).toBeUndefined()
    }
    expect(LockState.decode(Uint8Array.of(...bytes, 0))).toBeUndefined()
    expect(LockState.decode(Uint8Array.of(1, ...bytes.subarray(1)))).toBeUndefined()
    expect(LockState.decode(Uint8Array.of(...bytes.subarray(0, 17), 7, ...bytes.subarray(18)))).toBeUndefined()
  })

  it("has claims beside it, with bytes of their own", () => {
    const claim = { expiresAt: 1, token: 2 }
    const bytes = LockState.encodeClaim(claim)
    expect(Hex.of(bytes)).toBe("01" + "000000000000f03f" + "0000000000000040")
    expect(LockState.decodeClaim(bytes)).toEqual(claim)
    for (let length = 0; length < bytes.length; length++) {
      expect(LockState.decodeClaim(bytes.subarray(0, length))).toBeUndefined()
    }
    expect(LockState.decodeClaim(Uint8Array.of(...bytes, 0))).toBeUndefined()
    expect(LockState.decodeClaim(Uint8Array.of(2, ...bytes.subarray(1)))).toBeUndefined()
  })
})
