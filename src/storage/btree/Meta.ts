/**
 * Meta: where the tree of a transaction begins. Two slots of eight sectors each take turns, the first slot at the start of the file, the
 * second behind it; each sector of a slot is a whole copy of the meta, with its own checksum and its own number.
 *
 * A device writes a sector whole or not at all. So:
 * - A meta whose write was cut off by power loss leaves every sector as it was or as it is to be: all copies are valid, and the newest
 *   valid one counts. Its pages were durable before it was written; whether it was acknowledged does not matter.
 * - A write that failed may have stopped within one sector. The other seven are valid.
 * - A sector that rotted is an invalid copy among valid ones. Verification reports it, opening writes it anew; nothing is lost.
 * - A slot without any valid copy was damaged: no interrupted write does that. It may have held the newest transaction, acknowledged and
 *   all, so opening reports it and does not go back to the other slot.
 * - A meta that was written a sector off leaves copies with numbers that are not those of their places. They count as well.
 *
 * Not to be told from a commit that never was: a device that acknowledges the write of a meta and its sync, and does neither.
 */
import { putU32 } from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import { metaAreaBytes, putU48, u32, u48, type Reference } from "./PageFormat.ts"

/** "orbit" and the kind of file. */
const magic = [0x6f, 0x72, 0x62, 0x69, 0x74, 0x2d, 0x62, 0x74]
export const version = 1

export const sectorBytes = 512
export const slotBytes = metaAreaBytes / 2
const copiesPerSlot = slotBytes / sectorBytes
const copies = metaAreaBytes / sectorBytes

export interface Meta {
  /** Counts the metas that were written. */
  readonly commit: number
  /** The newest transaction in it. */
  readonly txn: number
  readonly pageBytes: number
  readonly pageCount: number
  readonly root: Reference
  readonly map: Reference
}

/** Each commit takes the slot that the one before did not. */
const slotOf = (commit: number): number => commit % 2

/** Where the slot of a sector begins. */
export const slotOfSector = (at: number): number => at - (at % slotBytes)

export const slotAt = (meta: Meta): number => slotOf(meta.commit) * slotBytes

/** A whole slot: eight copies. */
export const encode = (meta: Meta): Uint8Array => {
  const slot = new Uint8Array(slotBytes)
  for (let copy = 0; copy < copiesPerSlot; copy++) {
    const sector = slot.subarray(copy * sectorBytes, (copy + 1) * sectorBytes)
    sector.set(magic, 4)
    sector[12] = version
    sector[13] = slotOf(meta.commit) * copiesPerSlot + copy
    putU32(sector, 16, meta.pageBytes)
    putU48(sector, 20, meta.txn)
    putU32(sector, 28, meta.pageCount)
    putReference(sector, 32, meta.root)
    putReference(sector, 44, meta.map)
    putU48(sector, 56, meta.commit)
    putU32(sector, 0, crc32c(sector, 4))
  }
  return slot
}

const putReference = (bytes: Uint8Array, at: number, reference: Reference): void => {
  putU32(bytes, at, reference.number)
  putU32(bytes, at + 4, reference.checksum)
  putU32(bytes, at + 8, reference.pages)
}

const reference = (bytes: Uint8Array, at: number): Reference => ({
  number: u32(bytes, at),
  checksum: u32(bytes, at + 4),
  pages: u32(bytes, at + 8)
})

/** One copy; undefined: it is damaged. */
export const decode = (sector: Uint8Array): Meta | undefined => {
  if (sector.length < sectorBytes || crc32c(sector, 4) !== u32(sector, 0)) return undefined
  if (magic.some((byte, index) => sector[4 + index] !== byte)) return undefined
  return {
    commit: u48(sector, 56),
    txn: u48(sector, 20),
    pageBytes: u32(sector, 16),
    pageCount: u32(sector, 28),
    root: reference(sector, 32),
    map: reference(sector, 44)
  }
}

export interface Found {
  /** The newest; undefined: a slot has no valid copy, or the file is of a later version. */
  readonly meta: Meta | undefined
  /** Where copies are damaged, or are not where they belong. */
  readonly damagedAt: ReadonlyArray<number>
  /** Where the slot begins that has no valid copy; -1: both have one. */
  readonly lostAt: number
  /** The format's version, of a copy that is valid but not this one's. */
  readonly laterVersion: number | undefined
}

/** Reads the whole area of the metas. */
export const find = (area: Uint8Array): Found => {
  let meta: Meta | undefined
  let laterVersion: number | undefined
  const damagedAt: Array<number> = []
  const valid = [0, 0]
  for (let copy = 0; copy < copies; copy++) {
    const sector = area.subarray(copy * sectorBytes, (copy + 1) * sectorBytes)
    const found = decode(sector)
    if (found === undefined || sector[13] !== copy) damagedAt.push(copy * sectorBytes)
    if (found === undefined) continue
    valid[Math.floor(copy / copiesPerSlot)]++
    if (sector[12] !== version) laterVersion = sector[12]
    if (meta === undefined || found.commit > meta.commit) meta = found
  }
  const lost = valid.indexOf(0)
  return {
    meta: lost >= 0 || laterVersion !== undefined ? undefined : meta,
    damagedAt,
    lostAt: lost < 0 ? -1 : lost * slotBytes,
    laterVersion
  }
}
