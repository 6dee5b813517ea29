/**
 * Footprint: what data takes of memory, as an estimate that a change moves by what it changes, so that nobody has to count. The constants are
 * measured on Node.js 24, as the heap's growth by 200,000 keys of a kind, and hold within a tenth for strings and large collections; small ones
 * vary by a fifth with how they came to be.
 *
 * Counted are keys, values, deadlines and the tables that they lie in. What waits to be stored, indexes that grow by doubling, and what the
 * garbage collector has not freed yet are not.
 */
import type { Entry } from "./Entry.ts"
import type { Content } from "./Value.ts"

/** An entry with its place in the database's table and index. */
const entryBytes = 120
/** A deadline's place, and the numbers. */
const deadlineBytes = 72

/** A text of so many chars: a header, and the chars in whole words. */
export const ofText = (length: number): number => 16 + ((length + 7) & ~7)

/** Bytes that a value holds without elements, and for each of those beside their texts. */
export const fixedBytes = { string: 200, hash: 560, set: 550, zset: 900, list: 500, stream: 1_370 } as const
export const elementBytes = {
  hash: 54,
  set: 54,
  zset: 102,
  list: 14,
  stream: 76,
  pending: 130,
  consumer: 300,
  group: 700
} as const

const ofContent = (content: Content): number =>
  typeof content === "string" ? ofText(content.length) : typeof content === "number" ? 0 : content.heldBytes

/** What a key takes with all that it holds. */
export const of = ({ content, expiresAt, name }: Entry): number =>
  entryBytes + ofText(name.length) + ofContent(content) + (expiresAt === 0 ? 0 : deadlineBytes)
