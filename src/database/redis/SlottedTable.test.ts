import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import { begin, type SlotCursor, SlottedTable } from "./SlottedTable.ts"

interface Named {
  readonly name: string
  readonly value: number
}

/** Six slots, each with some names that have it by their tags. */
const tags = ["a", "b", "c", "d", "e", "f"]
const slots = tags.map((tag) => SpacesRedis.slotOfText(tag))
const names = fc.record({ tag: fc.constantFrom(...tags), n: fc.nat(14) }).map(({ n, tag }) => `{${tag}}${n}`)

const everywhere = (): boolean => true

const tableFrom = (since: number): SlottedTable<Named> => new SlottedTable<Named>(() => since++)

const entries = (table: SlottedTable<Named>): ReadonlyArray<readonly [string, Named]> => [...table]

/** Removes what is in a slot. */
const taken = (table: SlottedTable<Named>, slot: number): Array<readonly [string, Named]> => {
  const values = [...table.in(slot)]
  for (const { name } of values) table.delete(name)
  return values.map((value) => [value.name, value])
}

const change = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("set" as const), name: names, value: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("delete" as const), name: names }) }
)
const taking = fc.record({ do: fc.constant("take" as const), slot: fc.constantFrom(...slots) })

describe("a table by slots", () => {
  it("answers as a map does, also where all of a slot goes at once", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 9, arbitrary: change }, taking), { maxLength: 200, size: "max" }),
        (script) => {
          const table = tableFrom(0)
          const model = new Map<string, Named>()
          const ofSlot = (slot: number): ReadonlyArray<readonly [string, Named]> =>
            [...model].filter(([name]) => SpacesRedis.slotOfText(name) === slot)
          for (const call of script) {
            let [answer, right]: ReadonlyArray<unknown> = []
            if (call.do === "take") {
              right = new Map(ofSlot(call.slot))
              for (const [name] of ofSlot(call.slot)) model.delete(name)
              answer = new Map(taken(table, call.slot))
            } else if (call.do === "delete") {
              right = model.delete(call.name)
              answer = table.delete(call.name)
            } else {
              if (!model.has(call.name) && call.value % 2 === 0) table.add(call.name, call)
              else table.set(call.name, call)
              model.set(call.name, call)
            }
            expect([answer, table.size]).toEqual([right, model.size])
          }
          expect(new Map(entries(table))).toEqual(model)
          for (const [name, value] of model) expect(table.get(name)).toBe(value)
          for (const slot of slots) {
            expect(new Set(table.in(slot))).toEqual(new Set(ofSlot(slot).map(([, value]) => value)))
            expect(table.in(slot).length).toBe(ofSlot(slot).length)
          }
        }
      )
    )
  })

  it("has each value in the row of its slot, also where there are thousands of them that come and go", () => {
    const table = tableFrom(0)
    const namesOf = (from: number, to: number): ReadonlyArray<string> =>
      Array.from({ length: to - from }, (_, index) => `{${tags[index % 6]}}${from + index}`)
    for (const name of namesOf(0, 9_000)) table.add(name, { name, value: 0 })
    for (const name of namesOf(0, 6_000)) table.delete(name)
    for (const name of namesOf(9_000, 12_000)) table.add(name, { name, value: 0 })
    for (const name of namesOf(6_000, 9_000)) table.delete(name)
    const left = slots.flatMap((slot) => table.in(slot).map(({ name }) => name))
    expect(left.toSorted()).toEqual(namesOf(9_000, 12_000).toSorted())
    for (const name of left) table.delete(name)
    expect([table.size, ...slots.map((slot) => table.in(slot).length)]).toEqual([0, 0, 0, 0, 0, 0, 0])
  })

  it("gives each value the same chance", () => {
    const table = tableFrom(0)
    expect(table.random(() => 0.5)).toBe(undefined)
    // One slot has nearly all of them.
    for (let n = 0; n < 90; n++) table.add(`{a}${n}`, { name: `{a}${n}`, value: n })
    for (let n = 0; n < 10; n++) table.add(`key${n}`, { name: `key${n}`, value: n })
    const drawn = Array.from({ length: 100 }, (_, n) => table.random(() => (n + 0.5) / 100)!.name)
    expect(new Set(drawn).size).toBe(100)
  })
})

