/**
 * StreamReads: XREAD and XREADGROUP: entries behind an id of several streams, for oneself or as a consumer of a group, and waiting for them. In a
 * group the id `>` stands for what was delivered to nobody yet; any other reads what is pending for the consumer.
 */
import { classes } from "#database/redis/Engine.ts"
import type { Entry } from "#database/redis/Entry.ts"
import type { Consumer, StreamGroup } from "#database/redis/StreamGroup.ts"
import * as StreamId from "#database/redis/StreamId.ts"
import * as StreamProgress from "#database/redis/StreamProgress.ts"
import type { Fields, StreamValue } from "#database/redis/StreamValue.ts"
import { typeOf } from "#database/redis/Value.ts"
import type { Call, Handler } from "../Call.ts"
import * as Refusal from "../Refusal.ts"
import { groupsChanged, idOf, replyEntry, streamOf } from "./StreamArguments.ts"
import { lastValidId } from "./Streams.ts"
import * as Timeout from "./Timeout.ts"

const groupInRead = new Refusal.Refusal(
  "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead."
)
const noackInRead = new Refusal.Refusal(
  "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead."
)
const unbalanced = new Refusal.Refusal(
  "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified."
)
const noGroup = new Refusal.Refusal("ERR Missing GROUP option for XREADGROUP")
const dollarInGroup = new Refusal.Refusal(
  "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set."
)
const newInRead = new Refusal.Refusal(
  "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
)
const streamGone = new Refusal.Refusal("UNBLOCKED the stream key no longer exists")
const groupGone = new Refusal.Refusal("NOGROUP the consumer group this client was blocked on no longer exists")

/** Who waited gets so many at most, unless it said how many: its id may be of long ago. */
const waitedCountMax = 1_000

/** Who reads in a group. */
interface Reader {
  readonly group: string
  readonly consumer: string
  /** Nothing becomes pending. */
  readonly isNoack: boolean
}

interface Options {
  readonly keys: ReadonlyArray<string>
  /** One of each key, as they were written. */
  readonly ids: ReadonlyArray<string>
  /** 0: all. */
  readonly count: number
  /** Undefined: it does not wait. */
  readonly timeoutMillis: number | undefined
  readonly reader: Reader | undefined
}

/** Behind the id, of one key. */
interface Wanted {
  readonly key: string
  /** Undefined: what was delivered to nobody yet. */
  readonly after: string | undefined
}

interface Served {
  readonly key: string
  readonly ids: ReadonlyArray<string>
  /** Undefined: it is not there any more. */
  readonly entries: ReadonlyArray<Fields | undefined>
}

const readOptions = (call: Call, { isGroup }: { readonly isGroup: boolean }): Options => {
  const { argv } = call
  let count = 0
  let timeoutMillis: number | undefined
  let names: readonly [group: string, consumer: string] | undefined
  let isNoack = false
  for (let i = 1; i < argv.length; i++) {
    const more = argv.length - i - 1
    if (more > 0 && call.is(i, "block")) timeoutMillis = Timeout.millisAt(call, ++i)
    else if (more > 0 && call.is(i, "count")) count = Math.max(0, call.integer(++i))
    else if (more > 0 && call.is(i, "streams")) {
      const rest = argv.slice(i + 1)
      if (rest.length % 2 === 1) throw unbalanced
      if (isGroup && names === undefined) throw noGroup
      const half = rest.length / 2
      const reader = names === undefined ? undefined : { group: names[0], consumer: names[1], isNoack }
      return { keys: rest.slice(0, half), ids: rest.slice(half), count, timeoutMillis, reader }
    } else if (more > 1 && call.is(i, "group")) {
      if (!isGroup) throw groupInRead
      names = [argv[i + 1], argv[i + 2]]
      i += 2
    } else if (call.is(i, "noack")) {
      if (!isGroup) throw noackInRead
      isNoack = true
    } else throw Refusal.syntax
  }
  throw Refusal.syntax
}

/** What is wanted of each key; checks that keys and groups are what they have to be. */
const wantedOf = (call: Call, { ids, keys, reader }: Options): ReadonlyArray<Wanted> =>
  keys.map((key, i) => {
    const entry = call.readOf(key, "stream")
    if (reader !== undefined && (entry === undefined || !streamOf(entry).groups.has(reader.group))) {
      throw new Refusal.Refusal(
        `NOGROUP No such key '${key}' or consumer group '${reader.group}' in XREADGROUP with GROUP option`
      )
    }
    const text = ids[i]
    if (text === "$") {
      if (reader !== undefined) throw dollarInGroup
      return { key, after: entry === undefined ? StreamId.zero : streamOf(entry).lastId }
    }
    if (text === ">") {
      if (reader === undefined) throw newInRead
      return { key, after: undefined }
    }
    return { key, after: idOf(text) }
  })

