import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Keys from "../Keys.ts"
import { absent, deleted, OrderedTree, type TreeOptions } from "./OrderedTree.ts"
import { TreeCursor } from "./TreeCursor.ts"

const utf8 = new TextEncoder()
const text = new TextDecoder()
const bytesOf = (key: string): Uint8Array => utf8.encode(key)

interface Version {
  readonly sequence: number
  readonly value: string | undefined
}

/** What the tree promises, with nothing ever dropped: the versions of each key and the ranges, searched from end to end. */
class Model {
  readonly keys = new Map<string, Array<Version>>()
  readonly ranges: Array<{ readonly from: string; readonly to: string; readonly sequence: number }> = []

  set(key: string, sequence: number, value: string | undefined): void {
    const versions = this.keys.get(key)
    if (versions === undefined) this.keys.set(key, [{ sequence, value }])
    else versions.push({ sequence, value })
  }

  /** `null`: nothing is known of the key; `undefined`: it was deleted. */
  read(key: string, at: number): string | undefined | null {
    const version = this.keys.get(key)?.findLast(({ sequence }) => sequence <= at)
    const isCovered = this.ranges.some(
      ({ from, sequence, to }) =>
        sequence <= at &&
        sequence > (version?.sequence ?? 0) &&
        Keys.compare(bytesOf(from), bytesOf(key)) <= 0 &&
        Keys.compare(bytesOf(key), bytesOf(to)) < 0
    )
    return isCovered ? undefined : version === undefined ? null : version.value
  }

  scan(at: number, from: string | undefined, to: string | undefined, reverse: boolean): ReadonlyArray<string> {
    const found = [...this.keys.keys()]
      .filter((key) => from === undefined || Keys.compare(bytesOf(key), bytesOf(from)) >= 0)
      .filter((key) => to === undefined || Keys.compare(bytesOf(key), bytesOf(to)) < 0)
      .sort((a, b) => Keys.compare(bytesOf(a), bytesOf(b)))
      .flatMap((key) => {
        const value = this.read(key, at)
        return value === undefined || value === null ? [] : [`${key}=${value}`]
      })
    return reverse ? found.toReversed() : found
  }
}

/** Readers in the past, for `Retention`. */
class Readers {
  readonly at = new Set<number>()
  needs(older: number, newer: number): boolean {
    return [...this.at].some((at) => at >= older && at < newer)
  }
}

const put = (tree: OrderedTree, sequence: number, key: string, value: string): void => {
  const keyBytes = bytesOf(key)
  const all = new Uint8Array([9, ...keyBytes, ...bytesOf(value)])
  tree.put(sequence, all, 1, 1 + keyBytes.length, all.length)
}

const remove = (tree: OrderedTree, sequence: number, key: string): void => {
  const keyBytes = bytesOf(key)
  tree.delete(sequence, keyBytes, 0, keyBytes.length)
}

const removeRange = (tree: OrderedTree, sequence: number, from: string, to: string): void => {
  const fromBytes = bytesOf(from)
  const all = new Uint8Array([...fromBytes, ...bytesOf(to)])
  tree.deleteRange(sequence, all, 0, fromBytes.length, all.length)
}

const read = (tree: OrderedTree, key: string, at: number): string | undefined | null => {
  const record = tree.find(bytesOf(key), at)
  return record === absent ? null : record === deleted ? undefined : text.decode(tree.value(record))
}

const scan = (
  tree: OrderedTree,
  at: number,
  from: string | undefined,
  to: string | undefined,
  reverse: boolean
): ReadonlyArray<string> => {
  const cursor = new TreeCursor(tree, {
    at,
    from: from === undefined ? undefined : bytesOf(from),
    to: to === undefined ? undefined : bytesOf(to),
    reverse
  })
  const found: Array<string> = []
  while (cursor.next()) found.push(`${text.decode(cursor.key())}=${text.decode(cursor.value())}`)
  return found
}

type Step =
  | { readonly do: "put"; readonly key: string; readonly bytes: number }
  | { readonly do: "delete"; readonly key: string }
  | { readonly do: "range"; readonly from: string; readonly to: string }
  | { readonly do: "hold" }
  | { readonly do: "release" }

/** Few keys that share beginnings shorter than, as long as and longer than what nodes compare as numbers. */
const keys = fc.oneof(
  fc.constantFrom("", "\0", "a", "a\0", "aaaaaa", "aaaaaa\0", "aaaaaaa", "\u00ff\u00ff", "\u00ff"),
  fc.string({ unit: fc.constantFrom("a", "b", "\0"), maxLength: 9 }),
  fc.nat(40).map((n) => `key/of/some/length/${n}`)
)

const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant("put" as const), key: keys, bytes: fc.nat(30) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("delete" as const), key: keys }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("range" as const), from: keys, to: keys }) },
    { weight: 1, arbitrary: fc.constant({ do: "hold" as const }) },
    { weight: 1, arbitrary: fc.constant({ do: "release" as const }) }
  ),
  { maxLength: 120 }
)

const play = (tree: OrderedTree, model: Model, readers: Readers, list: ReadonlyArray<Step>): void => {
  for (const step of list) {
    const sequence = tree.sequence + 1
    if (step.do === "put") {
      const value = `${sequence}`.padEnd(step.bytes, ".")
      put(tree, sequence, step.key, value)
      model.set(step.key, sequence, value)
    } else if (step.do === "delete") {
      remove(tree, sequence, step.key)
      model.set(step.key, sequence, undefined)
    } else if (step.do === "range") {
      removeRange(tree, sequence, step.from, step.to)
      model.ranges.push({ from: step.from, to: step.to, sequence })
    } else if (step.do === "hold") readers.at.add(tree.sequence)
    else for (const first of [...readers.at].slice(0, 1)) readers.at.delete(first)
  }
}

