/**
 * Normal: a reply without what two right servers may differ in: the order in which a hash keeps things, what chance picks, what time it is.
 * Everything else stays, to the letter of an error. A sequence has one `Normaliser`, which knows what a MULTI has queued.
 */
import type { Argv } from "./Grammar.ts"
import * as Reply from "./Reply.ts"

/** Replies without an order. */
const unordered = new Set([
  "smembers",
  "sinter",
  "sunion",
  "sdiff",
  "spop",
  "hkeys",
  "hvals",
  "keys",
  "command",
  "pubsub",
  "acl",
  "georadius",
  "georadius_ro",
  "georadiusbymember",
  "geosearch"
])

/** Maps without an order: pairs of a flat list in RESP2. */
const paired = new Set(["hgetall", "config"])

/** Only the kind of reply and how many there are. */
const drawn = new Set([
  "srandmember",
  "hrandfield",
  "zrandmember",
  "randomkey",
  "dump",
  "memory",
  "client",
  "info",
  "time",
  "lastsave"
])

/** Numbers that go on with time. */
const timed = new Set(["ttl", "pttl", "expiretime", "pexpiretime", "object"])

const scans = new Set(["scan", "sscan", "hscan", "zscan"])

const isList = (reply: Reply.Reply): reply is Extract<Reply.Reply, { items: unknown }> => "items" in reply

/** Every list within in the order of its text. */
const sorted = (reply: Reply.Reply): string =>
  isList(reply) ? `${reply.kind}(${reply.items.map(sorted).sort().join(" ")})` : Reply.render(reply)

const shape = (reply: Reply.Reply): string =>
  isList(reply)
    ? `${reply.kind}(${reply.items.map(shape).sort().join(" ")})`
    : reply.kind === "error"
      ? Reply.render(reply)
      : reply.kind

const pairs = (reply: Reply.Reply): string =>
  isList(reply) && reply.kind !== "set"
    ? `${reply.kind}(${reply.items
        .flatMap((item, index) =>
          index % 2 === 0 ? [`${Reply.render(item)} ${Reply.render(reply.items[index + 1] ?? item)}`] : []
        )
        .sort()
        .join(" ")})`
    : Reply.render(reply)

/** Milliseconds and seconds since 1970 or since the command began, to a hundred seconds; small numbers as they are. */
const rounded = (reply: Reply.Reply): string => {
  if (reply.kind !== "integer") return Reply.render(reply)
  const number = Number(reply.text)
  return number < 1_000 ? `:${number}` : `:~${Math.round((number + 30_000) / 200_000)}`
}

/** What XINFO and XPENDING tell of time, and how many nodes its tree has. */
const masked = new Set([
  "idle",
  "inactive",
  "seen-time",
  "active-time",
  "delivery-time",
  "radix-tree-keys",
  "radix-tree-nodes"
])
const epochMin = 100_000_000_000

const streamed = (reply: Reply.Reply): string => {
  if (!isList(reply)) return reply.kind === "integer" && Number(reply.text) > epochMin ? ":time" : Reply.render(reply)
  const items = reply.items.map((item, index) => {
    const before = reply.items[index - 1]
    return before?.kind === "bulk" && masked.has(before.text) ? ":~" : streamed(item)
  })
  return `${reply.kind}(${items.join(" ")})`
}

/** An entry that is pending: id, consumer, idle, deliveries. */
const pending = (reply: Reply.Reply): string =>
  isList(reply) && reply.items.length === 4 && reply.items[2].kind === "integer" && reply.items[0].kind === "bulk"
    ? `(${[0, 1, 3].map((index) => Reply.render(reply.items[index])).join(" ")})`
    : isList(reply)
      ? `${reply.kind}(${reply.items.map(pending).join(" ")})`
      : Reply.render(reply)

const scanned = (name: string, reply: Reply.Reply): string => {
  if (!isList(reply) || reply.items.length !== 2) return Reply.render(reply)
  const [cursor, items] = reply.items
  return `${Reply.render(cursor)} ${name === "hscan" || name === "zscan" ? pairs(items) : sorted(items)}`
}

const isOrdered = (argv: Argv): boolean => argv.some((argument) => /^(asc|desc)$/i.test(argument))

/** One reply to one command that was not queued. */
const normal = (argv: Argv, reply: Reply.Reply): string => {
  const name = (argv[0] ?? "").toLowerCase()
  if (reply.kind === "error") return Reply.render(reply)
  if (drawn.has(name)) return argv[1]?.toLowerCase() === "help" ? Reply.render(reply) : shape(reply)
  if (scans.has(name)) return scanned(name, reply)
  if (timed.has(name)) return rounded(reply)
  if (name === "xinfo") return streamed(reply)
  if (name === "xpending") return pending(reply)
  if (paired.has(name)) return pairs(reply)
  if (name === "hello") return pairs(reply).replace(/"id" :\d+/, '"id"')
  const isUnsortedSort = name.startsWith("sort") && argv.some((argument) => /^(nosort|by)$/i.test(argument))
  if (isUnsortedSort || (unordered.has(name) && !isOrdered(argv))) return sorted(reply)
  return Reply.render(reply)
}

export class Normaliser {
  private queued: Array<Argv> | undefined

  of(argv: Argv, reply: Reply.Reply): string {
    const name = (argv[0] ?? "").toLowerCase()
    const { queued } = this
    if (reply.kind === "simple" && reply.text === "QUEUED") {
      queued?.push(argv)
      return "+QUEUED"
    }
    if (name === "multi" && reply.kind === "simple") this.queued = []
    if ((name === "exec" || name === "discard" || name === "reset") && argv.length === 1) this.queued = undefined
    if (name === "exec" && isList(reply) && queued !== undefined) {
      return `exec(${reply.items.map((item, index) => normal(queued[index] ?? [], item)).join(" ")})`
    }
    return normal(argv, reply)
  }
}
