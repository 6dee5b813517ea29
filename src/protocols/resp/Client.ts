/**
 * Client: what the server knows of one connection: what it has chosen, what it waits for, what it has queued. It knows nothing of sockets: how its
 * replies go out, and how it is closed, is its session's.
 */
import type { Waiter } from "#database/redis/Blocking.ts"
import type { End } from "#database/redis/Partaking.ts"
import type { Peer } from "#database/redis/Shards.ts"
import type { Command } from "./CommandTable.ts"
import { Reply } from "./Reply.ts"
import type { Tracked } from "./Tracked.ts"
import * as User from "./User.ts"

/** A command that waits for keys. */
export interface Blocked {
  readonly argv: ReadonlyArray<string>
  /** What its last arguments have come to mean, so that it means the same when it is begun anew; undefined: what they say. */
  readonly tail?: ReadonlyArray<string> | undefined
  readonly waiter: Waiter
  /** Milliseconds of the wall clock; 0: for ever. */
  readonly until: number
  /** It waits for nothing but the time, which is what it takes. */
  readonly isBusy: boolean
  /** Replies as the command does when its time is over. */
  readonly timedOut: () => void
  /** Its reply is written; the executor sets it. */
  finished: (isError: boolean) => void
}

/** What a MULTI has collected. */
export interface Multi {
  readonly queue: Array<ReadonlyArray<string>>
  /** A command was refused: EXEC is, too. */
  isAborted: boolean
  /** One of them may take memory for data. */
  takesMemory: boolean
  /** What the queue takes. */
  sizeBytes: number
}

/** A key as it was when it was to be watched (`Watches`); version 0: it was not there. */
export interface Watched {
  readonly database: number
  readonly key: string
  /** Who has it; undefined: this node. */
  readonly node: number | undefined
  version: number
}

/** What the session does for its client. None of it happens within the call. */
export interface Port {
  /** A blocked client has its reply, and goes on. */
  unblocked(): void
  /** What is written meanwhile tells of nothing but what is durable, whatever else has been done: it is sent without waiting for that. */
  assure(write: () => void): void
  /** Something was written that is no reply to what runs. */
  pushed(): void
  /** After what is to be sent was sent. */
  close(): void
  /** At once: another wants it so. */
  kill(): void
  /** At once, without any goodbye. */
  break(): void
  /** Bytes of requests that are kept, the one that runs included. */
  readonly input: {
    readonly heldBytes: number
    readonly argumentsBytes: number
  }
  /** Bytes that wait to be sent. */
  readonly outputBytes: number
  /** What other nodes do for it; undefined: nothing so far. */
  readonly away: Away | undefined
  /** The same, to have something done. */
  reach(): Away
  /** A command that waited here for keys is to be run again from its beginning. */
  again(argv: ReadonlyArray<string>): void
}

/** A command that another node is to run. */
export interface Errand {
  readonly command: Command
  readonly argv: ReadonlyArray<string>
  /** What EXEC runs. */
  readonly multi?: Multi | undefined
}

/** What other nodes do for a client. None of it happens within the call. */
export interface Away {
  /** Commands that have no answer yet. */
  readonly count: number
  /** Who answers for what may have changed since these were sent: what is sent now may be run before them. */
  readonly isMapOld: boolean
  /** A command waits for keys there. */
  readonly isBlocked: boolean
  /** Has another node run it; its reply goes to the client, in its turn. */
  send(peer: Peer, errand: Errand): void
  /** Has another node watch keys; `isLast`: its reply is the client's. */
  watch(peer: Peer, keys: ReadonlyArray<string>, options: { readonly isLast: boolean }): void
  /** Has a command, or a MULTI, run whose keys several nodes have. */
  cross(errand: Errand): void
  /** Has a command run when somebody answers for its keys; `text`: why it is refused if that takes too long. */
  attend(errand: Errand, text: string): void
  /** Has a command run that is about all keys. */
  survey(errand: Errand): void
  /** What waits for keys there is to wait no more: as `Server.unblock`. False: nothing does. */
  unblock(error: string | undefined): boolean
}

/** How sure a reply is: `async`: it does not wait for what it tells of to be stored. */
export type Durability = "stored" | "async"

/** `off` until it is `on` again; `skip`: the next reply, which `skipping` is. */
export type ReplyMode = "on" | "off" | "skip" | "skipping"

export class Client {
  readonly id: number
  readonly out: Reply
  /** The session sets it. */
  port: Port | undefined
  name = ""
  /** As `host:port`. */
  address = ""
  localAddress = ""
  /** Milliseconds of the wall clock. */
  createdAt = 0
  usedAt = 0
  /** The whole name of the last command. */
  lastCommand = "NULL"
  /** Where replies to its commands go: not to `out`, while it wants none. What others send it goes to `out` always. */
  replies: Reply
  /** The number of its database. */
  database = 0
  multi: Multi | undefined
  watched: Array<Watched> = []
  blocked: Blocked | undefined
  user: User.User = User.unlimited
  /** It came in by the node's own socket. */
  isAdministrator = false
  /** It is another node, for a client of its own; `address` is that client's. */
  isRelayed = false
  /** It was told that a command's keys are not here. So it is of all that follow: what was sent behind that one must not be run before it. */
  isAstray = false
  /** What this node has promised to another one in its name. */
  promise: { end: End } | undefined
  /** It has said who it is, or need not. */
  isAuthenticated = true
  durability: Durability = "stored"
  /** CLIENT PAUSE holds up its command. */
  isHeld = false
  isNoEvict = false
  /** What `Memory` has counted of it, and where it has it; -1: nowhere. */
  countedBytes = 0
  memoryClass = -1
  isMonitor = false
  /** It goes when its replies are sent: nothing of it is run any more. */
  isClosing = false
  readonly channels = new Set<string>()
  readonly patterns = new Set<string>()
  readonly shardChannels = new Set<string>()
  tracking: Tracked | undefined
  private mode: ReplyMode = "on"

  constructor(id: number, out: Reply) {
    this.id = id
    this.out = this.replies = out
  }

  get replyMode(): ReplyMode {
    return this.mode
  }

  set replyMode(mode: ReplyMode) {
    this.mode = mode
    if (mode === "on" || mode === "skip") this.replies = this.out
    else if (this.replies === this.out) this.replies = new Reply()
  }

  get isSubscribed(): boolean {
    return this.channels.size > 0 || this.patterns.size > 0 || this.shardChannels.size > 0
  }
}
