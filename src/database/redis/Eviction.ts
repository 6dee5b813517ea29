/**
 * Eviction: which keys go when there is too much, by the policies of Redis's `maxmemory-policy`. As there, the least used key is not looked for but
 * approximated: a few random keys of each database are looked at, and the best of them are remembered in a pool from one eviction to the next.
 *
 * Differences: what was used since it came into the pool is no candidate any more; the key that expires soonest (`volatile-ttl`) is known and
 * not approximated; keys whose time has passed go first; and how long one run may take is counted in keys and not by a clock, so that a
 * simulation decides alike. Source: `evict.c` of Redis 7.0.
 */
import type { Database } from "./Database.ts"
import type { Entry } from "./Entry.ts"
import * as Frequency from "./Frequency.ts"
import type { Settings } from "./Settings.ts"

/** What it needs of the engine. */
export interface Keyspace {
  readonly now: number
  readonly settings: Settings
  readonly databases: ReadonlyArray<Database>
  /** Bytes that all data takes. */
  readonly usedBytes: number
  random(): number
  /** It may not go now. */
  isStill(name: string): boolean
  evict(entry: Entry): void
}

/** `more`: there is still too much, and it goes on when it is called again; `nothing`: there is, and nothing may go. */
export type Outcome = "done" | "more" | "nothing"

interface Candidate {
  readonly database: Database
  /** And not the entry, which may hold much and be gone. */
  readonly name: string
  /** The higher, the sooner it goes. */
  readonly score: number
  /** Another time by now: it was used. */
  readonly usedSeconds: number
}

const poolMax = 16
const frequencyMax = 255

/** What an eviction takes, about (4 to 8 by policy), and how many are done at least. */
const keyMicros = 5
const keysMin = 16

/** How many keys one run evicts, as Redis decides how long one may take: up to 10 in steps of 50 µs, then a seventh more each, at 100 for ever. */
const keysMax = (tenacity: number): number => {
  if (tenacity >= 100) return Number.MAX_SAFE_INTEGER
  let micros = 50 * Math.min(tenacity, 10)
  for (let step = 10; step < tenacity; step++) micros *= 1.15
  return Math.max(keysMin, Math.floor(micros / keyMicros))
}

export class Eviction {
  private readonly keyspace: Keyspace
  /** By score, the best last. */
  private pool: Array<Candidate> = []
  /** Whose turn it was last, where keys go at random. */
  private lastNumber = 0

  constructor(keyspace: Keyspace) {
    this.keyspace = keyspace
  }

  /** Forgets what it remembers: keys or the policy are others. */
  reset(): void {
    this.pool = []
  }

  /** Has keys go until so many bytes are free. */
  run(sizeBytes: number): Outcome {
    const { keyspace } = this
    const { settings } = keyspace
    const goalBytes = keyspace.usedBytes - sizeBytes
    let left = keysMax(settings.evictionTenacity)
    if (settings.isActivelyExpiring) for (const database of keyspace.databases) database.expireSome(left)
    for (; keyspace.usedBytes > goalBytes; left--) {
      if (left === 0) return "more"
      const entry = this.next(settings.maxMemoryPolicy)
      if (entry === undefined) return "nothing"
      // Soon it may go again.
      if (keyspace.isStill(entry.name)) return "done"
      keyspace.evict(entry)
    }
    return "done"
  }

  private next(policy: string): Entry | undefined {
    if (policy === "noeviction") return undefined
    const isVolatile = policy.startsWith("volatile-")
    if (policy === "volatile-ttl") return this.soonest()
    if (policy.endsWith("-random")) return this.random(isVolatile)
    return this.leastUsed({ isVolatile, byFrequency: policy.endsWith("-lfu") })
  }

  private soonest(): Entry | undefined {
    let found: Entry | undefined
    for (const database of this.keyspace.databases) {
      const entry = database.soonest()
      if (entry !== undefined && (found === undefined || entry.expiresAt < found.expiresAt)) found = entry
    }
    return found
  }

  /** One of the next database that has any. */
  private random(isVolatile: boolean): Entry | undefined {
    const { databases } = this.keyspace
    for (let i = 0; i < databases.length; i++) {
      this.lastNumber = (this.lastNumber + 1) % databases.length
      const entry = databases[this.lastNumber].sample(isVolatile)
      if (entry !== undefined) return entry
    }
    return undefined
  }

  private leastUsed(by: { readonly isVolatile: boolean; readonly byFrequency: boolean }): Entry | undefined {
    const { databases, settings } = this.keyspace
    for (;;) {
      let isEmpty = true
      for (const database of databases) {
        for (let i = 0; i < settings.maxMemorySamples; i++) {
          const entry = database.sample(by.isVolatile)
          if (entry === undefined) break
          isEmpty = false
          this.offer(database, entry, by.byFrequency)
        }
      }
      if (isEmpty) return undefined
      for (let best = this.pool.pop(); best !== undefined; best = this.pool.pop()) {
        const entry = best.database.find(best.name)
        if (entry?.usedSeconds === best.usedSeconds && !(by.isVolatile && entry.expiresAt === 0)) return entry
      }
    }
  }

  private offer(database: Database, entry: Entry, byFrequency: boolean): void {
    const { name, usedSeconds } = entry
    const { now, settings } = this.keyspace
    const score = byFrequency
      ? frequencyMax - Frequency.decayed(entry, now, settings.lfuDecayMinutes)
      : entry.idleSeconds(now)
    const { pool } = this
    if (pool.length === poolMax && score <= pool[0].score) return
    if (pool.some((each) => each.name === name && each.database === database)) return
    let at = pool.length
    while (at > 0 && pool[at - 1].score > score) at -= 1
    pool.splice(at, 0, { database, name, score, usedSeconds })
    if (pool.length > poolMax) pool.shift()
  }
}
