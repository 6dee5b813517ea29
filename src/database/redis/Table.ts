/**
 * Table: a map from names to values that also knows them by position, so that a scan can stop and go on and a random name
 * costs no walk. The keys of a database, the fields of a hash, the members of sets and sorted sets lie in one each.
 *
 * Names and values lie densely in pages, which are never copied; an index from names to positions is kept where there are more
 * than a few of them (a search in eight names is as fast as a look-up, and most tables are small). An entry takes some 34 bytes
 * beside its name and value.
 *
 * Promises:
 * - A scan goes down the positions, and what is removed leaves its position to the last entry (in a small table to all behind it),
 *   so what is there from a scan's begin to its end is met, and at most things that moved are met twice.
 * - A table that never had more than a few entries keeps them in the order in which they came.
 * - The order is decided by the calls alone.
 * - No call takes longer the more entries there are: what grows, grows in pieces.
 *
 * Needs of its caller: nothing is removed or added while `scan` calls back.
 */
import { TableIndex } from "./TableIndex.ts"

/** Up to so many names are searched one by one. */
const searchedMax = 8

/** Entries of a page, as a power of two. */
const pageBits = 12
const pageSize = 1 << pageBits

export interface Page<V> {
  readonly names: Array<string>
  readonly values: Array<V>
}

export class Table<V> {
  /** Of the positions from 0 on; all are full but the last. */
  private readonly pages: Array<Page<V>> = [{ names: [], values: [] }]
  private count = 0
  /** Positions by names; none in a table that has been small so far. */
  private index: TableIndex | undefined

  get size(): number {
    return this.count
  }

  /** Where the entry is now, in [0, size); -1: there is none. */
  position(name: string): number {
    const { index } = this
    if (index !== undefined) return index.get(name)
    for (let i = 0; i < this.count; i++) if (this.nameAt(i) === name) return i
    return -1
  }

  has(name: string): boolean {
    return this.position(name) >= 0
  }

  get(name: string): V | undefined {
    const position = this.position(name)
    return position < 0 ? undefined : this.valueAt(position)
  }

  nameAt(position: number): string {
    return this.pages[position >>> pageBits].names[position & (pageSize - 1)]
  }

  valueAt(position: number): V {
    return this.pages[position >>> pageBits].values[position & (pageSize - 1)]
  }

  /** Gives the entry there another value. */
  setAt(position: number, value: V): void {
    this.pages[position >>> pageBits].values[position & (pageSize - 1)] = value
  }

  /** Adds an entry, or gives it another value; returns whether it is new. */
  set(name: string, value: V): boolean {
    const position = this.position(name)
    if (position < 0) {
      this.add(name, value)
      return true
    }
    this.setAt(position, value)
    return false
  }

  /** Adds an entry whose name is not in the table. */
  add(name: string, value: V): void {
    const at = this.count
    const { pages } = this
    if (at >>> pageBits === pages.length) pages.push({ names: [], values: [] })
    this.push(pages[at >>> pageBits], name, value)
    this.count = at + 1
    if (this.index !== undefined) this.index.add(name, at)
    else if (at === searchedMax) {
      const index = new TableIndex(this)
      for (let i = 0; i <= at; i++) index.add(this.nameAt(i), i)
      this.index = index
    }
  }

  delete(name: string): boolean {
    const position = this.position(name)
    if (position < 0) return false
    this.deleteAt(position)
    return true
  }

  /** Removes the entry there. */
  deleteAt(position: number): void {
    const { index, pages } = this
    const last = --this.count
    if (index === undefined) for (let i = position; i < last; i++) this.move(i + 1, i)
    else {
      index.delete(this.nameAt(position), position)
      if (position !== last) {
        index.move(this.nameAt(last), last, position)
        this.move(last, position)
      }
    }
    const page = pages[last >>> pageBits]
    this.pop(page)
    if (page.values.length === 0 && pages.length > 1) pages.pop()
  }

  protected push({ names, values }: Page<V>, name: string, value: V): void {
    names.push(name)
    values.push(value)
  }

  protected pop({ names, values }: Page<V>): void {
    names.pop()
    values.pop()
  }

  /** Puts what is at one position at another, too. */
  protected move(from: number, to: number): void {
    const { names, values } = this.pages[from >>> pageBits]
    const target = this.pages[to >>> pageBits]
    target.names[to & (pageSize - 1)] = names[from & (pageSize - 1)]
    target.values[to & (pageSize - 1)] = values[from & (pageSize - 1)]
  }

  /** A position that each entry has the same chance of; `draw` gives numbers in [0, 1). Needs an entry. */
  randomPosition(draw: () => number): number {
    return Math.floor(draw() * this.count)
  }

  /** A name that each entry has the same chance of; `draw` gives numbers in [0, 1). */
  randomName(draw: () => number): string | undefined {
    return this.count === 0 ? undefined : this.nameAt(this.randomPosition(draw))
  }

  /**
   * Visits the next `count` entries of a scan, and returns the cursor of those after them. 0 begins a scan; 0 as the answer ends
   * it. A cursor is the number of positions that are still to visit, so any number is a valid one.
   */
  scan(cursor: number, count: number, visit: (name: string, value: V) => void): number {
    let left = cursor === 0 ? this.count : Math.min(cursor, this.count)
    const until = Math.max(0, left - count)
    while (left > until) {
      left--
      visit(this.nameAt(left), this.valueAt(left))
    }
    return left
  }

  /** All entries in the order of their positions. */
  *[Symbol.iterator](): Generator<readonly [name: string, value: V]> {
    for (let i = 0; i < this.count; i++) yield [this.nameAt(i), this.valueAt(i)]
  }

  clone(): Table<V> {
    const copy = new Table<V>()
    for (let i = 0; i < this.count; i++) copy.add(this.nameAt(i), this.valueAt(i))
    return copy
  }
}
