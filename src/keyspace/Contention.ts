/**
 * Contention: what becomes of those who wait for transactions, at one leaseholder. Who has waited a while has the holder pushed at its anchor:
 * when that is decided its intents are resolved here, and everybody goes on. And it tells the detector whom it waits for, again and again, so that
 * nobody waits in a circle.
 */
import * as Keys from "#storage/Keys.ts"
import { Aborted } from "./KeyspaceError.ts"
import type { Leaseholder } from "./Leaseholder.ts"
import type { Outcome, Txn, TxnId } from "./Request.ts"
import type { Leadership, Task } from "./Task.ts"

const resolveTimeoutMicros = 5_000_000

export class Contention {
  private readonly server: Leaseholder
  private readonly pushing = new Set<TxnId>()
  /** Those whom the detector knows to wait. */
  private readonly reported = new Set<Task>()
  private readonly asking = new Set<Task>()
  private lastMicros = 0

  constructor(server: Leaseholder) {
    this.server = server
  }

  goesOn(task: Task): void {
    if (!this.reported.delete(task)) return
    this.server.services.wait(task.txn!, this.placeOf(task), [], () => {})
  }

  private placeOf({ ticket, leadership }: Task): string {
    return `${this.server.range}/${leadership.term}/${ticket}`
  }

  tick(leadership: Leadership): void {
    const { options, services } = this.server
    const now = services.nowMicros()
    if (now - this.lastMicros < options.pushAfterMicros) return
    this.lastMicros = now
    for (const task of leadership.tasks) {
      const { blocked } = task
      if (blocked === undefined || task.isAnswered || now - blocked.sinceMicros < options.pushAfterMicros) continue
      for (const holder of blocked.holders) this.push(leadership, holder)
      if (task.txn !== undefined) this.report(task, task.txn, blocked.holders)
    }
  }

  private push(leadership: Leadership, holder: Txn): void {
    if (this.pushing.has(holder.id)) return
    this.pushing.add(holder.id)
    this.server.services.push(holder, (error, state) => {
      this.pushing.delete(holder.id)
      if (leadership.isOver || error !== undefined || state === undefined || state.type === "pending") return
      this.settle(leadership, holder.id, state)
    })
  }

  /** It is over: its intents on keys that somebody waits for go, and its locks. */
  private settle(leadership: Leadership, txn: TxnId, outcome: Outcome): void {
    const keys: Array<Uint8Array> = []
    for (const { blocked } of leadership.tasks) {
      if (blocked?.holders.some(({ id }) => id === txn) !== true) continue
      // Several may wait for one.
      if (!keys.some((key) => Keys.compare(key, blocked.key) === 0)) keys.push(blocked.key)
    }
    if (keys.length === 0) return
    const asking = {
      range: this.server.range,
      timeoutMicros: resolveTimeoutMicros,
      waiter: undefined,
      request: { type: "resolve" as const, txn, outcome, keys }
    }
    this.server.submit(asking, () => {})
  }

  private report(task: Task, waiter: Txn, holders: ReadonlyArray<Txn>): void {
    if (this.asking.has(task)) return
    this.asking.add(task)
    this.reported.add(task)
    this.server.services.wait(waiter, this.placeOf(task), holders, (error, victims) => {
      this.asking.delete(task)
      if (error !== undefined || task.isAnswered || task.blocked === undefined) return
      if (victims?.includes(waiter.id) === true) {
        this.server.end(task, new Aborted({ txn: waiter.id, reason: "deadlock" }))
      }
    })
  }
}
