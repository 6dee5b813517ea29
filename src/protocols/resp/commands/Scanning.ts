/**
 * Scanning: SCAN. A key that is there from the first call to the last is met; one that moves meanwhile may be met twice (see `Table`). Where several nodes
 * have the keys it goes through all slots (see `SlottedTable`), and through those that this node answers for as long as it does: who runs commands asks the
 * node that has the cursor's slot.
 */
import type { Entry } from "#database/redis/Entry.ts"
import { SlottedTable } from "#database/redis/SlottedTable.ts"
import { typeOf } from "#database/redis/Value.ts"
import type { Call, Handler } from "../Call.ts"
import * as Cursors from "../Cursors.ts"
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

/** The next keys of a scan; answers its next cursor. */
const next = ({ db, engine, server }: Call, cursor: bigint, count: number, visit: (entry: Entry) => void): string => {
  const { keys } = db
  if (!(keys instanceof SlottedTable)) return String(keys.scan(Number(cursor), count, (_, entry) => visit(entry)))
  const { shards, topology } = server
  // Clients that know that there are several nodes scan each of them: here it passes by what others have.
  const isHere = (slot: number): boolean =>
    shards === undefined || topology !== undefined || shards.placeOf(slot) === "here"
  const own = (entry: Entry): void => {
    if (!engine.isElsewhere(entry.name)) visit(entry)
  }
  return Cursors.textOf(keys.scanSlots(Cursors.ofSlots(cursor), count, isHere, own))
}

const scan: Handler = (call) => {
  const { db, now, out } = call
  const cursor = Cursors.parse(call.argv[1])
  if (cursor === undefined) throw Elements.invalidCursor
  const { count, pattern, type } = optionsOf(call)
  const found: Array<string> = []
  const expired: Array<string> = []
  const after = next(call, cursor, count, ({ content, expiresAt, name }) => {
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
  out.bulk(after)
  out.bulks(found)
}

export const handlers: Readonly<Record<string, Handler>> = { scan }
