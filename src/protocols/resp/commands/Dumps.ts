/** Dumps: DUMP and RESTORE, which exchange values with servers of Redis (see `Dump`). */
import * as Latin1 from "#base/Latin1.ts"
import { classes } from "#database/redis/Engine.ts"
import type { Call, Handler } from "../Call.ts"
import * as Dump from "../Dump.ts"
import * as Refusal from "../Refusal.ts"

const refusal = (text: string): Refusal.Refusal => new Refusal.Refusal(text)

const dump: Handler = (call) => {
  const entry = call.read(call.argv[1])
  if (entry === undefined) return call.out.null()
  call.out.blob(Dump.write(entry.content, call.engine.settings))
}

interface Options {
  replaces: boolean
  isAbsolute: boolean
  /** In seconds; none: it was not given. */
  idle: number | undefined
  frequency: number | undefined
}

const optionsOf = (call: Call): Options => {
  const { argv } = call
  const options: Options = { replaces: false, isAbsolute: false, idle: undefined, frequency: undefined }
  for (let i = 4; i < argv.length; i++) {
    const hasNext = i + 1 < argv.length
    if (call.is(i, "replace")) options.replaces = true
    else if (call.is(i, "absttl")) options.isAbsolute = true
    else if (call.is(i, "idletime") && hasNext && options.frequency === undefined) {
      options.idle = call.integer(++i)
      if (options.idle < 0) throw refusal("ERR Invalid IDLETIME value, must be >= 0")
    } else if (call.is(i, "freq") && hasNext && options.idle === undefined) {
      options.frequency = call.integer(++i)
      if (options.frequency < 0 || options.frequency > 255) {
        throw refusal("ERR Invalid FREQ value, must be >= 0 and <= 255")
      }
    } else throw Refusal.syntax
  }
  return options
}

const restore: Handler = (call) => {
  const { argv, db, engine, now, out } = call
  const [, key, , payload] = argv
  const { frequency, idle, isAbsolute, replaces } = optionsOf(call)
  if (!replaces && db.peek(key) !== undefined) throw refusal("BUSYKEY Target key name already exists.")
  const ttl = call.integer(2)
  if (ttl < 0) throw refusal("ERR Invalid TTL value, must be >= 0")
  const bytes = Latin1.encode(payload)
  if (!Dump.isIntact(bytes)) throw refusal("ERR DUMP payload version or checksum are wrong")
  const content = Dump.read(bytes, engine.settings)
  if (content === undefined) throw refusal("ERR Bad data format")
  const until = ttl === 0 || isAbsolute ? ttl : now + ttl
  if (until !== 0 && until <= now) {
    if (db.delete(key)) call.notify(classes.generic, "del", key)
    return out.ok()
  }
  const entry = db.replace(key, content)
  if (until !== 0) db.expireAt(entry, until)
  if (engine.countsUses) entry.frequency = frequency ?? entry.frequency
  else if (idle !== undefined) entry.use(now - idle * 1_000)
  call.notify(classes.generic, "restore", key)
  out.ok()
}

export const handlers: Readonly<Record<string, Handler>> = { dump, restore, "restore-asking": restore }
