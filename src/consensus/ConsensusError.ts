/**
 * What callers of consensus meet. All but `Unknown` are definite: nothing has happened and nothing will; try again as the
 * error says. `Unknown` is no error to repeat blindly: use a session, and the same sequence number.
 */
import * as Data from "effect/Data"
import { TaggedRefusal } from "#world/Refusal.ts"
import type { StorageError } from "#storage/StorageError.ts"
import type { GroupId, StoreId } from "./Replica.ts"

/** Ask `leader`, or, when it is undefined, any store again in a while: an election is under way. */
export class NotLeader extends TaggedRefusal("NotLeader")<{
  readonly group: GroupId
  readonly leader: StoreId | undefined
}> {}

/** Too much is waiting here, the leadership is being handed over, or the disk is full. */
export class Overloaded extends TaggedRefusal("Overloaded")<{
  readonly reason: "queue-full" | "handing-over" | "disk-full"
  readonly retryAfterMillis: number
}> {}

/** The deadline passed before anything was done. */
export class TimedOut extends TaggedRefusal("TimedOut")<{ readonly message: string }> {}

/** It was begun, and nobody can say here whether it takes effect: the deadline passed, or this store stopped. */
export class Unknown extends TaggedRefusal("Unknown")<{ readonly message: string }> {}

/** This store has no replica of the group. */
export class NoGroup extends TaggedRefusal("NoGroup")<{ readonly group: GroupId }> {}

/** The change of members is not possible now: another one is under way, or it contradicts the configuration. */
export class ChangeRefused extends TaggedRefusal("ChangeRefused")<{ readonly message: string }> {}

/** The store's log or a state machine failed: its consensus has stopped until it is opened again. */
export class Halted extends Data.TaggedError("Halted")<{ readonly message: string }> {}

/** Of a store's consensus, for whoever opened it. */
export interface Ending {
  readonly message: string
  readonly error: StorageError
  /** Every group goes on without this store. */
  readonly isSpare: boolean
}

export type ConsensusError = NotLeader | Overloaded | TimedOut | Unknown | NoGroup | ChangeRefused | Halted
