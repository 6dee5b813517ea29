/** The tree in memory, against a sorted list, with pages that hold few entries and keys that are hard for prefixes and heads. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Keys from "../Keys.ts"
import { Buffers } from "./Buffers.ts"
import { Edit } from "./Edit.ts"
import * as Node from "./Node.ts"
import { Page, valueOf } from "./Page.ts"

type Entry = readonly [key: Uint8Array, value: Uint8Array]

/** Nothing is on disk: all pages hang on their parents. */
const editOf = (pageBytes: number, root: Page, txn: number): Edit =>
  new Edit({
    root,
    txn,
    dirtyBytes: root.sizeBytes,
    pageBytes,
    resident: { page: () => undefined },
    buffers: new Buffers(pageBytes, 0)
  })

const emptyRoot = (pageBytes: number): Page => new Page(Node.emptyLeaf(pageBytes), 0, 1, 0)

const put = (edit: Edit, [key, value]: Entry): void => {
  const bytes = new Uint8Array([...key, ...value])
  expect(edit.put(bytes, 0, key.length, bytes.length)).toBe(true)
}

const remove = (edit: Edit, key: Uint8Array): void => {
  expect(edit.delete(key, 0, key.length)).toBe(true)
}

const deleteRange = (edit: Edit, from: Uint8Array, to: Uint8Array): void => {
  const bytes = new Uint8Array([...from, ...to])
  expect(edit.deleteRange(bytes, 0, from.length, bytes.length)).toBe(true)
  expect(edit.drain()).toBe(true)
}

/** All entries below a page, in the order in which it has them; fails where the tree is not one. */
const walk = (
  page: Page,
  pageBytes: number,
  low: Uint8Array | undefined,
  high: Uint8Array | undefined
): Array<Entry> => {
  const { bytes, children, level } = page
  const count = Node.countOf(bytes)
  expect(page.pages).toBe(bytes.length / pageBytes)
  if (page.pages > 1) expect(count).toBeLessThanOrEqual(level > 0 ? 3 : 1)
  const keys = Array.from({ length: count }, (_, index) => Node.keyAt(bytes, index))
  keys.forEach((key, index) => {
    if (level > 0 && index === 0) return
    if (low !== undefined) expect(Keys.compare(low, key)).toBeLessThanOrEqual(0)
    if (high !== undefined) expect(Keys.compare(key, high)).toBeLessThan(0)
    if (index > (level > 0 ? 1 : 0)) expect(Keys.compare(keys[index - 1], key)).toBeLessThan(0)
    expect(Node.search(bytes, key, 0, key.length, level > 0 ? 1 : 0)).toBe(index)
  })
  if (level > 0) {
    expect(count).toBeGreaterThan(0)
    return keys.flatMap((key, index) => {
      const child = children![index]!
      expect(child.level).toBe(level - 1)
      return walk(child, pageBytes, index === 0 ? low : key, index + 1 < count ? keys[index + 1] : high)
    })
  }
  return keys.map((key, index): Entry => {
    const entry = Node.entryAt(bytes, index)
    const mark = Node.markAt(bytes, entry)
    if (mark === Node.largeMark) return [key, valueOf(children![index]!)]
    const at = Node.payloadAt(bytes, entry)
    return [key, bytes.subarray(at, at + mark)]
  })
}

const texts = (entries: ReadonlyArray<Entry>): ReadonlyArray<string> =>
  entries.map(([key, value]) => `${key.length}:${key.join()} ${value.length}:${value[0]}`)

/** A list that does what the tree must do. */
class Model {
  entries: ReadonlyArray<Entry> = []

  put([key, value]: Entry): void {
    this.delete(key)
    const at = this.entries.findIndex((entry) => Keys.compare(entry[0], key) > 0)
    this.entries = this.entries.toSpliced(at < 0 ? this.entries.length : at, 0, [key, value])
  }
  delete(key: Uint8Array): void {
    this.entries = this.entries.filter((entry) => Keys.compare(entry[0], key) !== 0)
  }
  deleteRange(from: Uint8Array, to: Uint8Array): void {
    this.entries = this.entries.filter(([key]) => Keys.compare(key, from) < 0 || Keys.compare(key, to) >= 0)
  }
}

/** Few different bytes, common beginnings of all lengths, zeros at the end. */
const keyOf = (prefix: number, tail: ReadonlyArray<number>): Uint8Array =>
  new Uint8Array([...new Array<number>(prefix).fill(7), ...tail])

const key = fc
  .tuple(fc.constantFrom(0, 0, 1, 3, 4, 5, 40, 300), fc.array(fc.constantFrom(0, 1, 7, 128, 255), { maxLength: 6 }))
  .map(([prefix, tail]) => keyOf(prefix, tail))

