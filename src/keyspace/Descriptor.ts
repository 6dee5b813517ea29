/**
 * Descriptor: which keys a range has. Two ranges never have one key in the same generation; of two descriptors that contradict each
 * other the one with the higher generation is true.
 */
import type { GroupId, StoreId } from "#consensus/Replica.ts"

export interface Descriptor {
  readonly range: GroupId
  /** Keys in [from, to). */
  readonly from: Uint8Array
  readonly to: Uint8Array
  /** One more with each split and each merge; the halves of a split share theirs. */
  readonly generation: number
}

/** Where to ask: hints, apart from the descriptor. */
export interface Location {
  readonly descriptor: Descriptor
  /** Stores with a vote. */
  readonly stores: ReadonlyArray<StoreId>
  readonly leaseholder: StoreId | undefined
  /** The lease is at the store that most requests come from, or it is too early to tell: it is to stay. */
  readonly isSettled: boolean
}

/** The range of the cluster itself: where ranges are, the oracle, numbers for new ranges, who waits for whom. It is never cut or merged. */
export const systemRange: GroupId = 1

/** The range of everything else, until it is cut. */
export const firstRange: GroupId = 2

/** Its keys are below this, all others are not. */
export const systemEnd = Uint8Array.of(0x08)

/** No key is here or above. */
export const end = Uint8Array.of(0xff)

/** What a cluster begins with. */
export const firstDescriptors: ReadonlyArray<Descriptor> = [
  { range: systemRange, from: new Uint8Array(0), to: systemEnd, generation: 1 },
  { range: firstRange, from: systemEnd, to: end, generation: 1 }
]
