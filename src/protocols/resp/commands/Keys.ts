/** Keys: commands that do not care what a key holds: DEL, RENAME, COPY, MOVE, KEYS, FLUSHALL and so on, as redis-server 7.0 has them (db.c). */
import type { Database } from "#database/redis/Database.ts"
import { classes } from "#database/redis/Engine.ts"
import type { Entry } from "#database/redis/Entry.ts"
import { StreamValue } from "#database/redis/StreamValue.ts"
import { type Content, typeOf } from "#database/redis/Value.ts"
import type { Call, Handler } from "../Call.ts"
import * as Glob from "../Glob.ts"
import * as Numbers from "../Numbers.ts"
import * as Refusal from "../Refusal.ts"
import * as Timeout from "./Timeout.ts"

const intMax = 2_147_483_647

const notInt = new Refusal.Refusal("ERR value is out of range, value must between -2147483648 and 2147483647")
const noSuchDatabase = new Refusal.Refusal("ERR DB index is out of range")
const sameObject = new Refusal.Refusal("ERR source and destination objects are the same")

/** Redis frees what is made of more parts than this beside its commands, if it may; here that is so with everything, and only counted. */
const lazyPartsMin = 64
/** Of Redis's lists. */
const nodeBytes = 8_192

/** Into how many parts, about, Redis divides the memory of a value. */
const partsOf = (content: Content): number => {
  if (content instanceof StreamValue) return content.nodeNames.length + content.groups.size
  if (typeof content !== "object" || !scattered.has(content.encoding)) return 1
  return content.type === "list" ? content.heldBytes / nodeBytes : content.size
}

const scattered: ReadonlySet<string> = new Set(["quicklist", "hashtable", "skiplist"])

const remove =
  ({ isLazy }: { readonly isLazy: boolean }): Handler =>
  (call) => {
    const { argv, db, out, server } = call
    let removed = 0
    for (let i = 1; i < argv.length; i++) {
      const content = isLazy ? db.peek(argv[i])?.content : undefined
      if (!db.delete(argv[i])) continue
      removed++
      if (content !== undefined && partsOf(content) > lazyPartsMin) server.counts.lazyFreed += 1
      call.notify(classes.generic, "del", argv[i])
    }
    out.integer(removed)
  }

/** Keys that are there, each as often as it is named. */
const counted =
  (look: (call: Call, key: string) => Entry | undefined): Handler =>
  (call) => {
    const { argv, out } = call
    let found = 0
    for (let i = 1; i < argv.length; i++) if (look(call, argv[i]) !== undefined) found++
    out.integer(found)
  }

const type: Handler = (call) => {
  const entry = call.db.peek(call.argv[1])
  call.out.simple(entry === undefined ? "none" : typeOf(entry.content))
}

/** Puts what an entry holds under another name, in place of what is there. */
const put = (db: Database, key: string, { content, expiresAt }: Pick<Entry, "content" | "expiresAt">): void => {
  const entry = db.replace(key, content)
  if (expiresAt !== 0) db.expireAt(entry, expiresAt)
}

const rename =
  (onlyIfNew: boolean): Handler =>
  (call) => {
    const { argv, db, out } = call
    const [, from, to] = argv
    const entry = db.peek(from)
    if (entry === undefined) throw Refusal.noSuchKey
    if (from === to || (onlyIfNew && db.peek(to) !== undefined)) return onlyIfNew ? out.integer(0) : out.ok()
    const { content, expiresAt } = entry
    db.delete(from)
    put(db, to, { content, expiresAt })
    call.notify(classes.generic, "rename_from", from)
    call.notify(classes.generic, "rename_to", to)
    if (onlyIfNew) out.integer(1)
    else out.ok()
  }

/** The number of a database. */
const databaseAt = (call: Call, at: number, notInteger = Refusal.notInteger, notInRange = notInt): number => {
  const number = Numbers.parseInteger(call.argv[at])
  if (number === undefined) throw notInteger
  if (Math.abs(number) > intMax) throw notInRange
  return number
}

const databaseOf = ({ engine }: Call, number: number): Database => {
  const database = engine.databases[number]
  if (database === undefined) throw noSuchDatabase
  return database
}

