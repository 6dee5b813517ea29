/**
 * SlotTables: the keys of a database of which several nodes have a part: a table for each slot that has keys, so that a slot comes and goes as one, and a
 * scan of it means the same to each node that has it. As Redis keeps them in a cluster (`kvstore.c`, since 7.4).
 *
 * Promises:
 * - What `Table` does of each slot.
 * - A scan goes from slot to slot, in their order, as long as these are here. What is there from its begin to its end is met, wherever its slot goes
 *   meanwhile: a cursor says which copy of a slot it was given for, and begins the slot again where there is another one. Copies of different nodes are
 *   taken for the same once in 262,139 times.
 */
import { assert } from "#base/Assert.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import { Fenwick } from "./Fenwick.ts"
import { NamedTable } from "./NamedTable.ts"

/** Where a scan goes on. */
export interface SlotCursor {
  readonly slot: number
  /** Of which copy of the slot the position is. */
  readonly tag: number
  /** Of the slot's table; 0: it begins. */
  readonly position: number
}

/** Where a scan begins; as what a scan answers, its end. */
export const begin: SlotCursor = { slot: 0, tag: 0, position: 0 }

/** The largest prime below 2^18: what goes on from any time has all of its bits in it. */
const tagsMax = 262_139

type Named = { readonly name: string }

class SlotTable<V extends Named> extends NamedTable<V> {
  readonly tag: number

  constructor(tag: number) {
    super()
    this.tag = tag
  }
}

export class SlotTables<V extends Named> {
  /** By slot; none at all before the first key comes: most databases have none. */
  private tables: Array<SlotTable<V> | undefined> = []
  private sizes: Fenwick | undefined
  private readonly nextCopy: () => number

  /** `nextCopy`: another number for each copy of a slot, here and, as likely as not, at other nodes. */
  constructor(nextCopy: () => number) {
    this.nextCopy = nextCopy
  }

  get size(): number {
    return this.sizes?.total ?? 0
  }

  get(name: string): V | undefined {
    return this.of(SpacesRedis.slotOfText(name))?.get(name)
  }

  /** Adds a value, or puts it in place of the one of this name. */
  set(name: string, value: V): void {
    const slot = SpacesRedis.slotOfText(name)
    if (this.made(slot).set(name, value)) this.sizes!.add(slot, 1)
  }

  /** Adds a value whose name is not there. */
  add(name: string, value: V): void {
    const slot = SpacesRedis.slotOfText(name)
    this.made(slot).add(name, value)
    this.sizes!.add(slot, 1)
  }

  delete(name: string): boolean {
    const slot = SpacesRedis.slotOfText(name)
    const table = this.of(slot)
    if (table === undefined || !table.delete(name)) return false
    this.sizes!.add(slot, -1)
    if (table.size === 0) this.tables[slot] = undefined
    return true
  }

  /** What is in a slot; undefined: nothing. */
  of(slot: number): NamedTable<V> | undefined {
    return this.tables[slot]
  }

  /** Takes out what is in a slot. */
  take(slot: number): NamedTable<V> | undefined {
    const table = this.of(slot)
    if (table === undefined) return undefined
    this.sizes!.add(slot, -table.size)
    this.tables[slot] = undefined
    return table
  }

  /** A value that each has the same chance of; `draw` gives numbers in [0, 1). */
  random(draw: () => number): V | undefined {
    if (this.size === 0) return undefined
    const { place, rank } = this.sizes!.find(Math.floor(draw() * this.size))
    return this.tables[place]!.valueAt(rank)
  }

  /**
   * Visits the next `count` values of a scan, or all until a slot that is not here, and returns where it goes on. The slot where it begins is here. Needs of
   * its caller what `Table.scan` does.
   */
  scan(from: SlotCursor, count: number, isHere: (slot: number) => boolean, visit: (value: V) => void): SlotCursor {
    let left = count
    let { position, slot, tag } = from
    assert(isHere(slot), "a scan asks who answers for the slot that it has come to")
    for (; slot < SpacesRedis.slots; slot++) {
      if (!isHere(slot)) return { slot, tag, position }
      const table = this.tables[slot]
      if (table !== undefined) {
        const begun = table.tag === tag && position > 0 ? Math.min(position, table.size) : table.size
        const rest = left === 0 ? begun : table.scan(begun, left, (_, value) => visit(value))
        if (rest > 0) return { slot, tag: table.tag, position: rest }
        left -= begun
      }
      position = tag = 0
    }
    return begin
  }

  /** All, slot by slot. */
  *[Symbol.iterator](): Generator<readonly [name: string, value: V]> {
    for (const table of this.tables) if (table !== undefined) yield* table
  }

  private made(slot: number): SlotTable<V> {
    if (this.sizes === undefined) {
      this.sizes = new Fenwick(SpacesRedis.slots)
      this.tables = Array.from({ length: SpacesRedis.slots }, () => undefined)
    }
    return (this.tables[slot] ??= new SlotTable<V>(this.nextCopy() % tagsMax))
  }
}
