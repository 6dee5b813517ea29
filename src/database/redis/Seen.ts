/** Seen: of what later records have changes. Records are looked at from the last to the first. */
import type { Cursor } from "./Record.ts"
import { Table } from "./Table.ts"

export class Seen {
  /** By database and key: the last record that says something of the key itself. */
  private readonly keys: Array<Table<number>> = []
  /** By their `id`: the same of all else. */
  private readonly others = new Table<number>()

  /** No later record has a change of what this one changes. `place`: of the record, in their order. */
  isNews(cursor: Cursor, place: number): boolean {
    const { database, isOfKey } = cursor
    const seen = isOfKey ? (this.keys[database] ??= new Table<number>()) : this.others
    const id = isOfKey ? cursor.name : cursor.id
    const position = seen.position(id)
    if (position >= 0) return seen.valueAt(position) === place
    seen.add(id, place)
    return true
  }
}
