/** LeaseTransfer: gives the leases that this store has to the stores that most requests for their ranges come from. */
import type { GroupId, StoreId } from "#consensus/Replica.ts"
import type { Location } from "./Descriptor.ts"
import type { Answered } from "./Leaseholder.ts"
import type { RangeServer } from "./RangeServer.ts"
import type { Asking } from "./Request.ts"

export interface Means {
  nowMicros(): number
  isLive(store: StoreId): boolean
  submit(asking: Asking, done: Answered): void
}

const timeoutMicros = 5_000_000
/** Who could not take over is not asked again at once. */
const restMicros = 10_000_000

export class LeaseTransfer {
  private readonly means: Means
  private readonly restsUntil = new Map<GroupId, number>()

  constructor(means: Means) {
    this.means = means
  }

  /** To be called several times a second for a range that is led here. */
  tend({ demand, range }: RangeServer, { leaseholder, stores }: Location): void {
    const now = this.means.nowMicros()
    demand.look(now)
    const to = demand.store
    if (to === undefined || to === leaseholder || (this.restsUntil.get(range) ?? 0) > now) return
    if (!stores.includes(to) || !this.means.isLive(to)) return
    this.restsUntil.set(range, now + restMicros)
    this.means.submit({ range, timeoutMicros, waiter: undefined, request: { type: "transfer", range, to } }, () => {})
  }

  forget(range: GroupId): void {
    this.restsUntil.delete(range)
  }
}
