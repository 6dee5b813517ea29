/**
 * DEBUG, where the configuration allows it: what tests of servers ask for. A server of Orbit does not crash, leak or lose its place by a command:
 * those are refused.
 */
import { encodingOf, typeOf } from "#database/redis/Value.ts"
import type { Call, Handler } from "../Call.ts"
import * as ConfigText from "../ConfigText.ts"
import * as Digest from "../Digest.ts"
import * as Dump from "../Dump.ts"
import * as Numbers from "../Numbers.ts"
import * as Refusal from "../Refusal.ts"
import * as Help from "./Help.ts"

const refusal = (text: string): Refusal.Refusal => new Refusal.Refusal(text)

const notAllowed = refusal(
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.'
)

const isAllowed = ({ client, server }: Call): boolean => {
  const debug = server.config.get("enable-debug-command")
  return debug === "yes" || (debug === "local" && /^(127\.|\[?::1|\/|$)/.test(client.address))
}

/** Everybody waits as long as this client does. */
const sleep: Handler = (call) => {
  const seconds = Numbers.parseFloat(call.argv[2]) ?? 0
  const millis = Math.max(0, Math.ceil(seconds * 1_000))
  if (millis === 0) return call.out.ok()
  const { now, server } = call
  server.pause.until = Math.max(server.pause.until, now + millis)
  server.pause.isAll = true
  // EXEC does not wait: what is asked next does.
  if (call.isInMulti) {
    const { address, name } = call.client
    server.slowlog.note(call.argv, millis * 1_000, { address, name, atMillis: now })
    server.latency.note("command", millis, now)
  }
  const timedOut = (again: Call): void => again.out.ok()
  call.block({ isBusy: true, keys: [], timeoutMillis: millis, serve: () => false, timedOut })
}

const object: Handler = (call) => {
  const entry = call.db.peek(call.argv[2])
  if (entry === undefined) throw Refusal.noSuchKey
  const { content } = entry
  const encoding = encodingOf(content)
  // Less what is around a value in a dump: its type, a version and a checksum.
  const lengthBytes = Dump.write(content, call.engine.settings).length - 11
  const lru = entry.usedSeconds % 16_777_216
  const idleSeconds = entry.idleSeconds(call.now)
  const nodes =
    encoding === "quicklist" ? ` ql_nodes:1 ql_listpack_max:${call.engine.settings.listMaxListpackSize}` : ""
  call.out.simple(
    `Value at:0x0 refcount:1 encoding:${encoding} serializedlength:${lengthBytes} lru:${lru} lru_seconds_idle:${idleSeconds}${nodes}`
  )
}

/** Writes each value as a file would have it and reads it again: what is in memory afterwards was made of bytes. */
const reload: Handler = ({ engine, out }) => {
  for (const database of engine.databases) {
    database.each((entry) => {
      if (typeof entry.content !== "object") return
      const read = Dump.read(Dump.write(entry.content, engine.settings), engine.settings)
      if (read === undefined) throw refusal("ERR Error trying to load the RDB dump, check server logs")
      entry.content = read
      engine.changed(entry)
    })
  }
  out.ok()
}

/** What is in memory afterwards was read from what is stored. Everybody else hears meanwhile that the data is being loaded. */
const loadAgain: Handler = (call) => {
  const { client, isInMulti, server } = call
  let isLoaded = false
  const done = (): void => {
    isLoaded = true
    server.unblock(client)
  }
  if (isInMulti || !server.reload(done)) throw refusal("ERR The data cannot be loaded again now")
  const timedOut = ({ out }: Call): void => {
    if (isLoaded) out.ok()
    else out.error("LOADING Redis is loading the dataset in memory")
  }
  call.block({ isBusy: true, keys: [], timeoutMillis: 0, serve: () => false, timedOut })
}

const populate: Handler = (call) => {
  const { argv, db } = call
  const count = call.integer(2)
  if (count < 0) throw Refusal.outOfRange
  const prefix = argv[3] ?? "key"
  const sizeBytes = argv.length > 4 ? call.integer(4) : 0
  for (let at = 0; at < count; at++) {
    const name = `${prefix}:${at}`
    if (db.peek(name) !== undefined) continue
    const value = `value:${at}`
    db.add(name, sizeBytes === 0 ? value : value.slice(0, sizeBytes).padEnd(sizeBytes, "\0"))
  }
  call.out.ok()
}

const big = "1234567999999999999999999999999999999"

const listed = (call: Call, kind: "array" | "set"): void => {
  call.out[kind](3)
  for (let at = 0; at < 3; at++) call.out.integer(at)
}

const protocols: Readonly<Record<string, (call: Call) => void>> = {
  string: ({ out }) => out.bulk("Hello World"),
  integer: ({ out }) => out.integer(12_345),
  double: ({ out }) => out.double(3.141),
  bignum: ({ out }) => out.big(big),
  null: ({ out }) => out.null(),
  array: (call) => listed(call, "array"),
  set: (call) => listed(call, "set"),
  map: ({ out }) => {
    out.map(3)
    for (let at = 0; at < 3; at++) {
      out.integer(at)
      out.boolean(at === 1)
    }
  },
  attrib: ({ out }) => {
    if (out.protocol === 3) {
      out.attribute(1)
      out.bulk("key-popularity")
      out.array(2)
      out.bulk("key:123")
      out.integer(90)
    }
    out.bulk("Some real reply following the attribute")
  },
  push: ({ out }) => {
    if (out.protocol === 2) throw refusal("ERR RESP2 is not supported by this command")
    out.push(2)
    out.bulk("server-cpu-usage")
    out.integer(42)
    out.bulk("Some real reply following the push reply")
  },
  verbatim: ({ out }) => out.verbatim("txt", "This is a verbatim\nstring"),
  true: ({ out }) => out.boolean(true),
  false: ({ out }) => out.boolean(false)
}

const protocol: Handler = (call) => {
  const name = call.argv[2].toLowerCase()
  if (!Object.hasOwn(protocols, name)) {
    throw refusal(
      "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
    )
  }
  protocols[name](call)
}

const statistics: Handler = (call) => {
  const number = call.integer(2)
  if (number < 0 || number >= call.engine.databases.length) throw refusal("ERR Out of range database")
  const { expiring, size } = call.engine.databases[number]
  const of = (count: number): string =>
    count === 0
      ? "No stats available for empty dictionaries\n"
      : ` table size: ${count}\n number of elements: ${count}\n`
  const head = "Hash table 0 stats (main hash table):\n"
  call.out.verbatim("txt", `[Dictionary HT]\n${head}${of(size)}[Expires HT]\n${head}${of(expiring)}`)
}

const statisticsOfKey: Handler = (call) => {
  const entry = call.db.peek(call.argv[2])
  if (entry === undefined) throw Refusal.noSuchKey
  const encoding = encodingOf(entry.content)
  if (encoding !== "hashtable" && encoding !== "skiplist") {
    throw refusal("ERR The value stored at the specified key is not represented using an hash table")
  }
  const count = typeof entry.content === "object" ? entry.content.size : 0
  call.out.verbatim(
    "txt",
    `Hash table 0 stats (main hash table):\n table size: ${count}\n number of elements: ${count}\n`
  )
}

const activeExpire: Handler = (call) => {
  call.engine.settings.isActivelyExpiring = Number(call.argv[2]) !== 0
  call.out.ok()
}

const digestValues: Handler = (call) => {
  call.out.array(call.argv.length - 2)
  for (const key of call.argv.slice(2)) call.out.simple(Digest.ofValue(call.db.peek(key)))
}

const listpack: Handler = (call) => {
  const entry = call.db.peek(call.argv[2])
  if (entry === undefined) throw Refusal.noSuchKey
  if (typeOf(entry.content) === "string" || encodingOf(entry.content) !== "listpack") {
    throw refusal("ERR Not a listpack encoded object.")
  }
  call.out.simple("Listpack structure printed on stdout")
}

const ok: Handler = ({ out }) => out.ok()

/** Beyond what a node of Redis's lists can hold. */
const packedBytesMax = 4_293_918_720

/** There are no such nodes here: any length that Redis would take is fine. */
const threshold: Handler = (call) => {
  const bytes = ConfigText.memoryOf(call.argv[2])
  if (bytes === undefined || Number(bytes) > packedBytesMax) {
    throw refusal("ERR argument must be a memory value bigger than 1 and smaller than 4gb")
  }
  call.out.ok()
}

interface Subcommand {
  readonly run: Handler
  /** Arguments, DEBUG and this word among them; below zero: at least so many. */
  readonly arity: number
}

const helpLines = [
  "CHANGE-REPL-ID",
  "    Change the replication IDs of the instance.",
  "DIGEST",
  "    Output a hex signature representing the current DB content.",
  "DIGEST-VALUE <key> [<key> ...]",
  "    Output a hex signature of the values of all the specified keys.",
  "ERROR <string>",
  "    Return a Redis protocol error with <string> as message.",
  "HTSTATS <dbid>",
  "    Return hash table statistics of the specified Redis database.",
  "HTSTATS-KEY <key>",
  "    Like HTSTATS but for the hash table stored at <key>'s value.",
  "LISTPACK <key>",
  "    Tell whether a value is a listpack.",
  "LOADAOF",
  "    Store everything, forget what is in memory, and load what is stored.",
  "LOG <message>",
  "    Accepted.",
  "OBJECT <key>",
  "    Show low level info about `key` and associated value.",
  "PAUSE-CRON <0|1>",
  "    Accepted.",
  "POPULATE <count> [<prefix>] [<size>]",
  "    Create <count> string keys named key:<num>.",
  "PROTOCOL <type>",
  "    Reply with a test value of the specified type.",
  "QUICKLIST-PACKED-THRESHOLD <size>",
  "    Accepted.",
  "REPLYBUFFER <subcommand> <value>",
  "    Accepted: there are no buffers that stay.",
  "RELOAD [option ...]",
  "    Write every value as a dump and read it back to memory.",
  "SET-ACTIVE-EXPIRE <0|1>",
  "    Setting it to 0 disables expiring keys (and hash-fields) in background.",
  "SLEEP <seconds>",
  "    Stop the server for <seconds>. Decimals allowed."
]

const subcommands: Readonly<Record<string, Subcommand>> = {
  "change-repl-id": { run: ok, arity: 2 },
  digest: { run: ({ engine, out }) => out.simple(Digest.ofAll(engine.databases)), arity: 2 },
  "digest-value": { run: digestValues, arity: -2 },
  error: { run: ({ argv, out }) => out.error(argv[2]), arity: 3 },
  help: { run: Help.of("DEBUG", helpLines), arity: 2 },
  htstats: { run: statistics, arity: 3 },
  "htstats-key": { run: statisticsOfKey, arity: 3 },
  listpack: { run: listpack, arity: 3 },
  loadaof: { run: loadAgain, arity: 2 },
  log: { run: ok, arity: 3 },
  object: { run: object, arity: 3 },
  "pause-cron": { run: ok, arity: 3 },
  populate: { run: populate, arity: -3 },
  protocol: { run: protocol, arity: 3 },
  "quicklist-packed-threshold": { run: threshold, arity: 3 },
  replybuffer: { run: ok, arity: 4 },
  reload: { run: reload, arity: -2 },
  "set-active-expire": { run: activeExpire, arity: 3 },
  "set-disable-deny-scripts": { run: ok, arity: 3 },
  sleep: { run: sleep, arity: 3 }
}

const debug: Handler = (call) => {
  if (!isAllowed(call)) throw notAllowed
  const { argv } = call
  const name = argv[1].toLowerCase()
  const found = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined
  const fits = found !== undefined && (found.arity < 0 ? argv.length >= -found.arity : argv.length === found.arity)
  if (!fits) throw refusal(`ERR unknown subcommand or wrong number of arguments for '${argv[1]}'. Try DEBUG HELP.`)
  found.run(call)
}

export const handlers: Readonly<Record<string, Handler>> = { debug }
