import { describe, expect, it } from "vitest"
import * as Meta from "./Meta.ts"

const reference = (number: number) => ({ number, checksum: number * 7, pages: 1 })

const metaOf = (commit: number): Meta.Meta => ({
  commit,
  txn: commit * 3,
  pageBytes: 4_096,
  pageCount: 100,
  root: reference(commit + 2),
  map: reference(commit + 50)
})

const sectors = Meta.slotBytes / Meta.sectorBytes

/** The metas' area after commits 1 to `commit`, each written whole. */
const areaOf = (commit: number): Uint8Array => {
  const area = new Uint8Array(2 * Meta.slotBytes)
  for (let each = Math.max(0, commit - 1); each <= commit; each++) write(area, metaOf(each), () => true)
  return area
}

/** Writes the sectors of a slot that `keep` says, `shift` sectors away from where they belong. */
const write = (area: Uint8Array, meta: Meta.Meta, keep: (sector: number) => boolean, shift = 0): void => {
  const slot = Meta.encode(meta)
  for (let sector = 0; sector < sectors; sector++) {
    const at = Meta.slotAt(meta) + (sector + shift) * Meta.sectorBytes
    if (!keep(sector) || at < 0 || at >= area.length) continue
    area.set(slot.subarray(sector * Meta.sectorBytes, (sector + 1) * Meta.sectorBytes), at)
  }
}

describe("a meta", () => {
  it("reads as it was written, and the newer of two counts", () => {
    for (const commit of [1, 2, 7, 8]) {
      const found = Meta.find(areaOf(commit))
      expect(found).toEqual({ meta: metaOf(commit), damagedAt: [], lostAt: -1, laterVersion: undefined })
    }
  })

  it("counts when any one sector of its interrupted write is there, and the one before when none is", () => {
    for (let kept = 0; kept < 1 << sectors; kept++) {
      const area = areaOf(8)
      write(area, metaOf(9), (sector) => (kept & (1 << sector)) !== 0)
      const found = Meta.find(area)
      expect(found.meta?.commit).toBe(kept === 0 ? 8 : 9)
      expect(found.damagedAt).toEqual([])
    }
  })

  it("is found when its write stopped in the middle of a sector, wherever that was", () => {
    const slot = Meta.encode(metaOf(9))
    for (let length = 1; length < slot.length; length += 37) {
      const area = areaOf(8)
      area.set(slot.subarray(0, length), Meta.slotAt(metaOf(9)))
      const commit = Meta.find(area).meta?.commit
      expect(length < Meta.sectorBytes ? [8, 9] : [9]).toContain(commit)
    }
  })

  it("is found, and the misplaced copies reported, when it was written a sector off", () => {
    for (const commit of [8, 9]) {
      for (const shift of [-1, 1]) {
        const area = areaOf(commit - 1)
        write(area, metaOf(commit), () => true, shift)
        const found = Meta.find(area)
        expect(found.meta?.commit).toBe(commit)
        expect(found.damagedAt.length).toBeGreaterThan(0)
      }
    }
  })

  it("survives a flipped bit in each of its bytes that mean something, and the sector is named", () => {
    for (let offset = 0; offset < 2 * Meta.slotBytes; offset++) {
      const area = areaOf(9)
      area[offset] ^= 1 << (offset % 8)
      const found = Meta.find(area)
      expect(found.meta).toEqual(metaOf(9))
      expect(found.damagedAt).toEqual([offset - (offset % Meta.sectorBytes)])
    }
  })

  it("is never replaced by the one before when its slot is lost", () => {
    for (const commit of [8, 9]) {
      const area = areaOf(commit)
      for (let sector = 0; sector < sectors; sector++)
        area[Meta.slotAt(metaOf(commit)) + sector * Meta.sectorBytes] ^= 1
      const found = Meta.find(area)
      expect(found.meta).toBeUndefined()
      expect(found.lostAt).toBe(Meta.slotAt(metaOf(commit)))
    }
  })

  it("of a file that is too short is lost, too", () => {
    expect(Meta.find(new Uint8Array(0)).lostAt).toBe(0)
    expect(Meta.find(areaOf(9).subarray(0, Meta.slotBytes)).lostAt).toBe(Meta.slotBytes)
  })
})
