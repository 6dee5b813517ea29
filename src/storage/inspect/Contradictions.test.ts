/** What is whole by its checksums and contradicts other parts: bytes that no device makes, but an error of ours might. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as Bytes from "#base/Bytes.ts"
import { outcomeOf } from "#sim/world/TestBench.ts"
import { bytesOf } from "#world/contract/Claim.ts"
import { Disk } from "#world/Disk.ts"
import { Batch } from "../Batch.ts"
import * as BtreeEngine from "../btree/BtreeEngine.ts"
import * as Meta from "../btree/Meta.ts"
import * as Node from "../btree/Node.ts"
import * as Format from "../btree/PageFormat.ts"
import * as Engine from "../Engine.ts"
import * as Fields from "../lsm/Fields.ts"
import * as LsmEngine from "../lsm/LsmEngine.ts"

import * as Wal from "../wal/Wal.ts"
import { fileKind } from "./StoreKind.ts"
import type { Unit } from "./Unit.ts"

const fill = Effect.fnUntraced(function* (port: Engine.Port) {
  const engine = Engine.make(port)
  for (let index = 0; index < 40; index++) {
    yield* engine.write(new Batch().put(bytesOf(`key ${100 + index}`), bytesOf(`value ${index} `.repeat(3))))
  }
  yield* engine.flush
})

const makeLsm = Effect.gen(function* () {
  const log = yield* Wal.open({ directory: "log" })
  yield* fill(yield* LsmEngine.open({ directory: "store", log, stream: 1, blockBytes: 200 }))
}).pipe(Effect.scoped)

const makeBtree = Effect.scoped(Effect.flatMap(BtreeEngine.open({ directory: "store", pageBytes: 512 }), fill))

const unitsOf = Effect.fnUntraced(function* (name: string) {
  const path = `store/${name}`
  const handle = yield* (yield* Disk).open(path)
  const { number, walk } = fileKind(name)!
  const units: Array<Unit> = []
  const source = { path, number, handle, sizeBytes: yield* handle.size }
  yield* walk(source, { unit: (unit) => units.push(unit), wantsEntries: false })
  return units
}, Effect.scoped)

/** The problems of a file of a new store when its bytes were changed. */
const problemsAfter = (
  make: Effect.Effect<void, unknown, any>,
  ending: string,
  change: (bytes: Uint8Array, units: ReadonlyArray<Unit>) => void
): ReadonlyArray<string> => {
  let problems: ReadonlyArray<string> = []
  const program = Effect.gen(function* () {
    yield* make
    const disk = yield* Disk
    const name = (yield* disk.list("store")).find((each) => each.endsWith(ending))!
    const units = yield* unitsOf(name)
    const file = yield* disk.open(`store/${name}`)
    const bytes = yield* file.readAt(0, yield* file.size)
    change(bytes, units)
    yield* file.writeAt(0, bytes)
    problems = (yield* unitsOf(name)).flatMap(({ problem, what }) =>
      problem === undefined ? [] : `${what}: ${problem}`
    )
  })
  expect(outcomeOf(Effect.scoped(program), {}, 600_000_000)).toBe("kept")
  return problems
}

/** Gives a part of a table the checksum of what stands in it. */
const sealPart = (bytes: Uint8Array, { offsetBytes, sizeBytes }: Unit): void => {
  const end = offsetBytes + sizeBytes - 4
  Bytes.putU32(bytes, end, Fields.checksumAt(bytes.subarray(offsetBytes, end), 2, offsetBytes))
}

