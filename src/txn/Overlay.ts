/** Overlay: a stretch of the keyspace with a transaction's own writes on top. */
import type { Entry, Mutation, Span } from "#keyspace/Request.ts"
import * as Keys from "#storage/Keys.ts"

type Pair = Pick<Entry, "key" | "value">

/** Entries of a span in order (backwards when `reverse`); `writes` of the same span in ascending order. */
export const lay = (
  entries: ReadonlyArray<Pair>,
  writes: ReadonlyArray<Mutation>,
  reverse: boolean
): ReadonlyArray<Pair> => {
  if (writes.length === 0) return entries
  const laid: Array<Pair> = []
  const next = reverse ? writes.toReversed() : writes
  let at = 0
  const take = ({ key, value }: Mutation): void => {
    at += 1
    if (value !== undefined) laid.push({ key, value })
  }
  const before = (write: Mutation, key: Uint8Array): number => {
    const order = Keys.compare(write.key, key)
    return reverse ? -order : order
  }
  for (const entry of entries) {
    while (at < next.length && before(next[at], entry.key) < 0) take(next[at])
    if (at < next.length && before(next[at], entry.key) === 0) take(next[at])
    else laid.push(entry)
  }
  while (at < next.length) take(next[at])
  return laid
}

/** What of `span` lies before `rest`, in the direction of the scan. */
export const covered = (span: Span, rest: Span | undefined, reverse: boolean): Span => {
  if (rest === undefined) return span
  return reverse ? { from: rest.to, to: span.to } : { from: span.from, to: rest.from }
}

/** What of `span` is left behind an entry. */
export const behind = (span: Span, key: Uint8Array, reverse: boolean): Span =>
  reverse ? { from: span.from, to: key } : { from: Keys.after(key), to: span.to }
