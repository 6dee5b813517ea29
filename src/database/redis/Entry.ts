/** Entry: a key of a database, what it holds, and what is known of it. */
import type { Content } from "./Value.ts"

/** A key begins above zero: what has just come is not the first to go. */
export const newFrequency = 5

export class Entry {
  /** The key. */
  readonly name: string
  /** The database's number. */
  readonly database: number
  content: Content
  /** Milliseconds of the wall clock; 0: never. */
  expiresAt = 0
  /** When it was read or written last, in milliseconds of the wall clock. */
  usedAt: number
  /** How often it is used, on a scale that is logarithmic (see `Frequency`); only counted where a policy asks for it. */
  frequency = newFrequency
  /** What it takes of memory, as the engine has counted it (see `Footprint`). */
  heldBytes = 0
  /** Of the modification that touched it last: rises over all keys. */
  version = 0
  /** Under which elements of its content are stored; 0: none are. Only the journal writes it, and what follows. */
  generation = 0
  /** The content whose elements those are. */
  stored: Content | undefined = undefined
  /** The key is stored, or being stored. */
  isStored = false
  /** Something of it is yet to be stored. */
  isDirty = false
  /** It was removed. */
  isGone = false

  constructor(name: string, database: number, content: Content, usedAt: number) {
    this.name = name
    this.database = database
    this.content = content
    this.usedAt = usedAt
  }
}
