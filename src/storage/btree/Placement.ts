/**
 * Placement: gives the pages of a tree that are not on disk their places, their references to each other and their checksums, and
 * takes all of that back when they could not be written. Nothing here waits or writes.
 *
 * A tree on disk is complete: a page has its place and its checksum before its parent gets the reference to it.
 */
import type { Freed } from "./Freed.ts"
import * as MapParts from "./MapParts.ts"
import * as Node from "./Node.ts"
import type { Page } from "./Page.ts"
import * as Format from "./PageFormat.ts"
import type { SpaceMap } from "./SpaceMap.ts"

/** The pages without a place that hang below one, and it: children before their parents. */
const collect = (page: Page, into: Array<Page>): void => {
  if (page.number > 0) return
  if (page.children !== undefined) {
    for (const child of page.children) if (child !== undefined) collect(child, into)
  }
  into.push(page)
}

/** Writes into a node the references to what hangs on it, and that a large value is below. */
const refer = (page: Page): void => {
  const { bytes, children, level } = page
  if (children === undefined) return
  let flags = Format.extraOf(bytes)
  for (let index = 0; index < children.length; index++) {
    const child = children[index]
    if (child === undefined) continue
    const to = { number: child.number, checksum: Format.checksumOf(child.bytes), pages: child.pages }
    const below = Format.extraOf(child.bytes)
    if (level > 0) Node.putChildReference(bytes, index, to, below)
    else Node.putLargeReference(bytes, index, to)
    if (level > 0) flags |= below
  }
  Format.putExtra(bytes, flags)
}

/** Pages that one attempt to write took from the map, to give back if it fails. */
export class Taken {
  private readonly extents = new Map<number, number>()

  add(number: number, pages: number): void {
    this.extents.set(number, pages)
  }

  /** True when it was taken here, and is not any more. */
  drop(number: number): boolean {
    return this.extents.delete(number)
  }

  giveBack(space: SpaceMap): void {
    for (const [number, pages] of this.extents) space.giveBack(number, pages)
    this.extents.clear()
  }
}

/** Gives every page of the tree that has none its place, and returns them, the root last; undefined: there is no place left. */
export const place = (root: Page, space: SpaceMap, taken: Taken): Array<Page> | undefined => {
  const pages: Array<Page> = []
  collect(root, pages)
  if (!take(pages, space, taken)) {
    displace(pages)
    return undefined
  }
  for (const page of pages) {
    if (Format.kindOf(page.bytes) === Format.kinds.node) refer(page)
    Format.seal(page.bytes, page.number, page.pages, page.birth)
  }
  return pages
}

/**
 * Gives all pages their numbers; false: there is no place left. Branches are written anew with nearly every commit: those of one level are
 * put together, so that what they leave free is together too.
 */
const take = (pages: ReadonlyArray<Page>, space: SpaceMap, taken: Taken): boolean => {
  const levels: Array<Array<Page>> = []
  for (const page of pages) {
    if (page.pages === 1) {
      while (levels.length <= page.level) levels.push([])
      levels[page.level].push(page)
      continue
    }
    const number = space.allocate(page.pages)
    if (number < 0) return false
    taken.add(number, page.pages)
    page.number = number
  }
  const singles = levels.flat()
  let next = 0
  return space.allocateSingles(singles.length, (number, count) => {
    for (let i = 0; i < count; i++) {
      taken.add(number + i, 1)
      singles[next++].number = number + i
    }
  })
}

/** The pages have no place again. */
export const displace = (pages: ReadonlyArray<Page>): void => {
  for (const page of pages) page.number = 0
}

/** The pages are on disk: what hangs on them is found by its reference. */
export const settle = (pages: ReadonlyArray<Page>): void => {
  for (const page of pages) page.children = undefined
}

/** What a commit freed in the map; `undo` takes it back. */
export class Frees {
  private count = 0
  private readonly space: SpaceMap
  private readonly taken: Taken

  constructor(space: SpaceMap, taken: Taken) {
    this.space = space
    this.taken = taken
  }

  /** All extents that a transaction freed; those that it took itself are free at once. */
  add(freed: Freed, freedBy: number): void {
    freed.settle()
    const { extents } = freed
    for (let i = 0; i < extents.length; i += 3) this.extent(extents[i], extents[i + 1], extents[i + 2], freedBy)
  }

  extent(number: number, pages: number, birth: number, freedBy: number): void {
    if (this.taken.drop(number)) return this.space.giveBack(number, pages)
    this.space.free(number, pages, birth, freedBy)
    this.count++
  }

  undo(): void {
    this.space.unfree(this.count)
    this.count = 0
  }
}

/** The map of used pages as a commit leaves it on disk. */
export interface PlacedMap {
  readonly root: Page
  readonly parts: ReadonlyArray<MapParts.Part | undefined>
  /** To be written, the root among them. */
  readonly pages: Array<Page>
}

/** What is on disk of the map before. */
export interface OldMap {
  readonly root: Format.Reference
  readonly parts: ReadonlyArray<MapParts.Part | undefined>
}

/**
 * Writes the map anew where it changed. Its own pages are in it: taking a place for a part, and freeing the old one, changes parts, until
 * every changed part has a new place.
 */
export const placeMap = (options: {
  readonly space: SpaceMap
  readonly taken: Taken
  readonly frees: Frees
  readonly old: OldMap
  readonly pageBytes: number
  readonly txn: number
}): PlacedMap | undefined => {
  const { frees, old, pageBytes, space, taken, txn } = options
  if (old.root.number > 0) frees.extent(old.root.number, old.root.pages, 0, txn)
  // Room for parts that taking places for parts may add.
  const rootPages = MapParts.rootPages(pageBytes, MapParts.partsOf(pageBytes, space.pageCountGrown))
  const rootNumber = space.allocate(rootPages)
  if (rootNumber < 0) return undefined
  taken.add(rootNumber, rootPages)
  const moved = new Map<number, number>()
  for (let index = space.nextChanged(moved); index >= 0; index = space.nextChanged(moved)) {
    const before = old.parts[index]
    if (before !== undefined) frees.extent(before.number, 1, 0, txn)
    const number = space.allocate(1)
    if (number < 0) return undefined
    taken.add(number, 1)
    moved.set(index, number)
  }
  const count = MapParts.partsOf(pageBytes, space.pageCount)
  if (MapParts.rootPages(pageBytes, count) > rootPages) return undefined
  const pages: Array<Page> = []
  const parts = Array.from({ length: count }, (_, index) => old.parts[index])
  for (const [index, number] of moved) {
    const page = MapParts.makePart({ pageBytes, index, number, birth: txn, space })
    parts[index] = { number, checksum: Format.checksumOf(page.bytes) }
    pages.push(page)
  }
  const root = MapParts.makeRoot({ pageBytes, number: rootNumber, pages: rootPages, birth: txn, parts })
  pages.push(root)
  return { root, parts, pages }
}
