/**
 * Changes to a history that a wrong system might have made: a read of an old value, a lost or a doubled operation, results
 * in the wrong places, values that nobody wrote. What comes out may still be explicable by chance; whether it is, the
 * definition says (`linear/BruteForce.ts`), or the kind of change: an invented value never is.
 */
import type { Draw } from "./Generator.ts"
import type { Entry } from "./linear/Entries.ts"
import type { Workload } from "./Workloads.ts"

export const names = ["stale read", "lost update", "reordered", "duplicated", "invented"] as const
export type Name = (typeof names)[number]

const completed = (entries: ReadonlyArray<Entry>): ReadonlyArray<number> =>
  [...entries.keys()].filter((at) => entries[at]!.return !== Infinity)

const replaced = (entries: ReadonlyArray<Entry>, at: number, entry: Partial<Entry>): ReadonlyArray<Entry> =>
  entries.with(at, { ...entries[at]!, ...entry })

/** A changed copy, or `undefined` where there is nothing to change this way. */
export const mutate = (
  name: Name,
  workload: Workload,
  entries: ReadonlyArray<Entry>,
  draw: Draw
): ReadonlyArray<Entry> | undefined => {
  const ends = completed(entries)
  if (ends.length === 0) return undefined
  const at = ends[draw(ends.length)]!
  const entry = entries[at]!
  switch (name) {
    case "stale read": {
      // What an operation of its kind saw before it was even called.
      const earlier = ends.filter((other) => entries[other]!.return < entry.call)
      if (earlier.length === 0) return undefined
      return replaced(entries, at, { result: entries[earlier[draw(earlier.length)]!]!.result })
    }
    case "lost update":
      return entries.toSpliced(at, 1)
    case "reordered": {
      const other = ends[draw(ends.length)]!
      return replaced(replaced(entries, at, { result: entries[other]!.result }), other, { result: entry.result })
    }
    case "duplicated": {
      const last = Math.max(...entries.map(({ call }) => call), ...ends.map((end) => entries[end]!.return))
      return [...entries, { ...entry, call: last + 1, return: last + 2 }]
    }
    case "invented":
      return replaced(entries, at, { result: workload.result(draw, entry.operation) })
  }
}
