import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { NamedTable } from "./NamedTable.ts"
import { Table } from "./Table.ts"

const names = fc.nat(30).map((n) => `name${n}`)
const calls = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant("set" as const), name: names, value: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("delete" as const), name: names }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("scan" as const), count: fc.integer({ min: 1, max: 9 }) }) }
  ),
  { maxLength: 200, size: "max" }
)

const entries = <V>(table: Table<V>): ReadonlyArray<readonly [string, V]> => [...table]

describe("Table", () => {
  it("answers as a map does, and its positions lead to its entries", () => {
    fc.assert(
      fc.property(calls, (script) => {
        const table = new Table<number>()
        const model = new Map<string, number>()
        for (const call of script) {
          if (call.do === "scan") continue
          const wasThere = model.has(call.name)
          if (call.do === "set") model.set(call.name, call.value)
          else model.delete(call.name)
          const answer = call.do === "set" ? !table.set(call.name, call.value) : table.delete(call.name)
          expect([answer, table.has(call.name), table.size]).toEqual([wasThere, call.do === "set", model.size])
        }
        expect(new Map(entries(table))).toEqual(model)
        for (const [name, value] of model) {
          expect(table.get(name)).toBe(value)
          expect(table.nameAt(table.position(name))).toBe(name)
          expect(table.valueAt(table.position(name))).toBe(value)
        }
        expect(entries(table.clone())).toEqual(entries(table))
      })
    )
  })

  it("finds what knows its own name as what is put beside its name", () => {
    fc.assert(
      fc.property(calls, (script) => {
        const named = new NamedTable<{ readonly name: string; readonly value: number }>()
        const table = new Table<number>()
        for (const call of script) {
          if (call.do === "scan") continue
          if (call.do === "set") {
            named.set(call.name, call)
            table.set(call.name, call.value)
          } else {
            named.delete(call.name)
            table.delete(call.name)
          }
          expect(entries(named).map(([name, { value }]) => [name, value])).toEqual(entries(table))
          expect(named.get(call.name)?.value).toBe(table.get(call.name))
        }
      })
    )
  })

  it("meets in a scan whatever is there from its begin to its end, also where entries come and go between", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), calls, (size, script) => {
        const table = new Table<number>()
        for (let i = 0; i < size; i++) table.add(`name${i}`, i)
        const throughout = new Set(entries(table).map(([name]) => name))
        const met = new Set<string>()
        let cursor = table.scan(0, 1, (name) => met.add(name))
        for (const call of script) {
          if (cursor === 0) break
          if (call.do === "set") table.set(call.name, call.value)
          else if (call.do === "delete") {
            table.delete(call.name)
            throughout.delete(call.name)
          } else cursor = table.scan(cursor, call.count, (name) => met.add(name))
        }
        while (cursor !== 0) cursor = table.scan(cursor, 3, (name) => met.add(name))
        expect([...throughout].filter((name) => !met.has(name))).toEqual([])
      })
    )
  })

  it("visits exactly as many entries as are asked for, and takes any number for a cursor", () => {
    const table = new Table<number>()
    for (let i = 0; i < 20; i++) table.add(`${i}`, i)
    const met: Array<number> = []
    expect(table.scan(0, 7, (_, value) => met.push(value))).toBe(13)
    expect(table.scan(13, 13, (_, value) => met.push(value))).toBe(0)
    expect(met).toEqual(Array.from({ length: 20 }, (_, i) => 19 - i))
    expect(table.scan(1e18, 1, () => {})).toBe(19)
  })

  it("keeps a few entries in the order in which they came", () => {
    const table = new Table<number>()
    for (const name of ["b", "a", "d", "c"]) table.set(name, 0)
    table.delete("a")
    table.set("b", 1)
    table.set("a", 2)
    expect(entries(table)).toEqual([
      ["b", 1],
      ["d", 0],
      ["c", 0],
      ["a", 2]
    ])
  })

  it("picks each name, and only those that are there", () => {
    const table = new Table<number>()
    expect(table.randomName(() => 0.5)).toBe(undefined)
    for (let i = 0; i < 10; i++) table.add(`${i}`, i)
    const picked = new Set(Array.from({ length: 100 }, (_, i) => table.randomName(() => i / 100)))
    expect(picked.size).toBe(10)
  })
})
