import { describe, expect, it } from "vitest"
import { insideBytesMax } from "./Arena.ts"
import { OrderedTree } from "./OrderedTree.ts"
import * as TreeImage from "./TreeImage.ts"

const utf8 = new TextEncoder()
const text = new TextDecoder()

const put = (tree: OrderedTree, sequence: number, key: string, value: string): void => {
  const bytes = utf8.encode(key + value)
  tree.put(sequence, bytes, 0, key.length, bytes.length)
}

const remove = (tree: OrderedTree, sequence: number, key: string): void => {
  tree.delete(sequence, utf8.encode(key), 0, key.length)
}

/** The image of a tree behind a head, where another thread would find it. */
const imageOf = (tree: OrderedTree, headBytes = 8): Uint8Array => {
  const copying = new TreeImage.Copying(tree, headBytes)
  while (copying.step()) continue
  return copying.bytes.slice().subarray(headBytes)
}

const versionsOf = (image: Uint8Array): ReadonlyArray<string> => {
  const found: Array<string> = []
  const versions = new TreeImage.Versions(image)
  while (versions.next()) {
    const key = text.decode(versions.bytes.subarray(versions.keyFrom, versions.keyTo))
    const value = text.decode(versions.valueBytes.subarray(versions.valueFrom, versions.valueTo))
    found.push(`${key}@${versions.sequence}${versions.isTombstone ? " deleted" : `=${value}`}`)
  }
  return found
}

describe("the image of a tree", () => {
  it("has all versions that are held, by key, the newest first", () => {
    const readers = { needs: (older: number, newer: number) => older <= 2 && newer > 2 }
    const tree = new OrderedTree({ fanOut: 4, hides: true, retention: readers })
    put(tree, 1, "b", "1")
    put(tree, 2, "a", "2")
    put(tree, 3, "b", "3")
    put(tree, 4, "b", "4")
    remove(tree, 5, "c")
    expect(versionsOf(imageOf(tree))).toEqual(["a@2=2", "b@4=4", "b@1=1", "c@5 deleted"])
  })

  it("has keys and values of every length, from all slabs and from outside of them", () => {
    const tree = new OrderedTree({ fanOut: 4, slabBytes: 4_096 })
    const expected: Array<string> = []
    for (let length = 0; length < 400; length++) {
      const key = `${String(length).padStart(4, "0")}${"k".repeat(length % 7)}`
      const value = "v".repeat(length % 50 === 49 ? insideBytesMax + length : length)
      put(tree, length + 1, key, value)
      expected.push(`${key}@${length + 1}=${value}`)
    }
    expect(versionsOf(imageOf(tree))).toEqual(expected)
  })

  it("has nothing of slabs and values that are free again, and what came after them", () => {
    const tree = new OrderedTree({ fanOut: 4, slabBytes: 4_096 })
    for (let sequence = 1; sequence <= 2_000; sequence++) put(tree, sequence, `k${sequence % 3}`, "x".repeat(100))
    put(tree, 2_001, "large", "y".repeat(insideBytesMax + 1))
    put(tree, 2_002, "large", "z".repeat(insideBytesMax + 2))
    put(tree, 2_003, "last", "one")
    const image = imageOf(tree)
    expect(versionsOf(image)).toEqual([
      `k0@1998=${"x".repeat(100)}`,
      `k1@1999=${"x".repeat(100)}`,
      `k2@2000=${"x".repeat(100)}`,
      `large@2002=${"z".repeat(insideBytesMax + 2)}`,
      "last@2003=one"
    ])
    expect(image.length).toBeLessThan(insideBytesMax + 12_000)
  })

  it("of an empty tree has nothing", () => {
    expect(versionsOf(imageOf(new OrderedTree(), 0))).toEqual([])
  })
})
