import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ListValue } from "./ListValue.ts"
import { Shelf } from "./Shelf.ts"

const same = (actual: unknown, expected: unknown): void => {
  expect(actual).toEqual(expected)
}

const itemsOf = (list: ListValue): ReadonlyArray<string> => {
  const items: Array<string> = []
  list.each(0, list.size, (item, index) => {
    expect(index).toBe(items.length)
    items.push(item)
  })
  const down: Array<string> = []
  list.eachDown(list.size - 1, (item) => {
    down.push(item)
  })
  expect(down.reverse()).toEqual(items)
  expect(list.size).toBe(items.length)
  return items
}

const item = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("a", "b", "c", "") },
  { weight: 1, arbitrary: fc.constantFrom("x".repeat(900), "y".repeat(5_000), "z".repeat(200)) }
)
const end = fc.constantFrom("left" as const, "right" as const)
/** A part of the whole, in [0, 1). */
const part = fc.integer({ min: 0, max: 999 }).map((n) => n / 1_000)

/** What a test does to a list, and to an array beside it. */
type Step = (list: ListValue, model: Array<string>) => void

const push = fc
  .tuple(end, item, fc.constantFrom(1, 1, 1, 70, 200))
  .map(([where, text, times]): Step => (list, model) => {
    for (let i = 0; i < times; i++) {
      list.push(where, text)
      if (where === "left") model.unshift(text)
      else model.push(text)
    }
  })

const pop = fc.tuple(end, fc.constantFrom(1, 1, 30, 150)).map(([where, times]): Step => (list, model) => {
  for (let i = 0; i < times; i++) same(list.pop(where), where === "left" ? model.shift() : model.pop())
})

const insert = fc.tuple(part, item, fc.constantFrom(1, 1, 40)).map(([at, text, times]): Step => (list, model) => {
  const index = Math.floor(at * (model.length + 1))
  for (let i = 0; i < times; i++) {
    list.insert(index, text)
    model.splice(index, 0, text)
  }
})

const set = fc.tuple(part, item).map(([at, text]): Step => (list, model) => {
  const index = Math.floor(at * model.length)
  same(list.at(index), model[index])
  if (index >= model.length) return
  list.set(index, text)
  model[index] = text
})

const removeRange = fc.tuple(part, part).map(([at, share]): Step => (list, model) => {
  const from = Math.floor(at * model.length)
  const count = Math.floor(share * share * (model.length + 2))
  list.removeRange(from, count)
  model.splice(from, count)
})

const removeEqual = fc
  .tuple(item, fc.constantFrom(1, 3, 50, Infinity), end)
  .map(([text, max, from]): Step => (list, model) => {
    const places = [...model.keys()].filter((place) => model[place] === text)
    const going = new Set((from === "left" ? places : places.reverse()).slice(0, max))
    same(list.removeEqual(text, max, from), going.size)
    const kept = model.filter((_, place) => !going.has(place))
    model.length = 0
    for (const other of kept) model.push(other)
  })

const look = fc.tuple(item, part).map(([text, at]): Step => (list, model) => {
  same(list.indexOf(text), model.indexOf(text))
  const from = Math.floor(at * model.length)
  const seen: Array<string> = []
  list.each(from, Math.min(model.length, from + 100), (other) => {
    seen.push(other)
    return seen.length < 70
  })
  same(seen, model.slice(from, from + 70))
})

const step = fc.oneof(
  { weight: 4, arbitrary: push },
  { weight: 3, arbitrary: pop },
  { weight: 4, arbitrary: insert },
  set,
  removeRange,
  removeEqual,
  look
)

describe("a list", () => {
  it("answers as an array does, and is on the shelf what it is in memory", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.boolean()), { maxLength: 60 }), (steps) => {
        const list = new ListValue()
        const model: Array<string> = []
        const shelf = new Shelf()
        for (const [change, isStored] of steps) {
          change(list, model)
          if (!isStored) continue
          shelf.keep(list, { whole: false })
          expect(itemsOf(shelf.load(ListValue.load))).toEqual(model)
        }
        expect(itemsOf(list)).toEqual(model)
        expect(itemsOf(list.clone())).toEqual(model)
      }),
      { seed: 7, numRuns: 300 }
    )
  })

  it("goes on after it was loaded", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), fc.array(step, { maxLength: 20 }), (before, after) => {
        let list = new ListValue()
        const model: Array<string> = []
        const shelf = new Shelf()
        for (const change of before) change(list, model)
        shelf.keep(list, { whole: true })
        list = shelf.load(ListValue.load)
        for (const change of after) change(list, model)
        shelf.keep(list, { whole: false })
        expect(itemsOf(shelf.load(ListValue.load))).toEqual(model)
      }),
      { seed: 8, numRuns: 200 }
    )
  })

  it("keeps its order when thousands are inserted at one place, and writes few chunks for each", () => {
    const list = new ListValue()
    const shelf = new Shelf()
    const model: Array<string> = []
    for (let i = 0; i < 20_000; i++) list.push("right", String(i))
    for (let i = 0; i < 20_000; i++) model.push(String(i))
    shelf.keep(list, { whole: true })
    let written = 0
    for (let i = 0; i < 20_000; i++) {
      list.insert(10_000, `new ${i}`)
      if (i % 16 !== 0) continue
      shelf.keep(list, { whole: false })
      written += shelf.changes
    }
    shelf.keep(list, { whole: false })
    for (let i = 0; i < 20_000; i++) model[20_000 + i] = ""
    model.copyWithin(30_000, 10_000, 20_000)
    for (let i = 0; i < 20_000; i++) model[10_000 + i] = `new ${19_999 - i}`
    expect(itemsOf(shelf.load(ListValue.load))).toEqual(model)
    expect(written).toBeLessThan(20_000)
  })

  it("writes one chunk or two for a change of a list of a million", () => {
    const list = new ListValue()
    const shelf = new Shelf()
    for (let i = 0; i < 1_000_000; i++) list.push("right", String(i))
    shelf.keep(list, { whole: true })
    list.set(500_000, "other")
    list.push("left", "first")
    expect(list.pop("right")).toBe("999999")
    shelf.keep(list, { whole: false })
    expect(shelf.changes).toBe(3)
    expect(list.at(500_001)).toBe("other")
    list.removeRange(10, 999_900)
    expect(list.size).toBe(100)
    shelf.keep(list, { whole: false })
    expect(shelf.load(ListValue.load).at(99)).toBe("999998")
  })
})
