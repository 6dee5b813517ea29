import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Prng } from "#base/Prng.ts"
import { Batch } from "../Batch.ts"
import { Content } from "./Content.ts"

const utf8 = new TextEncoder()
const text = new TextDecoder("latin1")
const tiny = { fanOut: 4, slabBytes: 4_096 }

const apply = (content: Content, batch: Batch): void => {
  const bytes = batch.encoded()
  expect(content.apply(bytes, 0, bytes.length)).toBe(true)
}

const entriesOf = (content: Content, at: number): Map<string, string> => {
  const found = new Map<string, string>()
  const cursor = content.entries(at)
  while (cursor.next()) found.set(text.decode(cursor.key()), text.decode(cursor.value()))
  return found
}

const keyOf = (n: number): string => `key ${String(n).padStart(4, "0")}`

interface Held {
  readonly at: number
  readonly entries: Map<string, string>
}

/** Writes, deletes, deletes ranges, takes snapshots and gives them up; whoever reads sees what a map had at that time. */
const play = (prng: Prng, content: Content, steps: number, keys: number): Map<string, string> => {
  const now = new Map<string, string>()
  let held: Array<Held> = []
  const check = ({ at, entries }: Held): void => {
    expect(entriesOf(content, at)).toEqual(new Map([...entries].sort(([a], [b]) => (a < b ? -1 : 1))))
    const key = keyOf(prng.below(keys))
    const value = content.get(utf8.encode(key), at)
    expect(value && text.decode(value)).toBe(entries.get(key))
  }
  for (let step = 0; step < steps; step++) {
    const batch = new Batch()
    for (let left = prng.below(6); left >= 0; left--) {
      const key = keyOf(prng.below(keys))
      const chance = prng.below(100)
      if (chance < 75) {
        const value = `${step} ${left}`.padEnd(prng.below(8) === 0 ? 20_000 : prng.below(900), ".")
        batch.put(utf8.encode(key), utf8.encode(value))
        now.set(key, value)
      } else if (chance < 95) {
        batch.delete(utf8.encode(key))
        now.delete(key)
      } else {
        const to = keyOf(prng.below(keys))
        batch.deleteRange(utf8.encode(key), utf8.encode(to))
        for (const each of [...now.keys()]) if (each >= key && each < to) now.delete(each)
      }
    }
    apply(content, batch)
    const chance = prng.below(40)
    if (chance < 2) {
      content.snapshots.take(content.visible)
      held.push({ at: content.visible, entries: new Map(now) })
    } else if (chance < 4 && held.length > 0) {
      const given = held[prng.below(held.length)]
      check(given)
      held = held.filter((one) => one !== given)
      content.snapshots.release(given.at)
    } else if (chance === 4) check({ at: content.visible, entries: now })
  }
  for (const one of [...held, { at: content.visible, entries: now }]) check(one)
  for (const { at } of held) content.snapshots.release(at)
  return now
}

describe("the content of a memory engine", () => {
  it("shows to each snapshot what was there when it was taken, whatever is swept and reclaimed", () => {
    let swept = 0
    // As many runs with few keys, which leave much to sweep, as with many.
    for (const keys of [20, 200, 1_000]) {
      fc.assert(
        fc.property(fc.nat(), (seed) => {
          const content = new Content(tiny)
          play(new Prng(seed, 1, 2, 3), content, 400, keys)
          swept += content.housekeeping.count
        }),
        { numRuns: 14 }
      )
    }
    // Some 1,700 of them, as runs are drawn.
    expect(swept).toBeGreaterThan(1_000)
  })

  it("holds little more than its entries when the snapshots are given up", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const content = new Content(tiny)
        const now = play(new Prng(seed, 1, 2, 3), content, 300, 300)
        // What is owed is done while something is written.
        for (let i = 0; i < 1_500; i++) apply(content, new Batch().put(utf8.encode("z"), new Uint8Array(300)))
        const entryBytes = [...now].reduce((sum, [key, value]) => sum + key.length + value.length + 150, 0)
        expect(content.tree.memoryBytes).toBeLessThan(entryBytes * 1.5 + 200_000)
        expect(content.tree.ranges.isEmpty).toBe(true)
        expect(content.tree.count).toBeLessThan(now.size + 120)
      }),
      // Records of large values among what is reclaimed.
      { numRuns: 10, examples: [[55_893_270], [1_306_636]] }
    )
  })

  it("deletes a range at once, however many keys are in it, and gives their memory back later", () => {
    const content = new Content({ fanOut: 128, slabBytes: 65_536 })
    for (let i = 0; i < 20_000; i++) apply(content, new Batch().put(utf8.encode(keyOf(i)), new Uint8Array(100)))
    const full = content.tree.memoryBytes
    apply(content, new Batch().deleteRange(utf8.encode("key"), utf8.encode("l")))
    expect(entriesOf(content, content.visible).size).toBe(0)
    expect(content.tree.count).toBeGreaterThan(19_000)
    for (let i = 0; i < 1_000; i++) apply(content, new Batch().put(utf8.encode("k"), new Uint8Array(1_000)))
    expect(content.tree.count).toBe(1)
    expect(content.tree.memoryBytes).toBeLessThan(full / 10)
  })

  it("keeps a view of a value as it was when the record has moved or gone", () => {
    const content = new Content(tiny)
    const views: Array<Uint8Array> = []
    for (let i = 0; i < 3_000; i++) {
      // What is overwritten lies between what stays.
      const key = utf8.encode(keyOf(i % 7 === 0 ? 1_000 + i : i % 50))
      apply(content, new Batch().put(key, new Uint8Array(200).fill(i)))
      views.push(content.get(key, content.visible)!)
    }
    expect(content.housekeeping.count).toBeGreaterThan(10)
    expect(views.every((view, i) => view.every((byte) => byte === (i & 255)))).toBe(true)
  })

  it("sweeps one tree like another after the same operations", () => {
    const contents = [new Content(tiny), new Content(tiny)]
    for (const content of contents) play(new Prng(5, 5, 5, 5), content, 300, 100)
    const [first, second] = contents.map(({ housekeeping, tree }) => [housekeeping.count, tree.memoryBytes, tree.count])
    expect(first).toEqual(second)
  })
})
