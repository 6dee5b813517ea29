/**
 * Version: which tables make up the store, level by level. In level 0 tables overlap, the newest stands first; in every other
 * level they lie side by side in the order of their keys. What a level says of a key is newer than what a deeper level says.
 */
import { assert } from "#base/Assert.ts"
import * as Keys from "../Keys.ts"
import type { TableMeta } from "./TableFormat.ts"

export const levelsMax = 7

export type Level = ReadonlyArray<TableMeta>

export interface Version {
  readonly levels: ReadonlyArray<Level>
}

export interface Placed {
  readonly level: number
  readonly meta: TableMeta
}

export const empty: Version = { levels: Array.from({ length: levelsMax }, () => []) }

/** The version with some tables less and some more. */
export const apply = (
  version: Version,
  change: { readonly added: ReadonlyArray<Placed>; readonly removed: ReadonlyArray<number> }
): Version => {
  const removed = new Set(change.removed)
  const before = version.levels.reduce((sum, level) => sum + level.length, 0)
  const levels = version.levels.map((level, number) => {
    const added = change.added.filter((placed) => placed.level === number).map((placed) => placed.meta)
    if (added.length === 0 && !level.some((meta) => removed.has(meta.number))) return level
    const kept = [...added, ...level.filter((meta) => !removed.has(meta.number))]
    return kept.sort(number === 0 ? newerFirst : byKey)
  })
  const after = levels.reduce((sum, level) => sum + level.length, 0)
  assert(after === before - removed.size + change.added.length, "a table is removed from where it is")
  const next = { levels }
  assert(isOrdered(next), "tables of a level do not overlap")
  return next
}

/** True when all levels but the first hold tables side by side. */
export const isOrdered = (version: Version): boolean =>
  version.levels.every(
    (level, number) =>
      number === 0 || level.every((meta, i) => i === 0 || Keys.compare(level[i - 1].to, meta.from) <= 0)
  )

/** The first table of a level (not level 0) that ends above the key. */
export const firstAbove = (level: Level, key: Uint8Array): number => {
  let low = 0
  let high = level.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (Keys.compare(level[middle].to, key) <= 0) low = middle + 1
    else high = middle
  }
  return low
}

export const overlaps = (meta: TableMeta, from: Uint8Array, to: Uint8Array): boolean =>
  Keys.compare(meta.from, to) < 0 && Keys.compare(from, meta.to) < 0

/** The tables of a level (not level 0) that have something in [from, to). */
export const overlapping = (level: Level, from: Uint8Array, to: Uint8Array): Level => {
  const first = firstAbove(level, from)
  let end = first
  while (end < level.length && Keys.compare(level[end].from, to) < 0) end++
  return level.slice(first, end)
}

export const bytesOf = (level: Level): number => level.reduce((sum, meta) => sum + meta.sizeBytes, 0)

/** The bounds of all of these tables together, of which there is one at least. */
export const boundsOf = (tables: Level): { readonly from: Uint8Array; readonly to: Uint8Array } => ({
  from: tables.reduce((low, meta) => (Keys.compare(meta.from, low) < 0 ? meta.from : low), tables[0].from),
  to: tables.reduce((high, meta) => (Keys.compare(meta.to, high) > 0 ? meta.to : high), tables[0].to)
})

const byKey = (a: TableMeta, b: TableMeta): number => Keys.compare(a.from, b.from)

/** The tables of level 0 came one after the other; those of one ingestion do not overlap. */
const newerFirst = (a: TableMeta, b: TableMeta): number => newestOf(b) - newestOf(a) || b.number - a.number

const newestOf = (meta: TableMeta): number => (meta.ingestedAt > 0 ? meta.ingestedAt : meta.sequenceMax)
