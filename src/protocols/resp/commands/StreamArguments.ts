/** StreamArguments: ids and intervals as the commands of streams are given them, entries as they reply with them. */
import type { Entry } from "#database/redis/Entry.ts"
import type { StreamGroup } from "#database/redis/StreamGroup.ts"
import * as StreamId from "#database/redis/StreamId.ts"
import type { Fields, StreamValue } from "#database/redis/StreamValue.ts"
import { type Call, valueOf } from "../Call.ts"
import { Refusal } from "../Refusal.ts"
import type { Reply } from "../Reply.ts"

export const invalidId = new Refusal("ERR Invalid stream ID specified as stream command argument")
const invalidStart = new Refusal("ERR invalid start ID for the interval")
const invalidEnd = new Refusal("ERR invalid end ID for the interval")

/** The stream that an entry is known to hold. */
export const streamOf = (entry: Entry): StreamValue => valueOf<StreamValue>(entry)

/** An id, with a sequence number of zero where there is none. */
export const idOf = (text: string): string => {
  const parsed = StreamId.parse(text)
  if (parsed === undefined) throw invalidId
  return parsed.id
}

export const idsFrom = (call: Call, at: number): ReadonlyArray<string> => call.argv.slice(at).map(idOf)

const boundOf = (text: string, fillsUp: boolean): { readonly id: string; readonly isExclusive: boolean } => {
  if (text === "-") return { id: StreamId.zero, isExclusive: false }
  if (text === "+") return { id: StreamId.max, isExclusive: false }
  const isExclusive = text.length > 1 && text[0] === "("
  const parsed = StreamId.parse(isExclusive ? text.slice(1) : text, { fillsUp })
  if (parsed === undefined) throw invalidId
  return { id: parsed.id, isExclusive }
}

/** Where an interval begins. */
export const startOf = (text: string): string => {
  const { id, isExclusive } = boundOf(text, false)
  if (!isExclusive) return id
  const start = StreamId.next(id)
  if (start === undefined) throw invalidStart
  return start
}

/** Where an interval ends; what it names is in it. */
export const endOf = (text: string): string => {
  const { id, isExclusive } = boundOf(text, true)
  if (!isExclusive) return id
  const end = StreamId.previous(id)
  if (end === undefined) throw invalidEnd
  return end
}

/** A stream and a group of it, which have to be there. */
export const groupOf = (call: Call, key: string, name: string): readonly [entry: Entry, group: StreamGroup] => {
  const entry = call.changeOf(key, "stream")
  const group = entry === undefined ? undefined : streamOf(entry).groups.get(name)
  if (entry === undefined || group === undefined) {
    throw new Refusal(`NOGROUP No such key '${key}' or consumer group '${name}'`)
  }
  return [entry, group]
}

/**
 * What groups know of their stream has changed, and no entry: it is stored, and nobody is told. WATCH and tracking look at entries, not at who has
 * read them.
 */
export const groupsChanged = (call: Call, entry: Entry): void => call.engine.changedQuietly(entry)

/** Entries to reply with. */
export class Found {
  readonly ids: Array<string> = []
  readonly entries: Array<Fields> = []

  add(id: string, fields: Fields): void {
    this.ids.push(id)
    this.entries.push(fields)
  }

  reply(out: Reply): void {
    out.array(this.ids.length)
    for (let i = 0; i < this.ids.length; i++) replyEntry(out, this.ids[i], this.entries[i])
  }
}

export const replyEntry = (out: Reply, id: string, fields: Fields): void => {
  out.array(2)
  out.bulk(StreamId.format(id))
  out.bulks(fields)
}