describe("a scan of slots", () => {
  it("meets whatever is there from its begin to its end, while values come and go, and slots leave for other nodes and come back", () => {
    const scanning = fc.record({ do: fc.constant("scan" as const), count: fc.integer({ min: 1, max: 5 }) })
    const moving = fc.record({ do: fc.constant("move" as const), slot: fc.constantFrom(...slots), to: fc.nat(1) })
    const calls = fc.array(
      fc.oneof({ weight: 4, arbitrary: change }, { weight: 2, arbitrary: moving }, { weight: 6, arbitrary: scanning }),
      { maxLength: 120, size: "max" }
    )
    fc.assert(
      fc.property(calls, fc.array(names, { minLength: 30, maxLength: 60, size: "max" }), (script, first) => {
        const nodes = [tableFrom(1_000), tableFrom(2_000)]
        const owners = new Map(slots.map((slot, index) => [slot, index % 2]))
        const ownerOf = (slot: number): number => owners.get(slot) ?? 0
        const nodeOf = (name: string): SlottedTable<Named> => nodes[ownerOf(SpacesRedis.slotOfText(name))]
        for (const name of first) nodeOf(name).set(name, { name, value: 0 })
        const throughout = new Set(first)
        const met = new Set<string>()
        let cursor: SlotCursor = begin
        const scan = (count: number): void => {
          const node = ownerOf(cursor.slot)
          const isHere = (slot: number): boolean => ownerOf(slot) === node
          cursor = nodes[node].scanSlots(cursor, count, isHere, ({ name }) => met.add(name))
        }
        scan(1)
        for (const call of script) {
          if (cursor.slot === 0) break
          if (call.do === "scan") scan(call.count)
          else if (call.do === "set") nodeOf(call.name).set(call.name, call)
          else if (call.do === "delete") {
            nodeOf(call.name).delete(call.name)
            throughout.delete(call.name)
          } else if (call.to !== ownerOf(call.slot)) {
            const left = taken(nodes[ownerOf(call.slot)], call.slot)
            owners.set(call.slot, call.to)
            // Where they are loaded they come in another order.
            for (const [name, value] of left.reverse()) nodes[call.to].add(name, value)
          }
        }
        while (cursor.slot !== 0) scan(7)
        expect([...throughout].filter((name) => !met.has(name))).toEqual([])
      })
    )
  })

  it("visits exactly as many values as are asked for, and passes over all slots without any", () => {
    const table = tableFrom(0)
    expect(table.scanSlots(begin, 1, everywhere, () => {})).toEqual(begin)
    for (const tag of tags) for (let n = 0; n < 10; n++) table.add(`{${tag}}${n}`, { name: `{${tag}}${n}`, value: n })
    const met: Array<string> = []
    const take = ({ name }: Named): void => void met.push(name)
    const middle = table.scanSlots(begin, 25, everywhere, take)
    expect(met.length).toBe(25)
    expect(table.scanSlots(middle, 35, everywhere, take)).toEqual(begin)
    expect(new Set(met).size).toBe(60)
  })

  it("stops where a slot is not here, and goes on from the begin of that one", () => {
    const table = tableFrom(0)
    const [first, second] = [...slots].sort((left, right) => left - right)
    for (const tag of tags) table.add(`{${tag}}`, { name: `{${tag}}`, value: 0 })
    const met: Array<number> = []
    const visit = ({ name }: Named): void => void met.push(SpacesRedis.slotOfText(name))
    expect(table.scanSlots(begin, 100, (slot) => slot !== second, visit)).toEqual({ slot: second, tag: 0, position: 0 })
    expect(met).toEqual([first])
  })
})
