/** Monitor: what clients that said MONITOR are told of each command, as Redis writes it. */
import type { Client } from "./Client.ts"
import { type Command, Flag } from "./CommandTable.ts"
import * as Secrets from "./Secrets.ts"
import type { Server } from "./Server.ts"

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  '"': '\\"',
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\x07": "\\a",
  "\b": "\\b"
}

/** In double quotes, with everything that is not printable ASCII escaped (`sdscatrepr`). */
export const quote = (text: string): string => {
  const chars = text.split("").map((char) => {
    if (char in escapes) return escapes[char]
    const code = char.charCodeAt(0)
    return code >= 0x20 && code < 0x7f ? char : `\\x${code.toString(16).padStart(2, "0")}`
  })
  return `"${chars.join("")}"`
}

export const feed = (server: Server, client: Client, command: Command, argv: ReadonlyArray<string>): void => {
  const { flags } = command
  if ((flags & (Flag.skip_monitor | Flag.admin)) !== 0) return
  const { now } = server.engine
  const seconds = Math.floor(now / 1_000)
  const micros = String(Math.floor((now - seconds * 1_000) * 1_000)).padStart(6, "0")
  const line = `${seconds}.${micros} [${client.database} ${client.address}] ${Secrets.hidden(command, argv).map(quote).join(" ")}`
  for (const monitor of server.monitors) {
    monitor.out.simple(line)
    monitor.port?.pushed()
  }
}