const move: Handler = (call) => {
  const { client, db, engine, out } = call
  const key = call.argv[1]
  const number = databaseAt(call, 2)
  const target = databaseOf(call, number)
  if (target === db) throw sameObject
  const entry = db.peek(key)
  if (entry === undefined || target.peek(key) !== undefined) return out.integer(0)
  const { content, expiresAt } = entry
  db.delete(key)
  put(target, key, { content, expiresAt })
  engine.notify(classes.generic, "move_from", client.database, key)
  engine.notify(classes.generic, "move_to", number, key)
  out.integer(1)
}

const copy: Handler = (call) => {
  const { argv, client, db, engine, out } = call
  const [, from, to] = argv
  let replaces = false
  let number = client.database
  for (let i = 3; i < argv.length; i++) {
    if (call.is(i, "replace")) replaces = true
    else if (call.is(i, "db") && i + 1 < argv.length) {
      number = databaseAt(call, ++i)
      databaseOf(call, number)
    } else throw Refusal.syntax
  }
  const target = databaseOf(call, number)
  if (target === db && from === to) throw sameObject
  const entry = call.read(from)
  if (entry === undefined || (!replaces && target.peek(to) !== undefined)) return out.integer(0)
  const { content, expiresAt } = entry
  put(target, to, { content: typeof content === "object" ? content.clone() : content, expiresAt })
  engine.notify(classes.generic, "copy_to", number, to)
  out.integer(1)
}

const randomkey: Handler = ({ db, out }) => {
  const entry = db.random()
  if (entry === undefined) out.null()
  else out.bulk(entry.name)
}

const keys: Handler = ({ argv, db, now, out }) => {
  const pattern = argv[1]
  const found: Array<string> = []
  db.each(({ expiresAt, name }) => {
    const isThere = expiresAt === 0 || now < expiresAt
    if (isThere && (pattern === "*" || Glob.matches(pattern, name))) found.push(name)
  })
  out.bulks(found)
}

const checkFlush = (call: Call): void => {
  if (call.argv.length > 2 || (call.argv.length === 2 && !call.is(1, "async") && !call.is(1, "sync"))) {
    throw Refusal.syntax
  }
}

const flush = (call: Call, database: number): void => {
  checkFlush(call)
  const flushed = call.engine.flush(database)
  if (call.argv.length === 2 && call.is(1, "async")) call.server.counts.lazyFreed += flushed
  call.out.ok()
}

const notFirst = new Refusal.Refusal("ERR invalid first DB index")
const notSecond = new Refusal.Refusal("ERR invalid second DB index")

const notInCluster = new Refusal.Refusal("ERR SWAPDB is not allowed in cluster mode")

const swapdb: Handler = (call) => {
  if (call.server.topology !== undefined) throw notInCluster
  const left = databaseAt(call, 1, notFirst, notFirst)
  const right = databaseAt(call, 2, notSecond, notSecond)
  databaseOf(call, left)
  databaseOf(call, right)
  call.engine.swap(left, right)
  call.out.ok()
}

/** There are no replicas to wait for, as with a Redis that stands alone: what a reply promises, it promises already. */
const wait: Handler = (call) => {
  const replicas = call.integer(1)
  const timeoutMillis = Timeout.millisAt(call, 2)
  const none = ({ out }: Call): void => out.integer(0)
  if (replicas <= 0) return none(call)
  call.block({ keys: [], serve: () => false, timedOut: none, timeoutMillis })
}

export const handlers: Readonly<Record<string, Handler>> = {
  copy,
  dbsize: ({ db, out }) => out.integer(db.size),
  del: remove({ isLazy: false }),
  exists: counted(({ db }, key) => db.peek(key)),
  flushall: (call) => flush(call, -1),
  flushdb: (call) => flush(call, call.client.database),
  keys,
  move,
  randomkey,
  rename: rename(false),
  renamenx: rename(true),
  swapdb,
  touch: counted((call, key) => call.read(key)),
  type,
  unlink: remove({ isLazy: true }),
  wait
}
