/** Help: what `npm start -- --help` prints: all settings, from their table. */
import { flagOf, type Name, names, type Setting, table } from "../Settings.ts"

const settings = table as Readonly<Record<Name, Setting<unknown>>>

const lines = names.map((name) => {
  const { initial, kind, what } = settings[name]
  const shown = kind.show(initial)
  return `  --${flagOf(name)} (${shown === "" ? "none" : shown})\n      ${what}\n`
})

export const help = `Run a node of Orbit.

USAGE
  npm start -- [redis.conf] [--config FILE] [--NAME VALUE ...]
  orbit serve  [redis.conf] [--config FILE] [--NAME VALUE ...]

Flags count more than ORBIT_NAME variables, those more than files. Directives of redis.conf (port, bind, requirepass,
maxclients, dir, appendfsync, tls-port, ...) are understood in its file and as flags.

FLAGS
  --config FILE    Settings as JSON, comments allowed: { "redisPort": 7000 }
  --print-config   Print each value and where it comes from, and end
  --help           Print this

SETTINGS, with their defaults
${lines.join("")}
EXIT CODES
  0 stopped as asked; 1 a defect, or its disk failed; 2 the configuration; 3 another process has the data directory;
  4 the data directory; 5 an address to listen at; 6 clients were cut off, or it was stopped by force
`
