/**
 * TableSet: the open tables of a store and the versions that name them. Readers hold a version while they read; a table whose
 * last version nobody holds any more is closed and its file removed.
 */
import { assert } from "#base/Assert.ts"
import type * as Disk from "#world/Disk.ts"
import type { Cache } from "./Cache.ts"
import { Table } from "./Table.ts"
import * as Version from "./Version.ts"

/** A version with its tables open. */
export class LiveVersion {
  readonly version: Version.Version
  readonly levels: ReadonlyArray<ReadonlyArray<Table>>
  /** The deepest level that has tables, and level 0 at least. */
  readonly deepest: number
  holders = 1

  constructor(version: Version.Version, levels: ReadonlyArray<ReadonlyArray<Table>>) {
    this.version = version
    this.levels = levels
    this.deepest = Math.max(
      0,
      levels.findLastIndex((level) => level.length > 0)
    )
  }

  get diskBytes(): number {
    return this.version.levels.reduce((sum, level) => sum + Version.bytesOf(level), 0)
  }
}

export class TableSet {
  current: LiveVersion
  private readonly tables = new Map<number, Table>()
  private readonly options: {
    readonly directory: string
    readonly port: Disk.Port
    readonly cache: Cache
    /** The table's file is of no use any more. */
    readonly obsolete: (table: Table) => void
  }

  constructor(version: Version.Version, options: TableSet["options"]) {
    this.options = options
    this.current = this.open(version)
  }

  /** Makes a version the current one. The manifest has it. */
  install(version: Version.Version): void {
    const before = this.current
    this.current = this.open(version)
    this.release(before)
  }

  hold(): LiveVersion {
    this.current.holders++
    return this.current
  }

  release(version: LiveVersion): void {
    assert(version.holders > 0, "a version is released by who holds it")
    if (--version.holders > 0) return
    for (const level of version.levels) {
      for (const table of level) {
        if (--table.versions > 0) continue
        this.tables.delete(table.meta.number)
        table.close()
        this.options.obsolete(table)
      }
    }
  }

  /** Closes all files. */
  close(): void {
    for (const table of this.tables.values()) table.close()
  }

  private open(version: Version.Version): LiveVersion {
    const levels = version.levels.map((level) =>
      level.map((meta) => {
        // A table that only moved is described anew, and is the same.
        const table = this.tables.get(meta.number) ?? new Table(meta, this.options)
        this.tables.set(meta.number, table)
        table.versions++
        return table
      })
    )
    return new LiveVersion(version, levels)
  }
}
