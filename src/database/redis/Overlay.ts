/** Overlay: what records say that lies over the keys when they are loaded: of each thing, what the last of them says. */
import type { Mutation } from "#keyspace/Request.ts"
import * as Record from "./Record.ts"
import * as Sorted from "./Sorted.ts"

export class Overlay {
  private readonly changes = new Map<string, Mutation>()

  /** The next record. */
  add(record: Uint8Array): void {
    const cursor = new Record.Cursor(record)
    while (cursor.next()) this.changes.set(cursor.id, cursor.mutation)
  }

  /** In the order of the keys. */
  get sorted(): ReadonlyArray<Mutation> {
    return Sorted.of([...this.changes.values()])
  }
}
