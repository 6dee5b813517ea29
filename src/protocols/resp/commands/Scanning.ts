/** Scanning: SCAN. A key that is there from the first call to the last is met; one that moves meanwhile may be met twice (see `Table`). */
import { typeOf } from "#database/redis/Value.ts"
import type { Call, Handler } from "../Call.ts"
import * as Glob from "../Glob.ts"
import * as Refusal from "../Refusal.ts"
import * as Elements from "./Elements.ts"

interface Options {
  count: number
  pattern: string | undefined
  type: string | undefined
}

const optionsOf = (call: Call): Options => {
  const { argv } = call
  const options: Options = { count: 10, pattern: undefined, type: undefined }
  for (let i = 2; i < argv.length; i += 2) {
    if (i + 1 === argv.length) throw Refusal.syntax
    if (call.is(i, "count")) {
      options.count = call.integer(i + 1)
      if (options.count < 1) throw Refusal.syntax
    } else if (call.is(i, "match")) options.pattern = argv[i + 1] === "*" ? undefined : argv[i + 1]
    else if (call.is(i, "type")) options.type = argv[i + 1].toLowerCase()
    else throw Refusal.syntax
  }
  return options
}

const scan: Handler = (call) => {
  const { db, now, out } = call
  const cursor = Elements.cursorOf(call.argv[1])
  const { count, pattern, type } = optionsOf(call)
  const found: Array<string> = []
  const expired: Array<string> = []
  const next = db.scan(cursor, count, ({ content, expiresAt, name }) => {
    if (expiresAt !== 0 && now >= expiresAt) {
      expired.push(name)
      return
    }
    if (type !== undefined && typeOf(content) !== type) return
    if (pattern === undefined || Glob.matches(pattern, name)) found.push(name)
  })
  // Looking removes them, which moves others to positions that are visited already: those were visited, too.
  for (const name of expired) db.peek(name)
  out.array(2)
  out.bulk(next)
  out.bulks(found)
}

export const handlers: Readonly<Record<string, Handler>> = { scan }