/** Entries behind an id; undefined: there are none. */
const readAfter = (key: string, stream: StreamValue, after: string, count: number): Served | undefined => {
  const from = StreamId.next(after)
  if (stream.size === 0 || from === undefined || lastValidId(stream) < from) return undefined
  const ids: Array<string> = []
  const entries: Array<Fields> = []
  stream.each(from, StreamId.max, (id, fields) => {
    ids.push(id)
    entries.push(fields)
    return ids.length !== count
  })
  return { key, ids, entries }
}

const consumerOf = (call: Call, key: string, group: StreamGroup, name: string): Consumer => {
  const existing = group.consumers.get(name)
  if (existing !== undefined) {
    group.seen(existing, call.now)
    return existing
  }
  call.notify(classes.stream, "xgroup-createconsumer", key)
  return group.addConsumer(name, call.now)
}

/** Delivers what nobody had yet; undefined: there is nothing. */
const deliver = (call: Call, entry: Entry, group: StreamGroup, reader: Reader, count: number): Served | undefined => {
  const stream = streamOf(entry)
  const served = readAfter(entry.name, stream, group.lastId, count)
  if (served === undefined) return undefined
  const consumer = consumerOf(call, entry.name, group, reader.consumer)
  for (const id of served.ids) {
    StreamProgress.advance(stream, group, id)
    if (!reader.isNoack) group.deliver(id, consumer, call.now, 1)
  }
  groupsChanged(call, entry)
  return served
}

/** Delivers once more what is pending for the consumer behind an id. */
const deliverAgain = (
  call: Call,
  entry: Entry,
  group: StreamGroup,
  { consumer: name }: Reader,
  after: string,
  count: number
): Served => {
  const stream = streamOf(entry)
  const consumer = consumerOf(call, entry.name, group, name)
  const ids: Array<string> = []
  const entries: Array<Fields | undefined> = []
  consumer.pending.each(StreamId.next(after) ?? StreamId.zero, (id, { deliveries }) => {
    const fields = stream.get(id)
    if (fields !== undefined) group.deliver(id, consumer, call.now, deliveries + 1)
    ids.push(id)
    entries.push(fields)
    return ids.length !== count
  })
  call.engine.noted(entry)
  return { key: entry.name, ids, entries }
}

const replyServed = ({ out }: Call, all: ReadonlyArray<Served>): void => {
  if (out.protocol === 2) out.array(all.length)
  else out.map(all.length)
  for (const { entries, ids, key } of all) {
    if (out.protocol === 2) out.array(2)
    out.bulk(key)
    out.array(ids.length)
    for (let i = 0; i < ids.length; i++) {
      const fields = entries[i]
      if (fields !== undefined) replyEntry(out, ids[i], fields)
      else {
        out.array(2)
        out.bulk(StreamId.format(ids[i]))
        out.nullArray()
      }
    }
  }
}

/** What one key has now; undefined: nothing that is wanted. */
const serveNow = (call: Call, { after, key }: Wanted, { count, reader }: Options): Served | undefined => {
  const entry = call.db.peek(key)
  if (entry === undefined) return undefined
  const stream = streamOf(entry)
  if (reader === undefined) return readAfter(key, stream, after!, count)
  const group = stream.groups.get(reader.group)!
  if (after === undefined) return deliver(call, entry, group, reader, count)
  return deliverAgain(call, entry, group, reader, after, count)
}

/** Replies to one that waits if the key has what it wants, or will never have it. */
const serveLater = (call: Call, { after, key }: Wanted, { count, reader }: Options): boolean => {
  const entry = call.db.peek(key)
  const stream = entry !== undefined && typeOf(entry.content) === "stream" ? streamOf(entry) : undefined
  const countMax = count === 0 ? waitedCountMax : count
  let served: Served | undefined
  if (reader === undefined) {
    if (stream !== undefined) served = readAfter(key, stream, after!, countMax)
  } else if (entry === undefined || stream === undefined) throw streamGone
  else {
    const group = stream.groups.get(reader.group)
    if (group === undefined) throw groupGone
    served = deliver(call, entry, group, reader, countMax)
  }
  if (served === undefined) return false
  replyServed(call, [served])
  return true
}

const read =
  ({ isGroup }: { readonly isGroup: boolean }): Handler =>
  (call) => {
    const options = readOptions(call, { isGroup })
    const wanted = wantedOf(call, options)
    const served: Array<Served> = []
    for (const each of wanted) {
      const one = serveNow(call, each, options)
      if (one !== undefined) served.push(one)
    }
    if (served.length > 0) return replyServed(call, served)
    const { keys, timeoutMillis } = options
    if (timeoutMillis === undefined) return call.out.nullArray()
    call.block({
      keys,
      tail: wanted.map(({ after }) => (after === undefined ? ">" : StreamId.format(after))),
      timeoutMillis,
      serve: (again, key) =>
        serveLater(
          again,
          wanted.find((each) => each.key === key)!,
          options
        ),
      timedOut: ({ out }) => out.nullArray()
    })
  }

export const handlers: Readonly<Record<string, Handler>> = {
  xread: read({ isGroup: false }),
  xreadgroup: read({ isGroup: true })
}
