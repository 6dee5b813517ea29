import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Location } from "./Descriptor.ts"
import * as Placement from "./Placement.ts"
import type { Action, Facts } from "./Placement.ts"

type State = Facts["stores"][number]["state"]

const location = (range: number, stores: ReadonlyArray<number>, leaseholder: number | undefined): Location => ({
  descriptor: { range, from: Uint8Array.of(range), to: Uint8Array.of(range + 1), generation: 1 },
  stores,
  leaseholder,
  isSettled: false
})

/** What the action makes of the range; the changes of one call take effect together. */
const applied = (location: Location, action: Action, isUp: (store: number) => boolean): Location => {
  if (action.type === "transfer") {
    expect(location.stores).toContain(action.to)
    return { ...location, leaseholder: action.to }
  }
  const stores = new Set(location.stores)
  for (const { store, type } of action.changes) {
    if (type === "remove") expect(stores.delete(store)).toBe(true)
    else {
      expect(stores.has(store)).toBe(false)
      stores.add(store)
    }
  }
  const left = [...stores].sort((a, b) => a - b)
  const stays = location.leaseholder !== undefined && stores.has(location.leaseholder)
  const leaseholder = stays ? location.leaseholder : left.find(isUp)
  return { ...location, stores: left, leaseholder }
}

const isUp = ({ stores }: Facts, id: number): boolean => ["live", "draining"].includes(stores[id - 1].state)

/** As many as there should be, an odd number, of those that live. */
const wanted = ({ replicas, stores }: Facts): number => {
  const live = stores.filter(({ state }) => state === "live").length
  return Math.max(...[1, 3, 5].filter((count) => count <= Math.min(replicas, live)), 0)
}

const settle = (facts: Facts): { readonly facts: Facts; readonly steps: number } => {
  let current = facts
  for (let steps = 0; ; steps++) {
    expect(steps).toBeLessThan(1_000)
    const action = Placement.next(current, () => false)
    if (action === undefined) return { facts: current, steps }
    const isLive = (id: number): boolean => facts.stores[id - 1].state === "live"
    const before = current.locations.find(({ descriptor }) => descriptor.range === action.range)!
    const after = applied(before, action, (id) => isUp(facts, id))
    // Only what there is too much of becomes less.
    const live = after.stores.filter(isLive).length
    expect(live).toBeGreaterThanOrEqual(Math.min(before.stores.filter(isLive).length, wanted(facts)))
    const locations = current.locations.map((each) => (each === before ? after : each))
    current = { ...current, locations }
  }
}

const drawn = fc
  .record({
    states: fc.array(fc.constantFrom<State>("live", "live", "live", "silent", "dead", "draining"), {
      minLength: 1,
      maxLength: 7
    }),
    ranges: fc.array(fc.array(fc.nat(6), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 12 }),
    replicas: fc.constantFrom(1, 3, 5)
  })
  .map(({ ranges, replicas, states }): Facts => {
    const stores = states.map((state, index) => ({ id: index + 1, state }))
    const locations = ranges.map((places, index) => {
      const on = [...new Set(places.map((place) => (place % stores.length) + 1))].sort((a, b) => a - b)
      const leaseholder = on.find((id) => ["live", "draining"].includes(stores[id - 1].state))
      return location(index + 1, on, leaseholder)
    })
    return { stores, locations, replicas }
  })

describe("placement", () => {
  it("comes to an end, at which no range has a replica on a store that is to go and could be replaced", () => {
    fc.assert(
      fc.property(drawn, (facts) => {
        const { facts: end } = settle(facts)
        const live = end.stores.filter(({ state }) => state === "live").map(({ id }) => id)
        for (const { leaseholder, stores } of end.locations) {
          const dead = stores.filter((id) => !isUp(end, id)).length
          if (leaseholder === undefined || dead > (stores.length - 1) / 2) continue
          const spare = live.filter((id) => !stores.includes(id))
          const lost = stores.filter((id) => ["dead", "draining"].includes(end.stores[id - 1].state))
          expect(lost.length === 0 || spare.length === 0).toBe(true)
          const isWell = stores.every((id) => live.includes(id)) && live.length >= facts.replicas
          expect(isWell ? stores.length : facts.replicas).toBe(facts.replicas)
        }
      }),
      { numRuns: 500 }
    )
  })

  it("gives each of the stores as many replicas and leases, give or take one", () => {
    fc.assert(
      fc.property(drawn, (facts) => {
        const stores = facts.stores.map(({ id }) => ({ id, state: "live" as const }))
        const locations = facts.locations.map((each) => ({ ...each, leaseholder: each.stores[0] }))
        const { facts: end } = settle({ ...facts, stores, locations })
        const counts = stores.map(({ id }) => end.locations.filter((each) => each.stores.includes(id)).length)
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      }),
      { numRuns: 300 }
    )
  })

  it("leaves leases that are where they are for a reason, and does not count them", () => {
    const stores = [1, 2, 3].map((id) => ({ id, state: "live" as const }))
    const at = (range: number, isSettled: boolean): Location => ({ ...location(range, [1, 2, 3], 1), isSettled })
    const leases = (locations: ReadonlyArray<Location>) =>
      settle({ stores, locations, replicas: 3 }).facts.locations.map(({ leaseholder }) => leaseholder)
    expect(leases([at(1, true), at(2, true), at(3, true)])).toEqual([1, 1, 1])
    expect(leases([at(1, true), at(2, true), at(3, false)])).toEqual([1, 1, 1])
    const [one, two, ...rest] = leases([at(1, true), at(2, true), at(3, false), at(4, false), at(5, false)])
    expect([one, two, new Set(rest)]).toEqual([1, 1, new Set([1, 2, 3])])
  })

  it("asks nothing of a range that has no quorum, or is being asked already", () => {
    const stores = [1, 2, 3, 4].map((id) => ({ id, state: id < 3 ? ("dead" as const) : ("live" as const) }))
    const facts = { stores, locations: [location(1, [1, 2, 3], 3)], replicas: 3 }
    expect(Placement.next(facts, () => false)).toBeUndefined()
    const other = { ...facts, locations: [location(1, [2, 3, 4], 3)] }
    expect(Placement.next(other, () => true)).toBeUndefined()
  })

  it("replaces a dead store by one change, which leaves no fewer voters", () => {
    const stores = [1, 2, 3, 4].map((id) => ({ id, state: id === 1 ? ("dead" as const) : ("live" as const) }))
    expect(Placement.next({ stores, locations: [location(1, [1, 2, 3], 2)], replicas: 3 }, () => false)).toEqual({
      type: "members",
      range: 1,
      changes: [
        { type: "add-voter", store: 4 },
        { type: "remove", store: 1 }
      ],
      of: [1, 2, 3]
    })
  })
})
