/** Sample: what one node tells another of the keys that a command has at both. */
import * as Latin1 from "#base/Latin1.ts"
import type { Engine } from "#database/redis/Engine.ts"
import type { Blocked, Client } from "./Client.ts"
import * as Dump from "./Dump.ts"

/** A key as a node has it, in a form that leaves the node. */
export interface Sample {
  readonly name: string
  /** The database's index, whatever its number is. */
  readonly database: number
  /** Milliseconds of the wall clock; 0: never. */
  readonly expiresAt: number
  /** At its node. */
  readonly version: number
  /** As DUMP has it. */
  readonly payload: string
}

/** What CLIENT PARTAKE replies of each. */
export const wordsOf = ({ database, expiresAt, name, payload, version }: Sample): ReadonlyArray<string> => [
  name,
  String(database),
  String(expiresAt),
  String(version),
  payload
]

const length = 5

/** Of all of them, one behind the other. */
export const read = (words: ReadonlyArray<string>): ReadonlyArray<Sample> => {
  const samples: Array<Sample> = []
  for (let at = 0; at < words.length; at += length) {
    const [name, database, expiresAt, version, payload] = words.slice(at, at + length)
    const numbers = { database: Number(database), expiresAt: Number(expiresAt), version: Number(version) }
    samples.push({ name, ...numbers, payload })
  }
  return samples
}

/** What keys with these names hold, in all databases. */
export const of = (engine: Engine, names: Iterable<string>): ReadonlyArray<Sample> => {
  const samples: Array<Sample> = []
  for (const name of names) {
    for (const database of engine.databases) {
      const entry = database.find(name)
      if (entry === undefined) continue
      const payload = Latin1.decode(Dump.write(entry.content, engine.settings))
      const { expiresAt, version } = entry
      samples.push({ name, database: entry.database, expiresAt, version, payload })
    }
  }
  return samples
}

/** What is to be run on them. */
export interface Run {
  readonly client: Client
  readonly queue: ReadonlyArray<ReadonlyArray<string>>
  /** All keys that are known, there or not. */
  readonly names: ReadonlySet<string>
  readonly samples: ReadonlyArray<Sample>
  /** Generations are above this. */
  readonly generation: number
  /** One command, which may wait for keys. */
  readonly mayWait: boolean
}

/** What comes of it. */
export interface Ran {
  /** What has changed; undefined: nothing. */
  readonly record: Uint8Array | undefined
  /** What it waits for; undefined: its client has the reply. */
  readonly blocked: Blocked | undefined
  /** Other keys that it has looked up, of which it knows nothing: if there are any, it does not count. */
  readonly missed: ReadonlySet<string>
  /** Keys that its client has read, and wants to be told of when they change. */
  readonly cached: ReadonlySet<string>
  /** Tells others what it has had to tell them: to be called if it counts. */
  readonly say: () => void
}
