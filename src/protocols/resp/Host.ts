/** Host: what the session of a client asks of whoever has all of them. */
import type { Alarm } from "#world/DeadlineHeap.ts"
import type { Executor } from "./Executor.ts"

/** What lets replies out. */
export interface Gate {
  /** What was read was this node's own to tell, up to now. */
  readonly isHeld: boolean
  /** `done` is called once everything done up to now is durable, or never will be. False: it is durable. */
  settled(done: (isStored: boolean) => void): boolean
}

/** What sessions ask of whoever has all of them. */
export interface Host<Session> {
  readonly executor: Executor
  readonly gate: Gate
  /** Bytes that wait to be sent to all clients. */
  outputBytes: number
  /** `Session.turn` is to be called in the next turn. */
  later(session: Session): void
  /** `Session.answer` is to be called when the present turn is over. */
  touched(session: Session): void
  /** The turn of a session is over. */
  settle(): void
  /** The client waits for keys until then, in milliseconds of the wall clock. */
  wait(session: Session, until: number): void
  /** The command that was held up may be tried again when `Server.resumed` says so. */
  hold(session: Session): void
  /** Fires after so many milliseconds; undefined: not any more. */
  alarm(alarm: Alarm, delayMillis: number | undefined): void
  over(session: Session): void
}
