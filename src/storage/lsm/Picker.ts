/**
 * Picker: which tables are compacted next. Pure, and the same for the same version: a store that is written alike compacts alike.
 *
 * Level 0 is due by its number of tables, which every read has to look into; another level by its size, a factor more than the
 * level above (LevelDB). The level that is most over its bound goes first. In it goes the table with the fewest bytes
 * below it a byte of its own (RocksDB's "minimum overlapping ratio"), with its neighbours up to a worthwhile size.
 */
import * as Keys from "../Keys.ts"
import type { TableMeta } from "./TableFormat.ts"
import * as Version from "./Version.ts"

export interface Shape {
  readonly level0Tables: number
  readonly level1Bytes: number
  readonly levelFactor: number
  readonly tableBytes: number
}

/** What is merged: tables of a level, and those of the next one that they overlap, into the next one. */
export interface Plan {
  readonly level: number
  readonly output: number
  readonly upper: Version.Level
  readonly lower: Version.Level
  /** Nothing overlaps: the tables only change their level. */
  readonly isMove: boolean
}

/** Tables of the upper level that are taken together, in bytes with what they overlap, in sizes of a table. */
const planTablesMax = 12

export const bytesMaxOf = (shape: Shape, level: number): number => {
  let bytes = shape.level1Bytes
  for (let i = 1; i < level; i++) bytes *= shape.levelFactor
  return bytes
}

/** How far a level is over its bound: from 1 on it is due. */
const scoreOf = (version: Version.Version, shape: Shape, level: number): number =>
  level === 0
    ? version.levels[0].length / shape.level0Tables
    : Version.bytesOf(version.levels[level]) / bytesMaxOf(shape, level)

export const pick = (version: Version.Version, shape: Shape): Plan | undefined => {
  let due = -1
  let highest = 1
  for (let level = 0; level < Version.levelsMax - 1; level++) {
    const score = scoreOf(version, shape, level)
    if (score >= highest && version.levels[level].length > 0) {
      if (due < 0 || score > highest) due = level
      highest = score
    }
  }
  if (due < 0) return undefined
  return due === 0 ? planOfLevel0(version, shape) : planFrom(version, due, cheapest(version, due), shape)
}

/** The bytes that have to be rewritten until no level is over its bound, roughly. */
export const debtBytes = (version: Version.Version, shape: Shape): number => {
  let debt = 0
  const [newest] = version.levels
  if (newest.length >= shape.level0Tables) debt += Version.bytesOf(newest) + Version.bytesOf(version.levels[1])
  for (let level = 1; level < Version.levelsMax - 1; level++) {
    const over = Version.bytesOf(version.levels[level]) - bytesMaxOf(shape, level)
    if (over > 0) debt += over * (1 + shape.levelFactor)
  }
  return debt
}

/** All tables of a level that is not empty into the next one, a part at a time from the left. */
export const planOfLevel = (version: Version.Version, level: number, shape: Shape): Plan =>
  level === 0 ? planOfLevel0(version, shape) : planFrom(version, level, 0, shape)

/** Whether compacting a table of the deepest level for itself may make it smaller. */
const holdsHidden = (meta: TableMeta): boolean => meta.deletes + meta.olderVersions + meta.rangeDeletes > 0

/** What of a level is worth to be written once more: tables that hold something hidden, and small ones that lie side by side. */
export const plansInPlace = (level: number, tables: Version.Level, shape: Shape): ReadonlyArray<Plan> => {
  const groups: Array<Array<TableMeta>> = [[]]
  for (const meta of tables) {
    const last = groups[groups.length - 1]
    const isDue = holdsHidden(meta) || meta.filterAt * 2 < shape.tableBytes
    if (!isDue || Version.bytesOf(last) > planTablesMax * shape.tableBytes) groups.push(isDue ? [meta] : [])
    else last.push(meta)
  }
  return groups
    .filter((group) => group.length > 1 || group.some(holdsHidden))
    .map((upper) => ({ level, output: level, upper, lower: [], isMove: false }))
}

/** The first level that has room for everything: what lies there stays there. */
export const restingLevel = (version: Version.Version, shape: Shape): number => {
  const bytes = version.levels.reduce((sum, level) => sum + Version.bytesOf(level), 0)
  let level = Math.max(
    1,
    version.levels.findLastIndex((tables) => tables.length > 0)
  )
  while (level < Version.levelsMax - 1 && bytes > bytesMaxOf(shape, level)) level++
  return level
}

const planOfLevel0 = (version: Version.Version, shape: Shape): Plan => {
  const upper = version.levels[0]
  const { from, to } = Version.boundsOf(upper)
  const lower = Version.overlapping(version.levels[1], from, to)
  return { level: 0, output: 1, upper, lower, isMove: lower.length === 0 && areApart(upper) && areLarge(upper, shape) }
}

/** Tables of a level from this place on, as long as it stays a small piece of work. */
const planFrom = (version: Version.Version, level: number, first: number, shape: Shape): Plan => {
  const tables = version.levels[level]
  let end = first + 1
  const lowerOf = (to: number): Version.Level =>
    Version.overlapping(version.levels[level + 1], tables[first].from, tables[to - 1].to)
  const isMove = lowerOf(end).length === 0 && areLarge([tables[first]], shape)
  while (end < tables.length) {
    const lower = lowerOf(end + 1)
    const bytes = Version.bytesOf(tables.slice(first, end + 1)) + Version.bytesOf(lower)
    if (isMove ? lower.length > 0 || !areLarge([tables[end]], shape) : bytes > planTablesMax * shape.tableBytes) break
    end++
  }
  return { level, output: level + 1, upper: tables.slice(first, end), lower: lowerOf(end), isMove }
}

/** The place of the table that costs least to move down. */
const cheapest = (version: Version.Version, level: number): number => {
  const tables = version.levels[level]
  let best = 0
  let least = Infinity
  for (let place = 0; place < tables.length; place++) {
    const { from, sizeBytes, to } = tables[place]
    const cost = Version.bytesOf(Version.overlapping(version.levels[level + 1], from, to)) / sizeBytes
    if (cost < least) {
      best = place
      least = cost
    }
  }
  return best
}

/** Small tables are merged rather than moved, so that they become fewer. */
const areLarge = (tables: Version.Level, shape: Shape): boolean =>
  tables.every((meta) => meta.filterAt * 4 >= shape.tableBytes)

const areApart = (tables: Version.Level): boolean => {
  const sorted = tables.slice().sort((a, b) => Keys.compare(a.from, b.from))
  return sorted.every((meta, i) => i === 0 || Keys.compare(sorted[i - 1].to, meta.from) <= 0)
}
