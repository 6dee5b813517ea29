/** Seen: of what later records have changes. Records are looked at from the last to the first. */
import type { Cursor } from "./Record.ts"

export class Seen {
  /** By database and key: the last record that says something of the key itself. */
  private readonly keys: Array<Map<string, number>> = []
  /** By their `id`: the same of all else. */
  private readonly others = new Map<string, number>()

  /** No later record has a change of what this one changes. */
  isNews(cursor: Cursor, number: number): boolean {
    const { database, isOfKey } = cursor
    const seen = isOfKey ? (this.keys[database] ??= new Map<string, number>()) : this.others
    const id = isOfKey ? cursor.name : cursor.id
    const last = seen.get(id)
    if (last === undefined) seen.set(id, number)
    return last === undefined || last === number
  }
}
