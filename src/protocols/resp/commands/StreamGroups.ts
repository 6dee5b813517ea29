/** StreamGroups: XGROUP and XACK: groups of consumers come, go and are set, and entries are acknowledged. */
import { classes } from "#database/redis/Engine.ts"
import type { Entry } from "#database/redis/Entry.ts"
import { type StreamGroup, unknown } from "#database/redis/StreamGroup.ts"
import * as StreamId from "#database/redis/StreamId.ts"
import { StreamValue } from "#database/redis/StreamValue.ts"
import type { Call, Handler } from "../Call.ts"
import { Refusal } from "../Refusal.ts"
import { groupsChanged, idOf, idsFrom, streamOf } from "./StreamArguments.ts"

const noKey = new Refusal(
  "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically."
)
const isThere = new Refusal("BUSYGROUP Consumer Group name already exists")
const badRead = new Refusal("ERR value for ENTRIESREAD must be positive or -1")

const wrongArguments = (subcommand: string): Refusal =>
  new Refusal(`ERR unknown subcommand or wrong number of arguments for '${subcommand.slice(0, 128)}'. Try XGROUP HELP.`)

interface Options {
  readonly makesStream: boolean
  readonly entriesRead: number
}

/** Options behind the id. */
const readOptions = (call: Call, { isCreate }: { readonly isCreate: boolean }): Options => {
  const { argv } = call
  let makesStream = false
  let entriesRead = unknown
  for (let i = 5; i < argv.length; i++) {
    if (isCreate && call.is(i, "mkstream")) makesStream = true
    else if (call.is(i, "entriesread") && i + 1 < argv.length) {
      entriesRead = call.integer(++i)
      if (entriesRead < 0 && entriesRead !== unknown) throw badRead
    } else throw wrongArguments(argv[1])
  }
  return { makesStream, entriesRead }
}

const lastOf = (text: string, stream: StreamValue | undefined): string =>
  text === "$" ? (stream?.lastId ?? StreamId.zero) : idOf(text)

const create: Handler = (call) => {
  const { argv, db, out } = call
  const [, , key, name, last] = argv
  const { entriesRead, makesStream } = readOptions(call, { isCreate: true })
  const entry = call.changeOf(key, "stream")
  if (entry === undefined && !makesStream) throw noKey
  if (argv.length > 8) throw wrongArguments(argv[1])
  const existing = entry === undefined ? undefined : streamOf(entry)
  const lastId = lastOf(last, existing)
  if (existing?.groups.has(name) === true) throw isThere
  const stream = existing ?? new StreamValue()
  stream.addGroup(name, lastId, entriesRead)
  if (entry === undefined) db.add(key, stream)
  else groupsChanged(call, entry)
  call.notify(classes.stream, "xgroup-create", key)
  out.ok()
}

/** A stream that has to be there. */
const entryOf = (call: Call): Entry => {
  const entry = call.changeOf(call.argv[2], "stream")
  if (entry === undefined) throw noKey
  return entry
}

/** A group that has to be there. */
const groupIn = (call: Call, entry: Entry): StreamGroup => {
  const [, , key, name] = call.argv
  const group = streamOf(entry).groups.get(name)
  if (group === undefined) throw new Refusal(`NOGROUP No such consumer group '${name}' for key name '${key}'`)
  return group
}

/** The ends of all ids, which only SETID takes for one. */
const endOf = (text: string): string | undefined =>
  text === "-" ? StreamId.zero : text === "+" ? StreamId.max : undefined

const setId: Handler = (call) => {
  const { argv, out } = call
  const { entriesRead } = readOptions(call, { isCreate: false })
  const entry = entryOf(call)
  const group = groupIn(call, entry)
  if (argv.length > 7) throw wrongArguments(argv[1])
  group.setLast(endOf(argv[4]) ?? lastOf(argv[4], streamOf(entry)), entriesRead)
  groupsChanged(call, entry)
  call.notify(classes.stream, "xgroup-setid", argv[2])
  out.ok()
}

const destroy: Handler = (call) => {
  const { argv, client, engine, out } = call
  const entry = entryOf(call)
  const stream = streamOf(entry)
  const group = stream.groups.get(argv[3])
  if (group === undefined) return out.integer(0)
  stream.removeGroup(group)
  groupsChanged(call, entry)
  call.notify(classes.stream, "xgroup-destroy", argv[2])
  // Who waits for entries of the group hears that there is none any more.
  engine.blocking.signal(client.database, argv[2])
  out.integer(1)
}

const createConsumer: Handler = (call) => {
  const { argv, now, out } = call
  const entry = entryOf(call)
  const group = groupIn(call, entry)
  if (group.consumers.has(argv[4])) return out.integer(0)
  group.addConsumer(argv[4], now)
  groupsChanged(call, entry)
  call.notify(classes.stream, "xgroup-createconsumer", argv[2])
  out.integer(1)
}

const deleteConsumer: Handler = (call) => {
  const { argv, out } = call
  const entry = entryOf(call)
  const group = groupIn(call, entry)
  const consumer = group.consumers.get(argv[4])
  if (consumer === undefined) return out.integer(0)
  const pending = group.removeConsumer(consumer)
  groupsChanged(call, entry)
  call.notify(classes.stream, "xgroup-delconsumer", argv[2])
  out.integer(pending)
}

const acknowledge: Handler = (call) => {
  const { argv, out } = call
  const entry = call.changeOf(argv[1], "stream")
  const group = entry === undefined ? undefined : streamOf(entry).groups.get(argv[2])
  if (entry === undefined || group === undefined) return out.integer(0)
  let acknowledged = 0
  for (const id of idsFrom(call, 3)) if (group.acknowledge(id)) acknowledged += 1
  if (acknowledged > 0) groupsChanged(call, entry)
  out.integer(acknowledged)
}

const help = [
  "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
  "CREATE <key> <groupname> <id|$> [option]",
  "    Create a new consumer group. Options are:",
  "    * MKSTREAM",
  "      Create the empty stream if it does not exist.",
  "    * ENTRIESREAD entries_read",
  "      Set the group's entries_read counter (internal use).",
  "CREATECONSUMER <key> <groupname> <consumer>",
  "    Create a new consumer in the specified group.",
  "DELCONSUMER <key> <groupname> <consumer>",
  "    Remove the specified consumer.",
  "DESTROY <key> <groupname>",
  "    Remove the specified group.",
  "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
  "    Set the current group ID and entries_read counter.",
  "HELP",
  "    Prints this help."
]

export const replyHelp = (call: Call, lines: ReadonlyArray<string>): void => {
  call.out.array(lines.length)
  for (const line of lines) call.out.simple(line)
}

export const handlers: Readonly<Record<string, Handler>> = {
  "xgroup|create": create,
  "xgroup|setid": setId,
  "xgroup|destroy": destroy,
  "xgroup|createconsumer": createConsumer,
  "xgroup|delconsumer": deleteConsumer,
  "xgroup|help": (call) => replyHelp(call, help),
  xack: acknowledge
}
