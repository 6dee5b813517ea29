/**
 * Staging: keys that are loaded while others are in use. Nobody sees them, and nothing happens to them, until all of them are there: then they become
 * the engine's, some at a time.
 */
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import { Database, type Keeper } from "./Database.ts"
import type { Entry } from "./Entry.ts"
import * as Footprint from "./Footprint.ts"

/** Whose they become. */
interface Target {
  readonly now: number
  random(): number
  databaseAt(index: number): Database
}

export class Staging implements Keeper {
  readonly keepsExpiredUntil = Infinity
  /** Bytes of memory that what is here takes, about. */
  usedBytes = 0
  private readonly engine: Target
  private readonly databases: ReadonlyArray<Database>

  constructor(engine: Target) {
    this.engine = engine
    this.databases = Array.from({ length: SpacesRedis.databases }, (_, index) => new Database(index, this))
  }

  readonly databaseAt = (index: number): Database => this.databases[index]

  get now(): number {
    return this.engine.now
  }

  /** Entries become the engine's; after each so many somebody else has a turn. */
  *moved(atOnce: number): Generator<void> {
    let moved = 0
    for (const entry of this.entries()) {
      this.usedBytes -= entry.heldBytes
      this.engine.databaseAt(entry.database).adopt(entry)
      if (++moved % atOnce === 0) yield
    }
  }

  /** All that is here. */
  *entries(): Generator<Entry> {
    for (const database of this.databases) {
      const entries: Array<Entry> = []
      database.each((entry) => entries.push(entry))
      yield* entries
    }
  }

  weigh(entry: Entry): void {
    const heldBytes = Footprint.of(entry)
    this.usedBytes += heldBytes - entry.heldBytes
    entry.heldBytes = heldBytes
  }

  unweigh(entry: Entry): void {
    this.usedBytes -= entry.heldBytes
    entry.heldBytes = 0
  }

  random(): number {
    return this.engine.random()
  }

  isStill(): boolean {
    return true
  }

  isElsewhere(): boolean {
    return false
  }

  // What is restored is neither new nor changed, and nobody asks for it.
  added(): void {}
  changed(): void {}
  removed(): void {}
  met(): void {}
}
