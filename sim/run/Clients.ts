/**
 * Clients: drives the workload of a run and writes the history. Each client performs its planned operations one after
 * the other; once the faults have healed, its final operations, each again until it is ok.
 */
import type { PlannedOperation } from "./Plan.ts"
import type { Operation, Outcome } from "./History.ts"
import type { Perform, Workload } from "./Scenario.ts"

/** How the clients reach their world: the simulator's event queue, or the real one's timers. */
export interface Stage {
  /** True time in microseconds from the start of the run. */
  readonly now: () => number
  /** Calls after a delay, on behalf of a client. */
  readonly after: (client: number, delayMicros: number, call: () => void) => void
  readonly invoked?: (operation: Operation) => void
  readonly completed?: (operation: Operation) => void
  /** All clients are done with their final operations. */
  readonly finished: () => void
}

interface Entry extends Operation {
  completedAt: number
  outcome: Outcome<unknown>
}

/** Between the attempts of a final operation. */
const retryMicros = 20_000
const pending: Outcome<unknown> = { type: "unknown", reason: "never completed" }

class Client {
  process: number
  perform: Perform<any, any> | undefined
  /** The operation under way. */
  current: Entry | undefined
  planned: ReadonlyArray<PlannedOperation>
  next = 0
  /** When its planned operations began. */
  readonly begunAt: Array<number> = []
  finals: ReadonlyArray<unknown> = []
  nextFinal = 0
  readonly index: number

  constructor(index: number, planned: ReadonlyArray<PlannedOperation>) {
    this.index = index
    this.process = index
    this.planned = planned
  }
}

export class Clients {
  readonly history: Array<Operation> = []
  readonly counts = { ok: 0, failed: 0, unknown: 0 }
  private readonly stage: Stage
  private readonly workload: Workload<any, any>
  private readonly clients: ReadonlyArray<Client>
  private final = false
  private unfinished: number

  constructor(workload: Workload<any, any>, count: number, operations: ReadonlyArray<PlannedOperation>, stage: Stage) {
    this.workload = workload
    this.stage = stage
    this.unfinished = count
    const planned: Array<Array<PlannedOperation>> = Array.from({ length: count }, () => [])
    for (const operation of operations) planned[operation.client]?.push(operation)
    this.clients = planned.map((own, index) => new Client(index, own))
  }

  /** A client's session is there: it begins. */
  ready(index: number, perform: Perform<any, any>): void {
    const client = this.clients[index]
    client.perform = perform
    if (this.final) this.retry(client)
    else this.step(client)
  }

  /** The liveness phase: no planned operations any more, but the final ones. */
  finish(): void {
    this.final = true
    for (const client of this.clients) {
      client.finals = this.workload.final(client.index)
      if (client.finals.length === 0) this.leave()
      else if (client.perform !== undefined && client.current === undefined) this.retry(client)
    }
  }

  /**
   * The planned operations that were begun, with their times: what a journal has to keep. And each client's next one, whose
   * event was queued already: without it the events of a replay would be others.
   */
  reached(): ReadonlyArray<PlannedOperation> {
    return this.clients.flatMap((client) =>
      client.planned
        .slice(0, client.next)
        .map((planned, index) =>
          index < client.begunAt.length ? { ...planned, atMicros: client.begunAt[index] } : planned
        )
    )
  }

  /** Final operations that are not ok yet, in words. */
  unfinishedOperations(): ReadonlyArray<string> {
    return this.clients
      .filter((client) => client.nextFinal < client.finals.length)
      .map((client) => {
        const last = this.history.findLast((operation) => operation.client === client.index && operation.final)
        const outcome = last === undefined ? "was never begun" : describe(last.outcome)
        return `client ${client.index}: ${this.workload.label(client.finals[client.nextFinal])} ${outcome}`
      })
  }

  private leave(): void {
    this.unfinished--
    if (this.unfinished === 0) this.stage.finished()
  }

  private step(client: Client): void {
    const planned = client.planned[client.next]
    if (planned === undefined) return
    client.next++
    const delayMicros = Math.max(planned.gapMicros, (planned.atMicros ?? 0) - this.stage.now())
    this.stage.after(client.index, delayMicros, () => {
      if (this.final) return
      client.begunAt.push(this.stage.now())
      this.begin(client, planned.operation, false)
    })
  }

  private retry(client: Client): void {
    this.stage.after(client.index, 0, () => {
      if (client.current === undefined) this.begin(client, client.finals[client.nextFinal], true)
    })
  }

  private begin(client: Client, operation: unknown, final: boolean): void {
    const entry: Entry = {
      process: client.process,
      client: client.index,
      operation,
      invokedAt: this.stage.now(),
      completedAt: Infinity,
      outcome: pending,
      final
    }
    client.current = entry
    this.history.push(entry)
    this.stage.invoked?.(entry)
    client.perform!(operation, (outcome) => this.complete(client, entry, outcome))
  }

  private complete(client: Client, entry: Entry, outcome: Outcome<unknown>): void {
    // A client that answers twice, or too late, changes nothing.
    if (client.current !== entry) return
    client.current = undefined
    entry.outcome = outcome
    this.counts[outcome.type]++
    if (outcome.type === "unknown") client.process += this.clients.length
    else entry.completedAt = this.stage.now()
    this.stage.completed?.(entry)
    if (!this.final) return this.step(client)
    if (entry.final && outcome.type === "ok") {
      client.nextFinal++
      if (client.nextFinal === client.finals.length) return this.leave()
      return this.retry(client)
    }
    this.stage.after(client.index, entry.final ? retryMicros : 0, () => {
      if (client.current === undefined) this.begin(client, client.finals[client.nextFinal], true)
    })
  }
}

const describe = (outcome: Outcome<unknown>): string =>
  outcome.type === "ok" ? "was ok" : `was ${outcome.type}: ${outcome.reason}`
