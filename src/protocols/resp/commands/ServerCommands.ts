/**
 * What concerns the server and not its data: INFO, TIME, ROLE, LOLWUT, saving and ending. Data is stored as it changes, so SAVE and its like only
 * have what is under way stored at once.
 */
import type { Call, Handler } from "../Call.ts"
import * as Info from "../Info.ts"
import * as Numbers from "../Numbers.ts"
import * as Refusal from "../Refusal.ts"

const info: Handler = ({ argv, out, server }) => {
  out.verbatim("txt", Info.text(server, argv.slice(1)))
}

const time: Handler = ({ now, out }) => {
  out.array(2)
  out.bulk(Math.floor(now / 1_000))
  out.bulk((now % 1_000) * 1_000)
}

const saveNow = ({ engine, now, server }: Call): void => {
  server.machine.save()
  server.savedAt = now
  server.savedChanges = engine.journal.changes
}

const save: Handler = (call) => {
  saveNow(call)
  call.out.ok()
}

const saveBeside: Handler = (call) => {
  if (call.argv.length > 2 || (call.argv.length === 2 && !call.is(1, "schedule"))) throw Refusal.syntax
  saveNow(call)
  call.out.simple("Background saving started")
}

const rewrite: Handler = (call) => {
  saveNow(call)
  call.out.simple("Background append only file rewriting started")
}

const role: Handler = ({ out }) => {
  out.array(3)
  out.bulk("master")
  out.integer(0)
  out.array(0)
}

const lolwut: Handler = (call) => {
  if (call.argv.length > 2 && call.is(1, "version")) call.integer(2)
  call.out.verbatim("txt", `Redis ver. ${Info.redisVersion}\n`)
}

const shutdownWords = ["nosave", "save", "now", "force", "abort"]

const shutdown: Handler = (call) => {
  const words = call.argv.slice(1).map((argument) => argument.toLowerCase())
  const isAbort = words.includes("abort")
  const isContradiction = (words.includes("save") && words.includes("nosave")) || (isAbort && words.length > 1)
  if (isContradiction || words.some((word) => !shutdownWords.includes(word))) throw Refusal.syntax
  if (isAbort) throw new Refusal.Refusal("ERR No shutdown in progress.")
  const end = call.server.machine.shutdown
  if (end === undefined) throw new Refusal.Refusal("ERR Errors trying to SHUTDOWN. Check logs.")
  // No reply: the connection ends with the server.
  end()
}

const isPort = (text: string): boolean => {
  const port = Numbers.parseInteger(text)
  return port !== undefined && port >= 0 && port <= 65_535
}

/** This server is nobody's replica, and stays so. */
const replicaOf: Handler = (call) => {
  if (call.is(1, "no") && call.is(2, "one")) return call.out.ok()
  if (!isPort(call.argv[2])) throw new Refusal.Refusal("ERR Invalid master port")
  throw new Refusal.Refusal(`ERR '${call.argv[0].toLowerCase()}' is not supported yet`)
}

const failover: Handler = (call) => {
  const { argv } = call
  if (argv.length === 2 && call.is(1, "abort")) throw new Refusal.Refusal("ERR No failover in progress.")
  for (let at = 1; at < argv.length; at++) {
    if (call.is(at, "timeout") && at + 1 < argv.length) {
      if (call.integer(++at) <= 0) throw new Refusal.Refusal("ERR FAILOVER timeout must be greater than 0")
    } else if (call.is(at, "to") && at + 2 < argv.length) {
      call.integer(at + 2)
      at += 2
    } else if (!call.is(at, "force")) throw Refusal.syntax
  }
  throw new Refusal.Refusal("ERR FAILOVER requires connected replicas.")
}

export const handlers: Readonly<Record<string, Handler>> = {
  bgrewriteaof: rewrite,
  bgsave: saveBeside,
  failover,
  info,
  lastsave: ({ out, server }) => out.integer(Math.floor(server.savedAt / 1_000)),
  lolwut,
  "module|list": ({ out }) => out.array(0),
  replicaof: replicaOf,
  role,
  save,
  shutdown,
  slaveof: replicaOf,
  time
}