describe("in a table, whole by its checksums, it is found that", () => {
  const problems = (change: (bytes: Uint8Array, units: ReadonlyArray<Unit>) => void) =>
    problemsAfter(makeLsm, "00000002.table", change)
  const partOf = (units: ReadonlyArray<Unit>, name: string) => units.find(({ what }) => what === name)!

  it("the filter denies keys, so that look-ups would pass over them", () => {
    const found = problems((bytes, units) => {
      const filter = partOf(units, "filter")
      // All but the number of bits that a key sets, and the trailer.
      bytes.fill(0, filter.offsetBytes, filter.offsetBytes + filter.sizeBytes - 6)
      sealPart(bytes, filter)
    })
    expect([found.length > 3, new Set(found)]).toEqual([true, new Set(["block: the filter denies one of its keys"])])
  })

  it("keys do not rise, and are not where the index leads", () => {
    const found = problems((bytes, units) => {
      const block = partOf(units, "block")
      // The first key of the block: what it shares, its length, its value's, its sequence number, and `k`.
      expect(bytes[block.offsetBytes + 4]).toBe(0x6b)
      bytes[block.offsetBytes + 4] = 0x7a
      sealPart(bytes, block)
    })
    expect(found).toEqual(["block: the index leads past one of its keys", "block: its keys do not rise"])
  })

  it("there are other entries than its properties say", () => {
    const found = problems((bytes, units) => {
      const block = units.findLast(({ what }) => what === "block")!
      // The last entry of the block becomes a delete.
      let at = block.offsetBytes
      for (const end = at + block.sizeBytes; at < end; at++) if (bytes[at] === 0x6b && bytes[at + 1] === 0x65) break
      bytes[at - 2] |= 1
      sealPart(bytes, block)
    })
    expect(found).toEqual(["properties: its blocks have 40 entries, 1 of them deletes"])
  })
})

describe("in a B+tree, whole by its checksums, it is found that", () => {
  const pageBytes = 512
  const problems = (change: (file: TreeFile) => void) =>
    problemsAfter(makeBtree, "data.btree", (bytes) => {
      const file = new TreeFile(bytes)
      change(file)
      file.seal()
    })

  class TreeFile {
    readonly bytes: Uint8Array
    private readonly meta: Meta.Meta

    constructor(bytes: Uint8Array) {
      this.bytes = bytes
      this.meta = Meta.find(bytes.subarray(0, Format.metaAreaBytes)).meta!
    }

    private page(number: number): Uint8Array {
      return this.bytes.subarray(number * pageBytes, (number + 1) * pageBytes)
    }

    get root(): Uint8Array {
      return this.page(this.meta.root.number)
    }

    /** The first part of the map of used pages. */
    get part(): Uint8Array {
      return this.page(Format.u32(this.page(this.meta.map.number), Format.headerBytes))
    }

    /** Checksums of what was changed, up to the metas. */
    seal(): void {
      const seal = (page: Uint8Array) => Format.seal(page, Format.numberOf(page), 1, Format.birthOf(page))
      const map = this.page(this.meta.map.number)
      Bytes.putU32(map, Format.headerBytes + 4, seal(this.part))
      const root = { ...this.meta.root, checksum: seal(this.root) }
      const meta = { ...this.meta, root, map: { ...this.meta.map, checksum: seal(map) } }
      this.bytes.set(Meta.encode(meta), Meta.slotAt(meta))
    }
  }

  it("nothing is wrong when nothing is changed", () => {
    expect(problems(() => {})).toEqual([])
  })

  it("a branch's keys do not rise, and those below it are not in their places", () => {
    const found = problems(({ root }) => {
      const slots = Format.headerBytes + Node.prefixLengthOf(root)
      expect(Node.countOf(root)).toBeGreaterThan(3)
      const [first, second] = [1, 2].map((index) => slots + index * Node.slotBytes)
      const held = root.slice(first, second)
      root.copyWithin(first, second, second + Node.slotBytes)
      root.set(held, second)
    })
    expect(found).toContain("branch: its keys do not rise")
    expect(found.some((problem) => problem.startsWith("leaf: it has a key "))).toBe(true)
  })

  it("pages that the tree uses are free in the map", () => {
    const found = problems(({ part, root }) => {
      const { number: child } = Node.childReference(root, 0)
      part[Format.headerBytes + (child >>> 3)] &= ~(1 << (child & 7))
    })
    expect(found).toEqual(["pages: they are in use, and free in the map"])
  })

  it("pages are used in the map that nothing refers to", () => {
    const found = problems(({ bytes, part }) => {
      for (let page = Format.firstPage(pageBytes); page < bytes.length / pageBytes; page++) {
        const at = Format.headerBytes + (page >>> 3)
        if ((part[at] & (1 << (page & 7))) !== 0) continue
        part[at] |= 1 << (page & 7)
        return
      }
    })
    expect(found).toEqual(["pages: they are used in the map, and nothing refers to them"])
  })
})
