/**
 * Departure: what becomes of clients when slots leave this node, in the same turn in which it ceases to answer for them. Whoever asks for these keys from
 * then on is led to the node that has them; whoever has heard of them, and would hear of their changes, cannot any more, and learns that now.
 */
import type { Engine } from "#database/redis/Engine.ts"
import type { Shards } from "#database/redis/Shards.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import type { Blocked, Client } from "./Client.ts"
import * as CommandKeys from "./CommandKeys.ts"
import * as CommandTable from "./CommandTable.ts"
import * as Resuming from "./Resuming.ts"
import type { Tracking } from "./Tracking.ts"
import * as Watches from "./Watches.ts"

/** What another node is told of a command whose keys are not here. Users never see it. */
export const elsewhere = "ORBIT-ELSEWHERE"

/** What a client is told of a command whose keys no node answers for. */
export const unserved = "CLUSTERDOWN Hash slot not served"

/** What another node is told of a command whose keys another command holds. */
export const busy = "ORBIT-BUSY"

/** The client that another node has here is told so, of this command and all that follow. `blocked`: of the one that waits. */
export const refuse = (client: Client, blocked?: Blocked): void => {
  client.isAstray = true
  client.multi = undefined
  client.watched = []
  client.replies.error(blocked === undefined ? elsewhere : Resuming.refusal(elsewhere, blocked))
}

/** What of a server knows of clients and keys. */
interface Parts {
  readonly engine: Engine
  readonly clients: ReadonlyMap<number, Client>
  readonly tracking: Tracking
}

/** All that it uses when it waits no more, which may be more than it waits for. */
const keysOf = ({ argv, waiter }: Blocked): ReadonlyArray<string> => {
  const command = CommandTable.asked(argv)
  const named = command === undefined ? [] : CommandKeys.places(command, argv).map((at) => argv[at])
  return [...waiter.keys, ...named]
}

/** It may take now what it waits for: nothing that it uses is elsewhere, or stands still. If not, it begins anew. */
export const mayTake = (parts: Pick<Parts, "engine">, shards: Shards, client: Client): boolean => {
  const { blocked } = client
  if (blocked === undefined || keysOf(blocked).every((key) => shards.placeOf(SpacesRedis.slotOfText(key)) === "here"))
    return true
  sendAway(parts, client)
  return false
}

/** It waits here no more: where the keys are now it begins anew. */
const sendAway = ({ engine }: Pick<Parts, "engine">, client: Client): void => {
  const { blocked } = client
  if (blocked === undefined) return
  engine.blocking.leave(blocked.waiter)
  if (client.isRelayed) refuse(client, blocked)
  blocked.finished(false)
  client.blocked = undefined
  if (client.isRelayed) client.port?.unblocked()
  else client.port?.again(Resuming.resumed(blocked, engine.wallMillis()))
}

/** `isGone`: whether a slot has left. */
export const leave = (parts: Parts, isGone: (slot: number) => boolean): void => {
  const hasGone = (key: string): boolean => isGone(SpacesRedis.slotOfText(key))
  for (const client of parts.clients.values()) {
    for (const watched of client.watched) {
      if (watched.node === undefined && hasGone(watched.key)) Watches.lose(watched)
    }
    if (client.blocked !== undefined && keysOf(client.blocked).some(hasGone)) sendAway(parts, client)
  }
  parts.tracking.left(hasGone)
}
