/**
 * Client: what the server knows of one connection: what it has chosen, what it waits for, what it has queued. It knows nothing of sockets: how its
 * replies go out, and how it is closed, is its session's.
 */
import type { Waiter } from "#database/redis/Blocking.ts"
import type { Reply } from "./Reply.ts"

/** A command that waits for keys. */
export interface Blocked {
  readonly waiter: Waiter
  /** Milliseconds of the wall clock; 0: for ever. */
  readonly until: number
  /** Replies as the command does when its time is over. */
  readonly timedOut: () => void
}

export interface Queued {
  readonly argv: ReadonlyArray<string>
}

/** What a MULTI has collected. */
export interface Multi {
  readonly queue: Array<Queued>
  /** A command was refused: EXEC is, too. */
  isAborted: boolean
}

/** What the session does for its client. */
export interface Port {
  /** A blocked client has its reply, and goes on. */
  unblocked(): void
  /** After what is to be sent was sent. */
  close(): void
}

export class Client {
  readonly id: number
  readonly out: Reply
  /** The session sets it. */
  port: Port | undefined
  name = ""
  /** The number of its database. */
  database = 0
  multi: Multi | undefined
  blocked: Blocked | undefined
  /** It has said who it is, or need not. */
  isAuthenticated = true

  constructor(id: number, out: Reply) {
    this.id = id
    this.out = out
  }
}