const value = fc
  .tuple(fc.constantFrom(0, 1, 30, 191, 192, 193, 500, 2_000), fc.nat(255))
  .map(([length, byte]) => new Uint8Array(length).fill(byte))

const action = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant("put" as const), key, value }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("delete" as const), key }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("range" as const), from: key, to: key }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("next" as const) }) }
)

describe("an edit", () => {
  it.each([512, 1_024])("makes the tree that a sorted list would be, with pages of %i bytes", (pageBytes) => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 250 }), (actions) => {
        const model = new Model()
        let edit = editOf(pageBytes, emptyRoot(pageBytes), 1)
        for (const each of actions) {
          if (each.type === "put") {
            put(edit, [each.key, each.value])
            model.put([each.key, each.value])
          } else if (each.type === "delete") {
            remove(edit, each.key)
            model.delete(each.key)
          } else if (each.type === "range") {
            deleteRange(edit, each.from, each.to)
            model.deleteRange(each.from, each.to)
          } else edit = editOf(pageBytes, edit.root, edit.txn + 1)
        }
        expect(texts(walk(edit.root, pageBytes, undefined, undefined))).toEqual(texts(model.entries))
      }),
      { seed: 11, numRuns: 150 }
    )
  })

  it("never changes a tree that others see", () => {
    const pageBytes = 512
    let edit = editOf(pageBytes, emptyRoot(pageBytes), 1)
    const seen: Array<{ readonly root: Page; readonly texts: ReadonlyArray<string> }> = []
    for (let txn = 1; txn <= 30; txn++) {
      for (let i = 0; i < 12; i++) put(edit, [keyOf(3, [(txn * 37 + i * 11) % 256, i]), new Uint8Array(20).fill(txn)])
      if (txn % 5 === 0) deleteRange(edit, keyOf(3, [40]), keyOf(3, [70 + txn]))
      seen.push({ root: edit.root, texts: texts(walk(edit.root, pageBytes, undefined, undefined)) })
      edit = editOf(pageBytes, edit.root, txn + 1)
    }
    for (const { root, texts: then } of seen) expect(texts(walk(root, pageBytes, undefined, undefined))).toEqual(then)
  })

  it("takes keys of the largest size with pages of the smallest, and frees all of it again", () => {
    const pageBytes = 512
    const edit = editOf(pageBytes, emptyRoot(pageBytes), 1)
    const keys = Array.from({ length: 40 }, (_, index) => {
      const key = new Uint8Array(8_192).fill(5)
      key[8_191 - (index % 3) * 4_000] = index
      return key
    })
    const model = new Model()
    for (const each of keys) {
      put(edit, [each, new Uint8Array(150)])
      model.put([each, new Uint8Array(150)])
    }
    const found = walk(edit.root, pageBytes, undefined, undefined)
    expect(found.length).toBe(model.entries.length)
    found.forEach(([each], index) => expect(Keys.compare(each, model.entries[index][0])).toBe(0))
    for (const each of keys) edit.delete(each, 0, each.length)
    expect(walk(edit.root, pageBytes, undefined, undefined)).toEqual([])
    expect(edit.root.level).toBe(0)
    // Its own pages are gone with what was in them: one root is left.
    expect(edit.dirtyBytes).toBe(edit.root.sizeBytes)
  })

  it("fills pages that get rising keys", () => {
    const pageBytes = 1_024
    const edit = editOf(pageBytes, emptyRoot(pageBytes), 1)
    const entries = 4_000
    let userBytes = 0
    for (let i = 0; i < entries; i++) {
      put(edit, [new Uint8Array([i >>> 8, i]), new Uint8Array(50)])
      userBytes += 52
    }
    const pages = edit.dirtyBytes / edit.root.sizeBytes
    expect((pages * pageBytes) / userBytes).toBeLessThan(1.3)
  })

  it("merges what deletions leave", () => {
    const pageBytes = 512
    const edit = editOf(pageBytes, emptyRoot(pageBytes), 1)
    for (let i = 0; i < 2_000; i++) put(edit, [new Uint8Array([i >>> 8, i]), new Uint8Array(20)])
    const full = edit.dirtyBytes
    for (let i = 0; i < 2_000; i++) if (i % 20 !== 0) edit.delete(new Uint8Array([i >>> 8, i]), 0, 2)
    expect(walk(edit.root, pageBytes, undefined, undefined).length).toBe(100)
    expect(edit.dirtyBytes * 5).toBeLessThan(full)
  })
})
