import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Readers } from "./Readers.ts"
import { SpaceMap } from "./SpaceMap.ts"

const firstPage = 3
const pagesPerPart = 64

const mapOf = (sparePercent = 40) => {
  const map = new SpaceMap(firstPage, firstPage, pagesPerPart)
  map.sparePercent = sparePercent
  return map
}

const same = (found: number, expected: number): void => expect(found).toBe(expected)

interface Extent {
  readonly number: number
  readonly pages: number
  readonly birth: number
}

const action = fc.oneof(
  fc.record({ type: fc.constant("singles" as const), pages: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ type: fc.constant("extent" as const), pages: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ type: fc.constant("free" as const), index: fc.nat(1_000) }),
  fc.record({ type: fc.constant("undo" as const), index: fc.nat(1_000) }),
  fc.record({ type: fc.constant("read" as const) }),
  fc.record({ type: fc.constant("release" as const), index: fc.nat(1_000) }),
  fc.record({ type: fc.constant("commit" as const) }),
  fc.record({ type: fc.constant("spare" as const), percent: fc.constantFrom(0, 30, 90) })
)

describe("the map of used pages", () => {
  it("never gives out a page that the tree, a reader or the disk still needs, and loses none", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
        const map = mapOf()
        const readers = new Readers()
        const live: Array<Extent> = []
        const freed: Array<Extent & { readonly freedBy: number; durable: boolean }> = []
        const open: Array<number> = []
        let txn = 1
        let releases = 0
        /** Pages that nobody may get now. */
        const needed = (): Set<number> => {
          const pages = new Set<number>()
          const add = ({ number, pages: count }: Extent) => {
            for (let page = number; page < number + count; page++) pages.add(page)
          }
          live.forEach(add)
          for (const each of freed) {
            if (!each.durable || open.some((reader) => each.birth <= reader && reader < each.freedBy)) add(each)
          }
          return pages
        }
        const got = (number: number, pages: number): void => {
          const before = needed()
          for (let page = number; page < number + pages; page++) {
            expect(page).toBeGreaterThanOrEqual(firstPage)
            expect(page).toBeLessThan(map.pageCount)
            expect(before.has(page)).toBe(false)
          }
          live.push({ number, pages, birth: txn })
        }
        for (const each of actions) {
          if (each.type === "singles") {
            let count = 0
            map.allocateSingles(each.pages, (number, pages) => {
              for (let page = number; page < number + pages; page++) got(page, 1)
              count += pages
            })
            same(count, each.pages)
          } else if (each.type === "extent") got(map.allocate(each.pages), each.pages)
          else if (each.type === "free" && live.length > 0) {
            const [extent] = live.splice(each.index % live.length, 1)
            map.free(extent.number, extent.pages, extent.birth, txn)
            freed.push({ ...extent, freedBy: txn, durable: false })
          } else if (each.type === "undo" && live.length > 0) {
            const [extent] = live.splice(each.index % live.length, 1)
            map.free(extent.number, extent.pages, extent.birth, txn)
            map.unfree(1)
            live.push(extent)
          } else if (each.type === "read") {
            open.push(txn - 1)
            readers.add(txn - 1)
          } else if (each.type === "release" && open.length > 0) {
            const [reader] = open.splice(each.index % open.length, 1)
            readers.remove(reader)
          } else if (each.type === "commit") {
            for (const one of freed) one.durable = true
            map.reclaim(readers.isRead, readers.releases !== releases, () => {})
            releases = readers.releases
            txn++
          } else if (each.type === "spare") map.sparePercent = each.percent
        }
        for (const reader of open) readers.remove(reader)
        for (const one of freed) one.durable = true
        map.reclaim(readers.isRead, true, () => {})
        const used = live.reduce((sum, { pages }) => sum + pages, 0)
        expect(map.freeCount).toBe(map.pageCount - firstPage - used)
        expect(map.pendingCount).toBe(0)
        for (let page = 0; page < map.pageCount; page++) {
          const isLive = live.some(({ number, pages }) => number <= page && page < number + pages)
          expect(map.isUsed(page)).toBe(isLive)
        }
      }),
      { seed: 7, numRuns: 300 }
    )
  })

  it("fills every gap before the file grows when none is to be spare", () => {
    const map = mapOf(0)
    for (let i = 0; i < 200; i++) map.allocate(1)
    const { pageCount } = map
    for (let page = firstPage; page < 203; page += 2) map.giveBack(page, 1)
    const runs: Array<number> = []
    map.allocateSingles(100, (_, pages) => runs.push(pages))
    expect(runs.length).toBeGreaterThan(80)
    expect(map.pageCount).toBe(pageCount)
  })

  it("gives small commits a run of pages, where there is one near", () => {
    const map = mapOf()
    for (let i = 0; i < 400; i++) map.allocate(1)
    for (let page = firstPage; page < 300; page++)
      if (page % 3 !== 0 || (page > 200 && page < 230)) map.giveBack(page, 1)
    map.allocate(1)
    const runs: Array<readonly [number, number]> = []
    map.allocateSingles(10, (number, pages) => runs.push([number, pages]))
    expect(runs.map(([, pages]) => pages)).toEqual([10])
  })
})
