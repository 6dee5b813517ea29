/** Front: the session of a client whose commands other nodes run, as these see it. */
import type { Alarm } from "#world/DeadlineHeap.ts"
import type { Client, Errand } from "./Client.ts"
import type { Server } from "./Server.ts"

/** A reply's place in the client's output. */
export interface Place {
  /** Undefined: it has not come. */
  bytes: Uint8Array | undefined
  /** Milliseconds of the wall clock, until when its command is sent again; 0: no node has refused it. */
  until: number
  /** The larger, the later its command was sent first; 0: it was not. */
  order: number
  /** Milliseconds of the wall clock, until when its command waits for keys, 0: for ever; undefined: it does not. */
  waitsUntil?: number | undefined
  /** Its client wants no reply. */
  isSilent: boolean
}

/** A command that is to be run again. */
export interface Repeated extends Errand {
  readonly place: Place
  /** CLIENT CACHING was said for it. */
  readonly isCaching: boolean
}

/** The client's session. */
export interface Front {
  readonly client: Client
  readonly server: Server
  /** The client reads nothing now. */
  readonly isFull: boolean
  /** Much waits for it to be sent. */
  readonly isLaden: boolean
  /** A place behind all that the client has been told so far, or that of the command that is run again. */
  place(): Place
  /** The same before what it was told in this turn. */
  placeBefore(): Place
  /** A reply of another node. */
  fill(place: Place, bytes: Uint8Array): void
  /** A message of another node. */
  push(bytes: Uint8Array): void
  /** Runs something whose reply is the client's, and gives the reply instead of sending it. */
  capture(run: () => void): Uint8Array
  /** Runs what was refused once more. False: not now. */
  repeat(command: Repeated): boolean
  /** It may be that more can be sent, or run. */
  proceed(): void
  /** Fires after so many milliseconds; undefined: not any more. */
  alarm(alarm: Alarm, delayMillis: number | undefined): void
  /** Has `resumed` called when `Server.resumed` is. */
  hold(): void
  break(): void
}

/** A command that has not been run, and is to be run again. */
export interface Refused {
  /** Undefined: its client has another reply. */
  readonly place: Place | undefined
  readonly errand: Errand
  readonly version: number
  readonly isCaching: boolean
  readonly isBlocking: boolean
  /** What its client is told when it cannot be run for too long. */
  readonly excuse?: string
}
