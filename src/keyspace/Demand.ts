/**
 * Demand: from which store most requests of a range come, so that its lease can go there (follow-the-workload, as CockroachDB calls it): who asks and
 * who answers on one store need no round between them.
 *
 * What comes is counted in windows of a second, by the majority vote of Boyer and Moore: two numbers, whatever the number of stores. A store that has
 * three of four requests in some windows in a row is the one, and none that has less than half; windows of few requests say nothing, and change nothing.
 *
 * Pure. Costs a comparison and an addition a request.
 */
import type { StoreId } from "#consensus/Replica.ts"

const windowMicros = 1_000_000
/** Requests of a window that say something. */
const requestsMin = 20
/** Windows in a row that say the same. */
const windowsMin = 3
/** What has to be left of a window's requests when those of different stores have cancelled each other out, two at a time. */
const marginMin = 0.5
/** Whoever leads only since then has not been asked long enough to tell, and keeps its lease as long. */
const settlingMicros = 6_000_000

export class Demand {
  private sinceMicros = -Infinity
  private windowMicros = -Infinity
  private requests = 0
  private candidate: StoreId | undefined
  private margin = 0
  private latest: StoreId | undefined
  private windows = 0
  private majority: StoreId | undefined

  /** The store that most requests come from; undefined: they come from several, or nobody can tell yet. */
  get store(): StoreId | undefined {
    return this.majority
  }

  /** It begins to lead: what came before was somebody else's. */
  begin(nowMicros: number): void {
    this.sinceMicros = nowMicros
    this.windowMicros = nowMicros
    this.requests = 0
    this.margin = 0
    this.windows = 0
    this.majority = undefined
  }

  count(from: StoreId): void {
    this.requests++
    if (this.candidate === from) this.margin++
    else if (this.margin > 0) this.margin--
    else {
      this.candidate = from
      this.margin = 1
    }
  }

  /** To be called several times a window. */
  look(nowMicros: number): void {
    if (nowMicros - this.windowMicros < windowMicros) return
    if (this.requests >= requestsMin) this.weigh()
    this.windowMicros = nowMicros
    this.requests = 0
    this.margin = 0
  }

  private weigh(): void {
    const most = this.margin >= marginMin * this.requests ? this.candidate : undefined
    this.windows = most === this.latest ? this.windows + 1 : 1
    this.latest = most
    if (this.windows >= windowsMin) this.majority = most
  }

  /** The lease of this store is where it should be, or it cannot be told yet whether it is. */
  isSettled(store: StoreId, nowMicros: number): boolean {
    return this.majority === store || nowMicros - this.sinceMicros < settlingMicros
  }
}
