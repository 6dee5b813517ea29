/** ClientInfo: a client as CLIENT LIST describes it, one line of `name=value`. What it has no part in here (memory of buffers) is 0. */
import type { Client } from "./Client.ts"
import * as ClientMemory from "./ClientMemory.ts"

/** Its command waits: for keys, here or at other nodes, for these to be this node's to tell of, or because of CLIENT PAUSE. */
export const isBlocked = ({ blocked, isHeld, port }: Client): boolean =>
  blocked !== undefined || isHeld || port?.away?.isBlocked === true

/** The letters of what applies; `N` where nothing does. */
const flagsOf = (client: Client): string => {
  const { tracking } = client
  const flags = [
    client.isMonitor ? "O" : "",
    client.isSubscribed ? "P" : "",
    client.multi === undefined ? "" : "x",
    isBlocked(client) ? "b" : "",
    tracking === undefined ? "" : "t",
    tracking?.isBroken === true ? "R" : "",
    tracking?.isBroadcast === true ? "B" : "",
    client.isClosing ? "c" : "",
    client.isNoEvict ? "e" : ""
  ].join("")
  return flags === "" ? "N" : flags
}

/** `now`: milliseconds of the wall clock. */
export const describe = (client: Client, now: number): string => {
  const seconds = (since: number): number => Math.max(0, Math.floor((now - since) / 1_000))
  const output = ClientMemory.ofOutput(client)
  const fields: ReadonlyArray<readonly [string, string | number]> = [
    ["id", client.id],
    ["addr", client.address],
    ["laddr", client.localAddress],
    ["fd", client.id],
    ["name", client.name],
    ["age", seconds(client.createdAt)],
    ["idle", seconds(client.usedAt)],
    ["flags", flagsOf(client)],
    ["db", client.database],
    ["sub", client.channels.size],
    ["psub", client.patterns.size],
    ["ssub", client.shardChannels.size],
    ["multi", client.multi?.queue.length ?? -1],
    ["qbuf", ClientMemory.ofInput(client)],
    ["qbuf-free", 0],
    ["argv-mem", ClientMemory.ofArguments(client)],
    ["multi-mem", ClientMemory.ofMulti(client)],
    ["rbs", 0],
    ["rbp", 0],
    ["obl", output],
    ["oll", 0],
    ["omem", output],
    ["tot-mem", ClientMemory.of(client)],
    ["events", "r"],
    ["cmd", client.lastCommand],
    ["user", client.user.name],
    ["redir", client.tracking === undefined ? -1 : client.tracking.redirect],
    ["resp", client.out.protocol]
  ]
  return fields.map(([name, value]) => `${name}=${value}`).join(" ")
}
