/**
 * Collecting: what nobody can see any more goes from a stretch of a range (`collect` in `Request.ts`). The range's floor rises with the same
 * command, and so before anybody could miss what went.
 *
 * Of each key the latest version that is not after the floor stays, because somebody may read at the floor; a deletion that is not after it goes
 * with everything before it, unless there is an intent. Records stay until their transactions are resolved.
 */
import * as Bytes from "#base/Bytes.ts"
import * as Keys from "#storage/Keys.ts"
import { Changes } from "./Changes.ts"
import * as Key from "./Key.ts"
import type { Leaseholder } from "./Leaseholder.ts"
import { contains } from "./RangeMachine.ts"
import * as Reading from "./Reading.ts"
import * as Records from "./Records.ts"
import type { Request, Timestamp, Unresolved } from "./Request.ts"
import type { Task } from "./Task.ts"

interface Old {
  readonly engineKey: Uint8Array
  readonly at: Timestamp
  readonly valueBytes: number
}

/** One key, entry after entry: its latest version, older ones from the latest back, records. */
class Sweeping {
  readonly unresolved: Array<Unresolved> = []
  private readonly changes: Changes
  private readonly floor: Timestamp
  private readonly intended: ReadonlyArray<Reading.Intended>
  private engineKey: Uint8Array | undefined
  private end = 0
  private head: (Old & { readonly isDeleted: boolean }) | undefined
  private olds: Array<Old> = []

  constructor(changes: Changes, floor: Timestamp, intended: ReadonlyArray<Reading.Intended>) {
    this.changes = changes
    this.floor = floor
    this.intended = intended
  }

  take(engineKey: Uint8Array, value: Uint8Array): void {
    const { end } = this
    const isSame =
      this.engineKey !== undefined &&
      engineKey.length >= end + 3 &&
      Keys.compareIn(this.engineKey, 0, end + 2, engineKey, 0, end + 2) === 0
    if (!isSame) this.begin(engineKey)
    const kind = Key.kindAt(engineKey, this.end)
    const kept = Bytes.copy(engineKey)
    if (kind === Key.kinds.head) {
      const version = Records.readHead(value)
      const isDeleted = version.value === undefined
      this.head = { engineKey: kept, at: version.at, valueBytes: value.length, isDeleted }
    } else if (kind === Key.kinds.old) {
      this.olds.push({ engineKey: kept, at: Key.oldAt(kept, this.end), valueBytes: value.length })
    } else this.record(kept, value)
  }

  private begin(engineKey: Uint8Array): void {
    this.finish()
    this.engineKey = Bytes.copy(engineKey)
    this.end = Key.endOf(engineKey)
    this.head = undefined
    this.olds = []
  }

  /** The key's last entry has been seen. */
  finish(): void {
    const { floor, head, olds } = this
    if (head === undefined) return
    this.head = undefined
    const isGone = head.isDeleted && head.at <= floor && !this.hasIntent()
    if (isGone) this.changes.drop(head.engineKey, head.valueBytes)
    // The system's keys have no timestamp, and one version.
    let isCovered = head.at <= floor
    for (const { at, engineKey, valueBytes } of olds) {
      if (isCovered) this.changes.drop(engineKey, valueBytes)
      isCovered ||= at <= floor
    }
  }

  private hasIntent(): boolean {
    if (this.intended.length === 0) return false
    const key = Key.keyOf(this.engineKey!, this.end)
    return this.intended.some((each) => Keys.compare(each.key, key) === 0)
  }

  private record(engineKey: Uint8Array, value: Uint8Array): void {
    const id = Key.recordOf(engineKey, this.end)
    if (id > this.floor) return
    const { keys, outcome } = Records.readRecord(value)
    if (keys.length === 0) return this.changes.drop(engineKey, value.length)
    this.unresolved.push({ txn: { id, anchor: Key.keyOf(engineKey, this.end), age: id }, outcome, keys })
  }
}

export const collect = (
  server: Leaseholder,
  task: Task,
  request: Request & { readonly type: "collect" },
  pause: (goOn: () => void) => void
): void => {
  const { floor, span } = request
  const { port } = server.services
  const changes = new Changes()
  const swept = (sweeping: Sweeping): void => {
    sweeping.finish()
    const response = { type: "unresolved" as const, transactions: sweeping.unresolved }
    const state = server.machine.state!
    const isNews = changes.batch.count > 0 || floor > state.floor
    if (!isNews || !contains(state.descriptor, span.from)) return server.end(task, undefined, response)
    server.propose(task, changes, { response: () => response, floor })
  }
  const intended = server.resume(task, (intents: ReadonlyArray<Reading.Intended>) => {
    const sweeping = new Sweeping(changes, floor, intents)
    const visit = (engineKey: Uint8Array, value: Uint8Array): boolean => {
      sweeping.take(engineKey, value)
      return !task.isAnswered
    }
    const ended = server.resume(task, () => swept(sweeping))
    Reading.entries(port, { bounds: Key.bounds(span) }, visit, pause, ended)
  })
  Reading.intents(port, { span }, pause, intended)
}
