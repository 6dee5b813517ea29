/**
 * Lookup: one key in all that a store holds, from the newest to the oldest: memtables, tables of level 0, then one table of each
 * level. It answers from memory; what it would need besides stands in `missing`.
 */
import { elsewhere, type Done, type Elsewhere } from "../Engine.ts"
import * as OrderedTree from "../memory/OrderedTree.ts"
import { absent, behind, BlockCursor, found } from "./BlockCursor.ts"
import * as Bloom from "./Bloom.ts"
import type { Table } from "./Table.ts"
import type { TableHead } from "./TableHead.ts"
import type { LiveVersion } from "./TableSet.ts"
import * as Version from "./Version.ts"
import * as Keys from "../Keys.ts"

/** All that a store holds, at one moment. */
export interface View {
  /** The newest first. */
  readonly trees: ReadonlyArray<OrderedTree.OrderedTree>
  readonly version: LiveVersion
}

interface Missing {
  readonly table: Table
  /** Without it the head itself is missing. */
  readonly head: TableHead | undefined
  readonly ordinal: number
}

/** What one lookup has brought into memory: it gets on even where the cache keeps nothing. */
export class Held {
  readonly heads = new Map<Table, TableHead>()
  readonly blocks = new Map<Table, ReadonlyMap<number, Uint8Array>>()

  load(missing: Missing, done: Done<void>): void {
    const { head, ordinal, table } = missing
    if (head === undefined) {
      table.loadHead((error, loaded) => {
        if (error === undefined) this.heads.set(table, loaded!)
        done(error, undefined)
      })
    } else {
      table.loadBlock(head, ordinal, (error, block) => {
        if (error === undefined) this.blocks.set(table, new Map(this.blocks.get(table)).set(ordinal, block!))
        done(error, undefined)
      })
    }
  }
}

/** In a table: deleted, or not known there. */
const gone: unique symbol = Symbol("gone")
const unknown: unique symbol = Symbol("unknown")
type InTable = Uint8Array | typeof gone | typeof unknown | Elsewhere

export class Lookup {
  missing: Missing | undefined
  private readonly cursor = new BlockCursor()
  private hash = 0
  private isHashed = false

  get(view: View, key: Uint8Array, at: number, held?: Held): Uint8Array | undefined | Elsewhere {
    const { trees, version } = view
    for (let i = 0; i < trees.length; i++) {
      const record = trees[i].find(key, at)
      if (record > 0) return trees[i].value(record)
      if (record === OrderedTree.deleted) return undefined
    }
    this.isHashed = false
    const { levels } = version
    const newest = levels[0]
    for (let i = 0; i < newest.length; i++) {
      const table = newest[i]
      if (Keys.compare(key, table.meta.from) < 0 || Keys.compare(key, table.meta.to) >= 0) continue
      const answer = this.inTable(table, key, at, held)
      if (answer === unknown) continue
      return answer === gone ? undefined : answer
    }
    for (let level = 1; level <= version.deepest; level++) {
      const tables = levels[level]
      const place = Version.firstAbove(version.version.levels[level], key)
      if (place === tables.length || Keys.compare(key, tables[place].meta.from) < 0) continue
      const answer = this.inTable(tables[place], key, at, held)
      if (answer === unknown) continue
      return answer === gone ? undefined : answer
    }
    return undefined
  }

  private inTable(table: Table, key: Uint8Array, at: number, held: Held | undefined): InTable {
    const { ingestedAt, sequenceMin } = table.meta
    if (ingestedAt > at || sequenceMin > at) return unknown
    const head = table.head ?? held?.heads.get(table)
    if (head === undefined) return this.miss(table, undefined, 0)
    const cover = head.ranges === undefined ? 0 : head.ranges.newest(key, 0, key.length, at)
    const otherwise = cover > 0 ? gone : unknown
    if (!this.isHashed) {
      this.isHashed = true
      this.hash = Bloom.hash(key, 0, key.length)
    }
    if (!Bloom.mayContain(head.filter, this.hash)) return otherwise
    const { index } = head
    const { cursor } = this
    for (let ordinal = index.find(key, 0, key.length); ordinal < index.count; ordinal++) {
      const block = table.block(ordinal) ?? held?.blocks.get(table)?.get(ordinal)
      if (block === undefined) return this.miss(table, head, ordinal)
      cursor.open(block)
      const where = cursor.find(key, 0, key.length, ingestedAt > 0 ? Infinity : at)
      if (where === found) {
        if (cursor.isDelete || (cover > 0 && cursor.sequence < cover)) return gone
        return block.subarray(cursor.valueFrom, cursor.valueTo)
      }
      if (where === absent || (where === behind && !index.endsWith(ordinal, key, 0, key.length))) break
    }
    return otherwise
  }

  private miss(table: Table, head: TableHead | undefined, ordinal: number): Elsewhere {
    this.missing = { table, head, ordinal }
    return elsewhere
  }
}
