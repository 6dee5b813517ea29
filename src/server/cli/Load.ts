/** Load: the configuration from the places of this machine: command line, environment, files. */
import { readFileSync } from "node:fs"
import * as Assignment from "../Assignment.ts"
import * as CommandLine from "../CommandLine.ts"
import * as ConfigFile from "../ConfigFile.ts"
import * as Configuration from "../Configuration.ts"
import * as RedisConf from "../RedisConf.ts"

const read: RedisConf.Read = (path) => {
  try {
    return { text: readFileSync(path, "utf8") }
  } catch (error) {
    return { problem: `${path}: cannot be read: ${(error as Error).message}` }
  }
}

const ofFile = (path: string | undefined, parse: (path: string, text: string) => Assignment.Said): Assignment.Said => {
  if (path === undefined) return Assignment.nothing
  const found = read(path)
  return "problem" in found ? Assignment.problem(found.problem) : parse(path, found.text)
}

/** Everything that was said. */
export const load = (
  parsed: CommandLine.Parsed,
  environment: Readonly<Record<string, string | undefined>>
): Configuration.Resolved =>
  Configuration.resolve(
    Assignment.together([
      ofFile(parsed.redisPath, (path, text) => RedisConf.parse(path, text, read)),
      ofFile(parsed.configPath, ConfigFile.parse),
      Configuration.ofEnvironment(environment),
      parsed
    ])
  )
