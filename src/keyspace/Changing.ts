/**
 * Changing: what was committed in a span since a timestamp (`changes` in `Request.ts`). Up to where it can tell: a timestamp that was given before the
 * latch, because whoever commits behind the latch gets a later one; and no further than the oldest intent of the span, whose transaction may
 * have a later timestamp than its own first, and no earlier one.
 *
 * What was committed lately is in memory (`Recent`), once somebody has asked; everything else is looked for in the versions.
 */
import * as Keys from "#storage/Keys.ts"
import * as Key from "./Key.ts"
import { TooOld } from "./KeyspaceError.ts"
import type { Leaseholder } from "./Leaseholder.ts"
import * as Reading from "./Reading.ts"
import { Recent } from "./Recent.ts"
import * as Records from "./Records.ts"
import type { Change, Request, Timestamp } from "./Request.ts"
import type { Task } from "./Task.ts"

type ChangesRequest = Request & { readonly type: "changes" }

const byTime = (left: Change, right: Change): number => left.at - right.at || Keys.compare(left.key, right.key)

/** The first of them, those of one timestamp together. */
const bounded = (
  changes: Array<Change>,
  { entriesMax, sizeBytesMax }: ChangesRequest,
  upTo: Timestamp
): { readonly changes: ReadonlyArray<Change>; readonly upTo: Timestamp } => {
  changes.sort(byTime)
  let sizeBytes = 0
  for (let i = 0; i < changes.length; i++) {
    const { at, key, value } = changes[i]
    const isFull = i >= entriesMax || sizeBytes >= sizeBytesMax
    if (isFull && i > 0 && changes[i - 1].at !== at) return { changes: changes.slice(0, i), upTo: changes[i - 1].at }
    sizeBytes += key.length + (value?.length ?? 0)
  }
  return { changes, upTo }
}

export const changes = (
  server: Leaseholder,
  task: Task,
  request: ChangesRequest,
  pause: (goOn: () => void) => void
): void => {
  const { after, span } = request
  const { port } = server.services
  const { leadership } = task
  const end = (found: Array<Change>, upTo: Timestamp): void => {
    const response = upTo <= after ? { changes: [], upTo: after } : bounded(found, request, upTo)
    server.end(task, undefined, { type: "changes", ...response })
  }
  const look = (intents: ReadonlyArray<Reading.Intended>): void => {
    const upTo = intents.reduce((lowest, { intent }) => Math.min(lowest, intent.txn.id), task.upTo!)
    const { recent } = leadership
    if (recent !== undefined && recent.since <= after) return end(recent.within(span, after, upTo), upTo)
    if (recent === undefined) {
      // From here on it hears everything; what is under way has a latch that this one is not in.
      leadership.recent = new Recent(Infinity)
      server.services.timestamp((error, at) => {
        if (error === undefined && leadership.recent !== undefined) leadership.recent.since = at
        else leadership.recent = undefined
      })
    }
    const { floor } = server.machine.state!
    if (after < floor) return server.end(task, new TooOld({ at: after, floor }))
    const found: Array<Change> = []
    const ended = server.resume(task, () => end(found, upTo))
    let key: Uint8Array | undefined
    const visit = (engineKey: Uint8Array, value: Uint8Array): boolean => {
      const keyEnd = Key.endOf(engineKey)
      const kind = Key.kindAt(engineKey, keyEnd)
      if (kind === Key.kinds.head) {
        const version = Records.readHead(value)
        key = version.at > after ? Key.keyOf(engineKey, keyEnd) : undefined
        if (key !== undefined && version.at <= upTo) {
          found.push({ key, value: Reading.kept(version.value), at: version.at })
        }
      } else if (kind === Key.kinds.old && key !== undefined) {
        const at = Key.oldAt(engineKey, keyEnd)
        if (at > after && at <= upTo) found.push({ key, value: Reading.kept(Records.readOld(value)), at })
      }
      return !task.isAnswered
    }
    Reading.entries(port, { bounds: Key.bounds(span) }, visit, pause, ended)
  }
  Reading.intents(port, { span }, pause, server.resume(task, look))
}