const options: ReadonlyArray<TreeOptions> = [
  { fanOut: 4, slabBytes: 4_096 },
  { fanOut: 4, slabBytes: 4_096, hides: true },
  { fanOut: 128, hides: true },
  { fanOut: 5 }
]

describe("an ordered tree", () => {
  it.each(options)("answers as a list of all versions does, at each sequence number that is held: %j", (option) => {
    fc.assert(
      fc.property(steps, fc.array(keys, { maxLength: 5 }), keys, keys, (list, others, from, to) => {
        const readers = new Readers()
        const model = new Model()
        const tree = new OrderedTree({ ...option, retention: readers })
        play(tree, model, readers, list)
        for (const at of [...readers.at, tree.sequence]) {
          for (const key of [...model.keys.keys(), ...others]) {
            const expected = model.read(key, at)
            // A tree that hides nothing elsewhere may forget that a key was deleted.
            const found = read(tree, key, at)
            expect(option.hides ? found : (found ?? undefined)).toBe(option.hides ? expected : (expected ?? undefined))
          }
          for (const reverse of [false, true]) {
            expect(scan(tree, at, undefined, undefined, reverse)).toEqual(model.scan(at, undefined, undefined, reverse))
            expect(scan(tree, at, from, to, reverse)).toEqual(model.scan(at, from, to, reverse))
          }
        }
      }),
      { numRuns: 150 }
    )
  })

  it("holds one version a key when nobody reads in the past", () => {
    const tree = new OrderedTree({ fanOut: 4, slabBytes: 4_096 })
    for (let sequence = 1; sequence <= 5_000; sequence++) put(tree, sequence, `k${sequence % 3}`, "x".repeat(100))
    expect(tree.count).toBe(3)
    expect(tree.memoryBytes).toBeLessThan(12_000)
  })

  it("holds no memory of deleted keys but its first nodes", () => {
    const tree = new OrderedTree({ fanOut: 4, slabBytes: 4_096 })
    let sequence = 0
    for (let i = 0; i < 3_000; i++) put(tree, ++sequence, `key ${(i * 7_919) % 3_000}`, "value")
    expect(tree.count).toBe(3_000)
    const full = tree.memoryBytes
    for (let i = 0; i < 3_000; i++) remove(tree, ++sequence, `key ${(i * 104_729) % 3_000}`)
    expect(tree.count).toBe(0)
    expect(full).toBeGreaterThan(150_000)
    expect(tree.memoryBytes).toBeLessThan(6_000)
  })

  it("fills its nodes when keys come in their order", () => {
    const random = new OrderedTree()
    const ascending = new OrderedTree()
    for (let i = 0; i < 20_000; i++) {
      put(ascending, i + 1, String(i).padStart(10, "0"), "")
      put(random, i + 1, String((i * 7_919) % 20_000).padStart(10, "0"), "")
    }
    const nodesOf = (tree: OrderedTree): number => tree.memoryBytes - tree.arena.memoryBytes
    expect(nodesOf(ascending)).toBeLessThan(20_000 * 20)
    expect(nodesOf(random)).toBeLessThan(20_000 * 32)
  })

  it("keeps large values outside its slabs and frees them when they are dropped", () => {
    const tree = new OrderedTree()
    put(tree, 1, "a", "x".repeat(3_000_000))
    expect(tree.memoryBytes).toBeGreaterThan(3_000_000)
    expect(tree.memoryBytes).toBeLessThan(3_010_000)
    const view = tree.value(tree.find(bytesOf("a"), 1))
    put(tree, 2, "a", "y".repeat(20_000))
    expect(tree.memoryBytes).toBeLessThan(30_000)
    expect(view.every((byte) => byte === 0x78)).toBe(true)
    expect(read(tree, "a", 2)).toBe("y".repeat(20_000))
  })

  it("lets a cursor go on where it was while entries come and go around it", () => {
    fc.assert(
      fc.property(steps, fc.array(steps, { maxLength: 6 }), fc.boolean(), (before, between, reverse) => {
        const readers = new Readers()
        const model = new Model()
        const tree = new OrderedTree({ fanOut: 4, slabBytes: 4_096, retention: readers })
        const only = (list: ReadonlyArray<Step>) => list.filter((step) => step.do !== "release")
        play(tree, model, readers, only(before))
        const at = tree.sequence
        readers.at.add(at)
        const cursor = new TreeCursor(tree, { at, reverse })
        const found: Array<string> = []
        for (const list of between) {
          for (let i = 0; i < 3 && cursor.next(); i++)
            found.push(`${text.decode(cursor.key())}=${text.decode(cursor.value())}`)
          play(tree, model, readers, only(list))
        }
        while (cursor.next()) found.push(`${text.decode(cursor.key())}=${text.decode(cursor.value())}`)
        expect(found).toEqual(model.scan(at, undefined, undefined, reverse))
      }),
      { numRuns: 200 }
    )
  })

  it("refuses a sequence number that does not rise", () => {
    const tree = new OrderedTree()
    put(tree, 7, "a", "1")
    expect(() => put(tree, 7, "b", "2")).toThrow("rise")
    expect(() => removeRange(tree, 6, "a", "b")).toThrow("rise")
  })
})
