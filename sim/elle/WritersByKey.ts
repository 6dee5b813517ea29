/** Who wrote which key, by key and session: what checks of whole levels look up for every read. */
import type { Committed } from "./Committed.ts"

/** Who wrote each key, a group for each session, members in the session's order. */
export interface Groups {
  readonly starts: Int32Array
  readonly sessions: Int32Array
  readonly memberStarts: Int32Array
  readonly members: Int32Array
}

/** Lays the writers out: linear. */
export const writersByKey = ({ bySession, writeStarts, writeKeys }: Committed): Groups => {
  let keyCount = 0
  for (const key of writeKeys) if (key >= keyCount) keyCount = key + 1
  const starts = new Int32Array(keyCount + 1)
  const latest = new Int32Array(keyCount).fill(-1)
  const each = (visit: (key: number, member: number, session: number) => void): void => {
    for (const [session, list] of bySession.entries()) {
      for (const member of list) {
        for (let at = writeStarts[member]!; at < writeStarts[member + 1]!; at += 1)
          visit(writeKeys[at]!, member, session)
      }
    }
  }
  each((key, _, session) => {
    if (latest[key] === session) return
    latest[key] = session
    starts[key + 1]! += 1
  })
  for (let key = 0; key < keyCount; key += 1) starts[key + 1]! += starts[key]!
  const groupCount = starts[keyCount]!
  const sessions = new Int32Array(groupCount)
  const memberStarts = new Int32Array(groupCount + 1)
  const next = starts.slice(0, keyCount)
  latest.fill(-1)
  each((key, _, session) => {
    if (latest[key] !== session) {
      latest[key] = session
      sessions[next[key]!++] = session
    }
    memberStarts[next[key]!]! += 1
  })
  for (let group = 0; group < groupCount; group += 1) memberStarts[group + 1]! += memberStarts[group]!
  const members = new Int32Array(memberStarts[groupCount]!)
  const filled = memberStarts.slice(0, groupCount)
  next.set(starts.subarray(0, keyCount))
  latest.fill(-1)
  each((key, member, session) => {
    if (latest[key] !== session) {
      latest[key] = session
      next[key]! += 1
    }
    members[filled[next[key]! - 1]!++] = member
  })
  return { starts, sessions, memberStarts, members }
}

/** The last member of a group whose place in its session is below `bound`, or -1. */
export const latestBefore = ({ places }: Committed, groups: Groups, group: number, bound: number): number => {
  let low = groups.memberStarts[group]!
  const first = low
  let high = groups.memberStarts[group + 1]!
  while (low < high) {
    const middle = (low + high) >>> 1
    if (places[groups.members[middle]!]! < bound) low = middle + 1
    else high = middle
  }
  return low === first ? -1 : groups.members[low - 1]!
}

/** The first member of a group from place `from` on that `admits`, which all after it do too; or -1. */
export const firstAfter = (
  { places }: Committed,
  groups: Groups,
  group: number,
  from: number,
  admits: (member: number) => boolean
): number => {
  let low = groups.memberStarts[group]!
  const end = groups.memberStarts[group + 1]!
  let high = end
  while (low < high) {
    const middle = (low + high) >>> 1
    const member = groups.members[middle]!
    if (places[member]! < from || !admits(member)) low = middle + 1
    else high = middle
  }
  return low === end ? -1 : groups.members[low]!
}
