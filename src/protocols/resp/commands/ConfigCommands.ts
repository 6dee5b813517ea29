/** CONFIG: what the server is set to, and setting it. */
import type { Handler } from "../Call.ts"
import * as Refusal from "../Refusal.ts"
import * as Help from "./Help.ts"

const get: Handler = ({ argv, out, server }) => {
  const found = server.config.matching(argv.slice(2))
  out.map(found.size)
  for (const [name, value] of found) {
    out.bulk(name)
    out.bulk(value)
  }
}

const set: Handler = ({ argv, out, server }) => {
  if (argv.length % 2 !== 0) throw Refusal.syntax
  server.config.set(argv.slice(2))
  out.ok()
}

const resetStatistics: Handler = ({ out, server }) => {
  server.resetCounts()
  out.ok()
}

const rewrite: Handler = () => {
  throw new Refusal.Refusal("ERR The server is running without a config file")
}

const help = Help.of("CONFIG", [
  "GET <pattern>",
  "    Return parameters matching the glob-like <pattern> and their values.",
  "SET <directive> <value>",
  "    Set the configuration <directive> to <value>.",
  "RESETSTAT",
  "    Reset statistics reported by the INFO command.",
  "REWRITE",
  "    Rewrite the configuration file."
])

export const handlers: Readonly<Record<string, Handler>> = {
  "config|get": get,
  "config|help": help,
  "config|resetstat": resetStatistics,
  "config|rewrite": rewrite,
  "config|set": set
}
