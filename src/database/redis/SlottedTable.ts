/**
 * SlottedTable: the keys of a database of which several nodes have a part: a table of all of them, and of each slot a row of what is in it, so that a slot
 * comes and goes by itself, and a scan of it means the same to each node that has it. Redis keeps a table for each slot (`kvstore.c`, since 7.4); here
 * whoever looks for a name finds it in one, without its slot, in a third of the time.
 *
 * Promises:
 * - What `Table` does; it takes some 16 bytes more for each entry.
 * - A scan goes from slot to slot, in their order, as long as these are here. What is there from its begin to its end is met, wherever its slot goes
 *   meanwhile: what is removed leaves its place in the row to the last, and a cursor says which copy of a slot it was given for, and begins the slot again
 *   where there is another one. Copies of different nodes are taken for the same once in 262,139 times.
 */
import { assert } from "#base/Assert.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import { NamedTable } from "./NamedTable.ts"

/** Where a scan goes on. */
export interface SlotCursor {
  readonly slot: number
  /** Of which copy of the slot the position is. */
  readonly tag: number
  /** What is left of the slot's row; 0: it begins. */
  readonly position: number
}

/** Where a scan begins; as what a scan answers, its end. */
export const begin: SlotCursor = { slot: 0, tag: 0, position: 0 }

/** The largest prime below 2^18: what goes on from any time has all of its bits in it. */
const tagsMax = 262_139

/** Places of a page, as a power of two. */
const pageBits = 12
const pageMask = (1 << pageBits) - 1

type Named = { readonly name: string }

/** What is in a slot, as long as anything is. */
interface Row<V> {
  readonly tag: number
  readonly values: Array<V>
}

export class SlottedTable<V extends Named> extends NamedTable<V> {
  /** By slot; none at all before the first entry comes: most databases have none. */
  private rows: Array<Row<V> | undefined> = []
  /** By the position of an entry, its place in its row, in pages. */
  private readonly places: Array<Int32Array> = []
  private readonly nextCopy: () => number

  /** `nextCopy`: another number for each copy of a slot, here and, as likely as not, at other nodes. */
  constructor(nextCopy: () => number) {
    super()
    this.nextCopy = nextCopy
  }

  /** What is in a slot. */
  in(slot: number): ReadonlyArray<V> {
    return this.rows[slot]?.values ?? []
  }

  override set(name: string, value: V): boolean {
    const position = this.position(name)
    if (position < 0) this.add(name, value)
    else {
      this.setAt(position, value)
      this.rowOf(name)!.values[this.placeOf(position)] = value
    }
    return position < 0
  }

  override add(name: string, value: V): void {
    const { places, size } = this
    if (size >>> pageBits === places.length) places.push(new Int32Array(1 << pageBits))
    const { values } = this.made(SpacesRedis.slotOfText(name))
    this.put(size, values.length)
    values.push(value)
    super.add(name, value)
  }

  override deleteAt(position: number): void {
    const name = this.nameAt(position)
    const { values } = this.rowOf(name)!
    const last = values.pop()!
    if (last.name !== name) {
      const place = this.placeOf(position)
      values[place] = last
      this.put(this.position(last.name), place)
    }
    if (values.length === 0) this.rows[SpacesRedis.slotOfText(name)] = undefined
    super.deleteAt(position)
    if (this.size >>> pageBits < this.places.length - 1) this.places.pop()
  }

  protected override move(from: number, to: number): void {
    super.move(from, to)
    this.put(to, this.placeOf(from))
  }

  /**
   * Visits the next `count` values of a scan of all slots, or all until a slot that is not here, and returns where it goes on. The slot where it begins is
   * here. Nothing is removed or added meanwhile.
   */
  scanSlots(from: SlotCursor, count: number, isHere: (slot: number) => boolean, visit: (value: V) => void): SlotCursor {
    let left = count
    let { position, slot, tag } = from
    assert(isHere(slot), "a scan asks who answers for the slot that it has come to")
    for (; slot < SpacesRedis.slots; slot++) {
      if (!isHere(slot)) return { slot, tag, position }
      const row = this.rows[slot]
      if (row !== undefined) {
        const { values } = row
        let at = row.tag === tag && position > 0 ? Math.min(position, values.length) : values.length
        for (; at > 0 && left > 0; left--) visit(values[--at])
        if (at > 0) return { slot, tag: row.tag, position: at }
      }
      position = tag = 0
    }
    return begin
  }

  private rowOf(name: string): Row<V> | undefined {
    return this.rows[SpacesRedis.slotOfText(name)]
  }

  private made(slot: number): Row<V> {
    if (this.rows.length === 0) this.rows = Array.from({ length: SpacesRedis.slots }, () => undefined)
    return (this.rows[slot] ??= { tag: this.nextCopy() % tagsMax, values: [] })
  }

  private placeOf(position: number): number {
    return this.places[position >>> pageBits][position & pageMask]
  }

  private put(position: number, place: number): void {
    this.places[position >>> pageBits][position & pageMask] = place
  }
}
