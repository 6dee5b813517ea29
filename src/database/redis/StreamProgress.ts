/**
 * StreamProgress: how far a group has read in its stream, counted in entries. The count is exact as long as no entry was removed by its name ahead
 * of the group; else it is known at the ends of the stream only. Source: t_stream.c of Redis 7.0, whose answers these are.
 */
import { type StreamGroup, unknown } from "./StreamGroup.ts"
import * as StreamId from "./StreamId.ts"
import type { StreamValue } from "./StreamValue.ts"

/** Whether an entry at the id or after it may have been removed by its name. */
const hasGapsFrom = (stream: StreamValue, id: string): boolean =>
  stream.size > 0 &&
  stream.maxDeletedId !== StreamId.zero &&
  stream.maxDeletedId >= stream.firstId &&
  id <= stream.maxDeletedId

/** How many entries of all that were ever added come up to the id; `unknown`: that cannot be told. */
export const addedUpTo = (stream: StreamValue, id: string): number => {
  const { added, firstId, lastId, maxDeletedId, size } = stream
  if (added === 0) return 0
  if (size === 0 && id < lastId) return added
  if (id === lastId) return added
  if (id > lastId) return unknown
  if (maxDeletedId === StreamId.zero || maxDeletedId < firstId) {
    if (id < firstId) return added - size
    if (id === firstId) return added - size + 1
  }
  return unknown
}

/** How many entries are still to be delivered; undefined: that cannot be told. */
export const lag = (stream: StreamValue, { entriesRead, lastId }: StreamGroup): number | undefined => {
  if (stream.added === 0) return 0
  if (entriesRead !== unknown && !hasGapsFrom(stream, lastId)) return stream.added - entriesRead
  const read = addedUpTo(stream, lastId)
  return read === unknown ? undefined : stream.added - read
}

/** The group reads the entry with this id, which is the next one. */
export const advance = (stream: StreamValue, group: StreamGroup, id: string): void => {
  if (group.entriesRead !== unknown && !hasGapsFrom(stream, id)) group.setLast(id, group.entriesRead + 1)
  else group.setLast(id, stream.added === 0 ? group.entriesRead : addedUpTo(stream, id))
}
