/** Sample: what one node tells another of the keys that a command has at both. */
import * as Latin1 from "#base/Latin1.ts"
import type { Engine } from "#database/redis/Engine.ts"
import type { Client } from "./Client.ts"
import * as Dump from "./Dump.ts"

/** A key as a node has it, in a form that leaves the node. */
export interface Sample {
  readonly name: string
  /** The database's index, whatever its number is. */
  readonly database: number
  /** Milliseconds of the wall clock; 0: never. */
  readonly expiresAt: number
  /** As DUMP has it. */
  readonly payload: string
}

/** What keys with these names hold, in all databases. */
export const of = (engine: Engine, names: Iterable<string>): ReadonlyArray<Sample> => {
  const samples: Array<Sample> = []
  for (const name of names) {
    for (const database of engine.databases) {
      const entry = database.find(name)
      if (entry === undefined) continue
      const payload = Latin1.decode(Dump.write(entry.content, engine.settings))
      samples.push({ name, database: entry.database, expiresAt: entry.expiresAt, payload })
    }
  }
  return samples
}

/** What is to be run on them. */
export interface Run {
  readonly client: Client
  readonly queue: ReadonlyArray<ReadonlyArray<string>>
  readonly samples: ReadonlyArray<Sample>
  /** Generations are above this. */
  readonly generation: number
}
