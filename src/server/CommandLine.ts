/**
 * CommandLine: what a server is told when it is started: `[redis.conf] [--name value …]`, with Orbit's settings and with Redis's directives. Pure.
 *
 * As with redis-server, everything up to the next `--name` is its value, and directives on the command line count more than those in the file. Orbit's
 * settings may also be written `--name=value`. Where both have a name, it is Orbit's.
 */
import * as Assignment from "./Assignment.ts"
import * as RedisDirectives from "./RedisDirectives.ts"
import { ofFlag } from "./Settings.ts"

export interface Parsed extends Assignment.Said {
  /** Orbit's own file. */
  readonly configPath: string | undefined
  /** Redis's. */
  readonly redisPath: string | undefined
  readonly printsConfig: boolean
  readonly helps: boolean
}

interface Flag {
  readonly name: string
  readonly values: ReadonlyArray<string>
}

const flags = (argv: ReadonlyArray<string>): ReadonlyArray<Flag> => {
  const found: Array<{ readonly name: string; readonly values: Array<string> }> = []
  for (const argument of argv) {
    if (argument.startsWith("--")) {
      const equals = argument.indexOf("=")
      const name = argument.slice(2, equals === -1 ? undefined : equals)
      found.push({ name: name.toLowerCase(), values: equals === -1 ? [] : [argument.slice(equals + 1)] })
    } else found.at(-1)?.values.push(argument)
  }
  return found
}

const own = new Set(["config", "print-config", "help"])

const said = ({ name, values }: Flag): Assignment.Said => {
  const source = { origin: "flag", place: `--${name}` } as const
  const setting = ofFlag(name)
  if (setting !== undefined) {
    if (values.length === 0) return Assignment.problem(`--${name}: a value is missing`)
    return { ...Assignment.nothing, assignments: [{ name: setting, text: values.join(" "), source }] }
  }
  if (RedisDirectives.isKnown(name)) return RedisDirectives.translate({ name, values, source })
  return Assignment.problem(`--${name}: there is no such setting, and redis-server 7.0 has no such directive`)
}

export const parse = (argv: ReadonlyArray<string>): Parsed => {
  const first = argv.findIndex((argument) => argument.startsWith("--"))
  const positionals = first === -1 ? argv : argv.slice(0, first)
  const all = flags(first === -1 ? [] : argv.slice(first))
  const config = all.filter(({ name }) => name === "config")
  const wrong = [
    ...(positionals.length > 1 ? [`${positionals[1]}: only one file is taken, a redis.conf`] : []),
    ...(config.some(({ values }) => values.length !== 1) || config.length > 1 ? ["--config takes one file"] : []),
    ...all
      .filter(({ name, values }) => own.has(name) && name !== "config" && values.length > 0)
      .map(({ name, values }) => `--${name} takes no value, not "${values.join(" ")}"`)
  ]
  const rest = Assignment.together(all.filter(({ name }) => !own.has(name)).map(said))
  return {
    ...rest,
    problems: [...wrong, ...rest.problems],
    configPath: config.at(0)?.values.at(0),
    redisPath: positionals.at(0),
    printsConfig: all.some(({ name }) => name === "print-config"),
    helps: all.some(({ name }) => name === "help")
  }
}
