/**
 * Stream: what a log knows of one of its writers: what is on disk (`positions`), and what was submitted and may still be refused
 * (`first`, `next`).
 */
import type { Corrupt, StorageError } from "../StorageError.ts"
import { type Counter, Positions } from "./Positions.ts"

export class Stream {
  readonly number: number
  readonly positions: Positions
  /** Cuts of its tail so far, modulo 256. */
  epoch = 0
  /** Records may be missing from its end: what was written there does not read. Until `cutTail`, nothing is appended. */
  doubt: Corrupt | undefined
  /** As `positions`, with all that was submitted. */
  first: number
  next: number
  /** Refusals that the caller has not been told of yet. */
  refusals = 0
  /** The last of them. What builds on a refused record is refused for the same reason. */
  refusal: StorageError | undefined
  /** Cuts of its tail that are submitted and not yet on disk. */
  cutsWaiting = 0
  /** Something of it is on disk. */
  isBorn = false
  /** Something of it was submitted, or is on disk. Before, its first record may have any position. */
  isKnown = false

  constructor(number: number, first: number, count: Counter) {
    this.number = number
    this.positions = new Positions(first, count)
    this.first = first
    this.next = first
  }

  /** The first record of a stream that is not known will have this position. */
  seat(position: number): void {
    this.positions.dropHead(position)
    this.positions.dropTail(position)
    this.rollBack()
  }

  /** Forgets what was submitted and is not on disk. */
  rollBack(): void {
    this.isKnown = this.isBorn
    this.first = this.positions.first
    this.next = this.positions.end
  }
}

export const epochAfterCut = (epoch: number): number => (epoch + 1) & 0xff
export const epochBeforeCut = (epoch: number): number => (epoch - 1) & 0xff
