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

export class Entry {
  /** The key. */
  readonly name: string
  content: Content
  /** Milliseconds of the wall clock; 0: never. */
  expiresAt = 0
  /** When it was read or written last, in seconds of the wall clock. */
  usedSeconds: number
  /** What it takes of memory, as the engine has counted it (see `Footprint`). */
  heldBytes = 0
  /** Of the modification that touched it last: rises over all keys. */
  version = 0
  /** Under which elements of its content are stored; 0: none are. Only the journal writes it, and what follows. */
  generation = 0
  /** The content whose elements those are. */
  stored: Content | undefined = undefined
  private bits: number

  /** `now`: milliseconds of the wall clock. */
  constructor(name: string, database: number, content: Content, now: number) {
    this.name = name
    this.content = content
    this.usedSeconds = Math.floor(now / second)
    this.bits = database | (newFrequency << frequencyShift)
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
