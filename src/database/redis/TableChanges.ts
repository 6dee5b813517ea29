/**
 * TableChanges: which entries of a table are to be stored anew: the fields of a hash, the members of a set. Nothing is kept before
 * the table was stored for the first time, as until then everything is new.
 */
import type { Table } from "./Table.ts"
import type { ElementSink } from "./Value.ts"

export class TableChanges {
  /** Names of entries that were set or removed since the last call of `persist`. */
  private changed: Set<string> | undefined

  /** The entry of this name was added, has another value, or is gone. */
  note(name: string): void {
    if (this.changed !== undefined) this.changed.add(name)
  }

  /** Everything is as it is stored. */
  begin(): void {
    this.changed = new Set()
  }

  /** Hands out the entries that have changed, `isWhole`: all of them. */
  persist<V>(table: Table<V>, sink: ElementSink, isWhole: boolean, encode: (value: V) => string): void {
    const { changed } = this
    if (isWhole || changed === undefined) {
      for (let i = 0; i < table.size; i++) sink.put(table.nameAt(i), encode(table.valueAt(i)))
      this.changed = new Set()
      return
    }
    for (const name of changed) {
      const position = table.position(name)
      if (position < 0) sink.remove(name)
      else sink.put(name, encode(table.valueAt(position)))
    }
    changed.clear()
  }
}
