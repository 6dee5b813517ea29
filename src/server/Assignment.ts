/** Assignment: one setting's value as somebody wrote it, and where; and what is wrong with one. */
import type { Name } from "./Settings.ts"

/** Where values come from, the later the stronger. */
export const origins = ["default", "file", "environment", "flag"] as const

export type Origin = (typeof origins)[number]

export interface Source {
  readonly origin: Origin
  /** For people: `--redis-port`, `ORBIT_REDIS_PORT`, `orbit.json`, `redis.conf line 7`. */
  readonly place: string
}

export interface Assignment {
  readonly name: Name
  readonly text: string
  readonly source: Source
}

/** A directive of Redis that is no setting of Orbit's own: the door knows what it means. */
export interface Directive {
  readonly name: string
  readonly values: ReadonlyArray<string>
  readonly source: Source
}

/** What somebody said, and what of it nobody can understand. */
export interface Said {
  readonly assignments: ReadonlyArray<Assignment>
  readonly directives: ReadonlyArray<Directive>
  /** For people, each with the setting, its value and what is allowed. */
  readonly problems: ReadonlyArray<string>
}

export const nothing: Said = { assignments: [], directives: [], problems: [] }

export const problem = (message: string): Said => ({ ...nothing, problems: [message] })

/** All of them, in their order. */
export const together = (all: ReadonlyArray<Said>): Said => ({
  assignments: all.flatMap(({ assignments }) => assignments),
  directives: all.flatMap(({ directives }) => directives),
  problems: all.flatMap(({ problems }) => problems)
})
