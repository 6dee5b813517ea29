/**
 * Table: a map from names to values that also knows them by position, so that a scan can stop and go on and a random name
 * costs no walk. The keys of a database, the fields of a hash, the members of sets and sorted sets lie in one each.
 *
 * Names and values lie in two dense arrays; an index from names to positions is kept where there are more than a few of
 * them (a search in eight names is as fast as a look-up, and most tables are small). An entry takes 82 bytes beside
 * its name; with an object each it would be 128, at the same speed.
 *
 * Promises:
 * - A scan goes down the positions, and what is removed leaves its position to the last entry (in a small table to all behind it),
 *   so what is there from a scan's begin to its end is met, and at most things that moved are met twice.
 * - A table that never had more than a few entries keeps them in the order in which they came.
 * - The order is decided by the calls alone.
 *
 * Needs of its caller: nothing is removed or added while `scan` calls back, and no more than 2^24 entries, which is what the
 * engine's `Map` holds.
 */

/** Up to so many names are searched one by one. */
const searchedMax = 8

export class Table<V> {
  private readonly names: Array<string> = []
  private readonly values: Array<V> = []
  /** Positions by names; none in a table that has been small so far. */
  private index: Map<string, number> | undefined

  get size(): number {
    return this.names.length
  }

  /** Where the entry is now, in [0, size); -1: there is none. */
  position(name: string): number {
    const { index } = this
    if (index !== undefined) return index.get(name) ?? -1
    const { names } = this
    for (let i = 0; i < names.length; i++) if (names[i] === name) return i
    return -1
  }

  has(name: string): boolean {
    return this.position(name) >= 0
  }

  get(name: string): V | undefined {
    const position = this.position(name)
    return position < 0 ? undefined : this.values[position]
  }

  nameAt(position: number): string {
    return this.names[position]
  }

  valueAt(position: number): V {
    return this.values[position]
  }

  /** Gives the entry there another value. */
  setAt(position: number, value: V): void {
    this.values[position] = value
  }

  /** Adds an entry, or gives it another value; returns whether it is new. */
  set(name: string, value: V): boolean {
    const position = this.position(name)
    if (position < 0) {
      this.add(name, value)
      return true
    }
    this.values[position] = value
    return false
  }

  /** Adds an entry whose name is not in the table. */
  add(name: string, value: V): void {
    const { names } = this
    const at = names.length
    names.push(name)
    this.values.push(value)
    if (this.index !== undefined) this.index.set(name, at)
    else if (at === searchedMax) {
      const index = new Map<string, number>()
      for (let i = 0; i <= at; i++) index.set(names[i], i)
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
    const { index, names, values } = this
    const last = names.length - 1
    if (index === undefined) {
      for (let i = position; i < last; i++) {
        names[i] = names[i + 1]
        values[i] = values[i + 1]
      }
    } else {
      index.delete(names[position])
      if (position !== last) {
        names[position] = names[last]
        values[position] = values[last]
        index.set(names[position], position)
      }
    }
    names.pop()
    values.pop()
  }

  clear(): void {
    this.names.length = 0
    this.values.length = 0
    this.index = undefined
  }

  /** A position that each entry has the same chance of; `draw` gives numbers in [0, 1). Needs an entry. */
  randomPosition(draw: () => number): number {
    return Math.floor(draw() * this.names.length)
  }

  /** A name that each entry has the same chance of; `draw` gives numbers in [0, 1). */
  randomName(draw: () => number): string | undefined {
    return this.names.length === 0 ? undefined : this.names[this.randomPosition(draw)]
  }

  /**
   * Visits the next `count` entries of a scan, and returns the cursor of those after them. 0 begins a scan; 0 as the answer ends
   * it. A cursor is the number of positions that are still to visit, so any number is a valid one.
   */
  scan(cursor: number, count: number, visit: (name: string, value: V) => void): number {
    const { names, values } = this
    let left = cursor === 0 ? names.length : Math.min(cursor, names.length)
    const until = Math.max(0, left - count)
    while (left > until) {
      left--
      visit(names[left], values[left])
    }
    return left
  }

  /** All entries in the order of their positions. */
  *[Symbol.iterator](): Generator<readonly [name: string, value: V]> {
    const { names, values } = this
    for (let i = 0; i < names.length; i++) yield [names[i], values[i]]
  }

  clone(): Table<V> {
    const copy = new Table<V>()
    for (let i = 0; i < this.names.length; i++) copy.add(this.names[i], this.values[i])
    return copy
  }
}
