/**
 * Entry: a key of a database, what it holds, and what is known of it. There are millions: what is small lies in one small integer, and no
 * number is such that V8 keeps it in memory of its own.
 */
import type { Content } from "./Value.ts"

/** A key begins above zero: what has just come is not the first to go. */
export const newFrequency = 5

const databaseMask = 0xff
const frequencyShift = 8
const frequencyMask = 0xff << frequencyShift
const stored = 1 << 16
const dirty = 1 << 17
const gone = 1 << 18

const second = 1_000

/** What is stored of a content by its elements. */
export interface Elements {
  readonly content: Content
  /** Under which they are stored. */
  readonly generation: number
}

/** When an entry expires: as an object of its own, since a number of this size takes memory in all entries once one has it. */
export interface Deadline {
  /** Milliseconds of the wall clock. */
  readonly at: number
  readonly entry: Entry
}

export class Entry {
  /** The key. */
  readonly name: string
  content: Content
  /** undefined: it never expires. */
  deadline: Deadline | undefined = undefined
  /** When it was read or written last, in seconds of the wall clock. */
  usedSeconds: number
  /** What it takes of memory, as the engine has counted it (see `Footprint`). */
  heldBytes = 0
  /** Of the modification that touched it last: rises over all keys. */
  version = 0
  /** What of it is stored by elements; undefined: nothing is. Only the journal writes it. */
  elements: Elements | undefined = undefined
  private bits: number

  /** `now`: milliseconds of the wall clock. */
  constructor(name: string, database: number, content: Content, now: number) {
    this.name = name
    this.content = content
    this.usedSeconds = Math.floor(now / second)
    this.bits = database | (newFrequency << frequencyShift)
  }

  /** Milliseconds of the wall clock; 0: never. */
  get expiresAt(): number {
    return this.deadline === undefined ? 0 : this.deadline.at
  }

  /** The database's number. */
  get database(): number {
    return this.bits & databaseMask
  }

  /** How often it is used, of 255, on a scale that is logarithmic (see `Frequency`); only counted where a policy asks for it. */
  get frequency(): number {
    return (this.bits & frequencyMask) >> frequencyShift
  }

  set frequency(frequency: number) {
    this.bits = (this.bits & ~frequencyMask) | (frequency << frequencyShift)
  }

  /** The key is stored, or being stored. */
  get isStored(): boolean {
    return (this.bits & stored) !== 0
  }

  set isStored(is: boolean) {
    this.bits = is ? this.bits | stored : this.bits & ~stored
  }

  /** Something of it is yet to be stored. */
  get isDirty(): boolean {
    return (this.bits & dirty) !== 0
  }

  set isDirty(is: boolean) {
    this.bits = is ? this.bits | dirty : this.bits & ~dirty
  }

  /** It was removed. */
  get isGone(): boolean {
    return (this.bits & gone) !== 0
  }

  set isGone(is: boolean) {
    this.bits = is ? this.bits | gone : this.bits & ~gone
  }

  /** It is used. `now`: milliseconds of the wall clock. */
  use(now: number): void {
    this.usedSeconds = Math.floor(now / second)
  }

  /** Whole seconds of the clock since it was used. */
  idleSeconds(now: number): number {
    return Math.max(0, Math.floor(now / second) - this.usedSeconds)
  }
}
