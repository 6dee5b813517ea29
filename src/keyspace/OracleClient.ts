/**
 * OracleClient: timestamps for everybody on one store. One request is under way at a time; whoever comes meanwhile goes with the next one,
 * together, so a busy store asks as often as the way there and back allows and no oftener.
 *
 * Promises: `done` is called once, not within `timestamp`; a timestamp is later than every one that was given, to anybody, before the
 * call: nobody joins a request that has left. Callers get theirs in the order in which they came.
 *
 * Needs: `ask` answers once, with an error where nothing is known, when its time is over at the latest. A request whose answer was lost is made
 * again; what it may have been given is used by nobody.
 */
import * as Limits from "#base/Limits.ts"
import type { Alarms } from "#cluster/Alarms.ts"
import type { Done } from "#world/Completion.ts"
import { Alarm } from "#world/DeadlineHeap.ts"
import { Unavailable, type KeyspaceError } from "./KeyspaceError.ts"
import type { Timestamp } from "./Request.ts"

/** So many timestamps, the last of which is answered. */
export type Ask = (count: number, timeoutMicros: number, done: Done<Timestamp, KeyspaceError>) => void

/** After a request that failed. */
const retryMicros = 20_000

class Caller extends Alarm {
  readonly done: Done<Timestamp, KeyspaceError>
  isOver = false

  constructor(done: Done<Timestamp, KeyspaceError>, rings: () => void) {
    super(rings)
    this.done = done
  }
}

export class OracleClient {
  private readonly ask: Ask
  private readonly alarms: Alarms
  /** In the order in which they came; those whose time is over are still there. */
  private waiting: Array<Caller> = []
  private isAsking = false

  constructor(alarms: Alarms, ask: Ask) {
    this.alarms = alarms
    this.ask = ask
  }

  timestamp(timeoutMicros: number, done: Done<Timestamp, KeyspaceError>): void {
    const caller = new Caller(done, () => {
      caller.isOver = true
      done(new Unavailable({ message: "the oracle gave no timestamp in time: is the system range well?" }), 0)
    })
    this.alarms.set(caller, this.alarms.nowMicros() + timeoutMicros)
    this.waiting.push(caller)
    if (!this.isAsking) this.next()
  }

  private next(): void {
    const callers = this.waiting.filter(({ isOver }) => !isOver)
    this.waiting = callers.splice(Limits.timestampsMax)
    this.isAsking = callers.length > 0
    if (!this.isAsking) return
    let dueMicros = 0
    for (const { deadlineMicros } of callers) dueMicros = Math.max(dueMicros, deadlineMicros)
    this.ask(callers.length, Math.max(0, dueMicros - this.alarms.nowMicros()), (error, last) => {
      if (error === undefined) return this.answer(callers, last)
      // Those whose time is not over go with the next one, before all others.
      this.waiting = [...callers, ...this.waiting]
      this.alarms.at(this.alarms.nowMicros() + retryMicros, () => this.next())
    })
  }

  private answer(callers: ReadonlyArray<Caller>, last: Timestamp): void {
    // Who calls from within an answer waits for the others.
    callers.forEach((caller, index) => {
      if (caller.isOver) return
      this.alarms.clear(caller)
      caller.done(undefined, last - callers.length + 1 + index)
    })
    this.next()
  }
}
