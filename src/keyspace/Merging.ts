/**
 * Merging: a range takes in its right neighbour. The left one decides, and what it has decided is in its log:
 *
 * 1. It notes the attempt (`merging`), under a latch on everything that it has.
 * 2. The right one holds still for it (`frozen`), and says all that it has: so only small ones are merged, and it does not matter which stores
 *    either is on.
 * 3. The left one applies it all, as one command, in a generation above both. The right one's replicas go: at once where the left one applies
 *    that, and elsewhere when they ask who has their first key (`RangeStore`).
 *
 * When something goes wrong between, the attempt is given up, by whoever leads the left one then: the right one thaws, and no copy of a message of
 * that attempt freezes it again; after that the left one forgets it. It does nothing else to its bounds before.
 */
import * as Bytes from "#base/Bytes.ts"
import * as Limits from "#base/Limits.ts"
import type { StorageError } from "#storage/StorageError.ts"
import { end, systemEnd } from "./Descriptor.ts"
import { Refused, Unavailable } from "./KeyspaceError.ts"
import type { Leaseholder } from "./Leaseholder.ts"
import * as Keys from "#storage/Keys.ts"
import type { Request, Timestamp } from "./Request.ts"
import type { Task } from "./Task.ts"

const refused = (message: string): Refused => new Refused({ message })

const tooBusy = ({ load, options }: Leaseholder): string =>
  `a range is merged that is asked ${options.perSecondMax / 2} times a second at most, and this one is ${Math.round(load.perSecond)} times`

export const merge = (server: Leaseholder, task: Task): void => {
  const { descriptor, merging } = server.machine.state!
  if (Keys.compare(descriptor.to, end) === 0) return server.end(task, refused("the last range has no right neighbour"))
  if (Keys.compare(descriptor.to, systemEnd) === 0) {
    return server.end(task, refused("the system's range takes in no other"))
  }
  if (server.load.isHigh) return server.end(task, refused(tooBusy(server)))
  if (merging > 0) return server.end(task, new Unavailable({ message: "an earlier attempt is not settled: try again" }))
  const { term } = task.leadership
  server.timestamp(task, (attempt) =>
    server.step(task, { type: "begin-merge", term, attempt }, () => takeIn(server, task, attempt))
  )
}

const takeIn = (server: Leaseholder, task: Task, attempt: Timestamp): void => {
  const { term } = task.leadership
  const key = server.machine.descriptor!.to
  server.services.at(key, { type: "freeze", key, attempt }, (error, response) => {
    // The attempt is given up by the next look at it (`endMerge`).
    if (error !== undefined) {
      return server.end(task, new Unavailable({ message: `the right neighbour answers ${error._tag}: try again` }))
    }
    if (response?.type !== "frozen") return server.end(task, refused("the right neighbour is too large"))
    const { snapshot } = response
    server.command(
      task,
      { type: "merge", term, attempt, snapshot },
      {
        response: () => ({ type: "done" }),
        shown: () => {
          // It has not heard what its neighbour committed.
          task.leadership.recent = undefined
          server.wake(task.leadership.waits.wakeAll())
        }
      }
    )
  })
}

/** There is an attempt, and nobody carries it on: this has the latch that it would have. */
export const endMerge = (server: Leaseholder, task: Task): void => {
  const { descriptor, merging } = server.machine.state!
  if (merging === 0) return server.end(task, undefined, { type: "done" })
  const { term } = task.leadership
  server.services.at(descriptor.to, { type: "thaw", key: descriptor.to, attempt: merging }, (error) => {
    if (error !== undefined)
      return server.end(task, new Unavailable({ message: `the neighbour answers ${error._tag}` }))
    server.command(
      task,
      { type: "end-merge", term, attempt: merging },
      {
        response: () => ({ type: "done" })
      }
    )
  })
}

/** What the left neighbour asks. */
export const hold = (
  server: Leaseholder,
  task: Task,
  { attempt, key, type }: Request & { readonly type: "freeze" | "thaw" }
): void => {
  const { descriptor, frozen, sizeBytes } = server.machine.state!
  const { term } = task.leadership
  if (Keys.compare(descriptor.from, key) !== 0) return server.end(task, refused("no range begins at this key"))
  if (type === "thaw") {
    return server.command(task, { type, term, attempt }, { response: () => ({ type: "done" }) })
  }
  if (sizeBytes > Limits.mergeBytesMax) {
    return server.end(task, refused(`a range is merged that has at most ${Limits.mergeBytesMax} bytes`))
  }
  if (server.load.isHigh) return server.end(task, refused(tooBusy(server)))
  if (frozen === attempt) return tell(server, task)
  server.step(task, { type, term, attempt }, () => tell(server, task))
}

/** All that it has, as a snapshot. */
const tell = (server: Leaseholder, task: Task): void => {
  const snapshot = server.machine.snapshot()
  const parts: Array<Uint8Array> = []
  let sizeBytes = 0
  const ended = (error: StorageError | undefined): void => {
    snapshot.close()
    if (error !== undefined) {
      server.end(task, new Unavailable({ message: error.message }))
      return server.services.unread(error)
    }
    // Its versions and records may be more than their writers counted.
    if (sizeBytes > 2 * Limits.mergeBytesMax) return server.end(task, refused("the range has too many versions"))
    const whole = new Uint8Array(sizeBytes)
    let at = 0
    for (const part of parts) {
      whole.set(part, at)
      at += part.length
    }
    server.end(task, undefined, { type: "frozen", snapshot: whole })
  }
  const next = (): void =>
    snapshot.next(Limits.groupBatchBytesMax, (error, bytes) => {
      if (error !== undefined || bytes.length === 0 || sizeBytes > 2 * Limits.mergeBytesMax) return ended(error)
      parts.push(Bytes.copy(bytes))
      sizeBytes += bytes.length
      next()
    })
  next()
}
