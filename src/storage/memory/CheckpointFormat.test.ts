import { readFileSync, writeFileSync } from "node:fs"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Format from "./CheckpointFormat.ts"

type Entries = ReadonlyArray<readonly [key: Uint8Array, value: Uint8Array]>

const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(parts.flatMap((part) => [...part]))

const encode = (number: number, position: number, blockBytes: number, entries: Entries): Uint8Array => {
  const builder = new Format.BlockBuilder(number, blockBytes)
  const parts = [Format.encodeHeader(number, position)]
  for (const [key, value] of entries) {
    builder.add(key, 0, key.length, value, 0, value.length)
    if (builder.sizeBytes >= blockBytes) parts.push(builder.finish())
  }
  if (builder.sizeBytes > 0) parts.push(builder.finish())
  return joined([...parts, builder.end()])
}

/** What a file holds, or why it does not read. */
const decode = (bytes: Uint8Array, number: number): { position: number; entries: Entries } | string => {
  const position = Format.decodeHeader(bytes, number)
  if (typeof position === "string") return position
  const entries: Array<readonly [Uint8Array, Uint8Array]> = []
  const reader = new Format.BlockReader(number)
  let from = Format.headerBytes
  while (!reader.isAtEnd) {
    const read = reader.read(bytes, from, (source, keyFrom, keyTo, valueTo) =>
      entries.push([source.slice(keyFrom, keyTo), source.slice(keyTo, valueTo)])
    )
    if (typeof read === "string") return read
    from += read
  }
  return from === bytes.length ? { position, entries } : "something is behind the end"
}

const golden = new URL("testdata/checkpoint-1.hex", import.meta.url)
const goldenEntries: Entries = [
  [new Uint8Array(0), new Uint8Array([1])],
  [new Uint8Array([0]), new Uint8Array(0)],
  [new Uint8Array([0, 0]), new Uint8Array([2, 3])],
  [new Uint8Array([97, 98, 99]), new Uint8Array(200).fill(7)],
  [new Uint8Array([255]), new Uint8Array([255, 255])]
]

const hexOf = (bytes: Uint8Array): string =>
  (
    Buffer.from(bytes)
      .toString("hex")
      .match(/.{1,64}/g) ?? []
  ).join("\n") + "\n"

describe("the format of checkpoints", () => {
  /** `UPDATE=1` writes the file anew: only ever for a new version, which gets a file of its own. */
  it("writes and reads version 1 as the golden file has it", () => {
    const bytes = encode(300, 70_000_000_000, 16, goldenEntries)
    if (process.env["UPDATE"] === "1") writeFileSync(golden, hexOf(bytes))
    expect(hexOf(bytes)).toBe(readFileSync(golden, "utf8"))
    const stored = new Uint8Array(Buffer.from(readFileSync(golden, "utf8").replaceAll("\n", ""), "hex"))
    expect(decode(stored, 300)).toEqual({ position: 70_000_000_000, entries: goldenEntries })
  })

  it("gives back any entries, in blocks of any size", () => {
    const bytes = fc.uint8Array({ maxLength: 20 })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(bytes, bytes), { maxLength: 30 }),
        fc.integer({ min: 1, max: 60 }),
        (list, size) => {
          expect(decode(encode(3, 9, size, list), 3)).toEqual({ position: 9, entries: list })
        }
      )
    )
  })

  it("takes no file with a bit flipped anywhere", () => {
    const bytes = encode(3, 9, 16, goldenEntries)
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 128]) expect(decode(bytes.with(at, bytes[at] ^ bit), 3)).toBeTypeOf("string")
    }
  })

  it("takes no file that ends early, goes on behind its end, or has another number", () => {
    const bytes = encode(3, 9, 16, goldenEntries)
    for (let end = 0; end < bytes.length; end++) expect(decode(bytes.slice(0, end), 3)).toBeTypeOf("string")
    expect(decode(joined([bytes, new Uint8Array(1)]), 3)).toBeTypeOf("string")
    expect(decode(bytes, 4)).toBeTypeOf("string")
  })

  it("takes no file with a block left out, twice, or in the place of another", () => {
    const list = Array.from({ length: 4 }, (_, index) => [new Uint8Array([index]), new Uint8Array(8)] as const)
    const builder = new Format.BlockBuilder(3, 8)
    const blocks = list.map(([key, value]) => {
      builder.add(key, 0, 1, value, 0, 8)
      return builder.finish()
    })
    const file = (...order: ReadonlyArray<number>) =>
      joined([Format.encodeHeader(3, 9), ...order.map((index) => blocks[index]), builder.end()])
    expect(decode(file(0, 1, 2, 3), 3)).toBeTypeOf("object")
    for (const order of [[0, 1, 2], [1, 2, 3], [0, 2, 1, 3], [0, 1, 1, 2, 3], [0, 1, 2, 3, 3], []]) {
      expect(decode(file(...order), 3)).toBeTypeOf("string")
    }
  })

  it("tells whether a damaged block can be passed over", () => {
    const bytes = encode(3, 9, 16, goldenEntries)
    const reader = new Format.BlockReader(3)
    const damaged = bytes.with(Format.headerBytes + Format.blockHeaderBytes, 99)
    expect(reader.read(damaged, Format.headerBytes, undefined)).toContain("checksum")
    expect(reader.isPassable).toBe(true)
    expect(reader.read(damaged, Format.headerBytes + reader.neededBytes, undefined)).toBeTypeOf("number")
    const headless = new Format.BlockReader(3)
    expect(headless.read(bytes.with(Format.headerBytes, 99), Format.headerBytes, undefined)).toContain("header")
    expect(headless.isPassable).toBe(false)
  })
})
