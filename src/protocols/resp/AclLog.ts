/** AclLog: the last times that somebody was refused, or could not log in. What happens again within a minute is counted, not listed anew. */
import type { Client } from "./Client.ts"
import * as ClientInfo from "./ClientInfo.ts"
import type { Denial } from "./User.ts"

export type Context = "toplevel" | "multi"

export interface Happened {
  readonly reason: Denial["reason"] | "auth"
  readonly object: string
}

interface AclEntry extends Happened {
  readonly context: Context
  readonly user: string
  readonly madeAt: number
  /** As it was the last time. */
  count: number
  clientInfo: string
}

const sameMillis = 60_000

export class AclLog {
  /** `acllog-max-len` of redis.conf; it holds when there is another entry. */
  entriesMax = 128
  /** The latest first. */
  entries: Array<AclEntry> = []

  /** `now`: milliseconds of the wall clock; `user`: whom the client wanted to be, if that is what was refused. */
  add({ object, reason }: Happened, client: Client, context: Context, now: number, user = client.user.name): void {
    const clientInfo = ClientInfo.describe(client, now)
    const same = this.entries.findIndex(
      (entry) =>
        entry.reason === reason &&
        entry.context === context &&
        entry.object === object &&
        entry.user === user &&
        now - entry.madeAt <= sameMillis
    )
    if (same !== -1) {
      const [entry] = this.entries.splice(same, 1)
      entry.count += 1
      entry.clientInfo = clientInfo
      this.entries.unshift(entry)
      return
    }
    this.entries.unshift({ reason, object, context, user, madeAt: now, count: 1, clientInfo })
    this.entries.splice(this.entriesMax)
  }

  clear(): void {
    this.entries = []
  }
}
