/**
 * Placing: carries out what `Placement` says, on the node that leads the system's range: looks at where ranges said they are, and at which stores
 * are heard, and asks one range after the other for a change. What it does not know it finds out the next time: ranges say where they are whenever that
 * has changed, and refuse a change that is not possible, or that was meant of other voters. Until a range has said where it is, what was asked of it counts.
 */
import * as Bytes from "#base/Bytes.ts"
import type { GroupId, StoreId } from "#consensus/Replica.ts"
import type * as Engine from "#storage/Engine.ts"
import type { Trace } from "#world/Trace.ts"
import type { Location } from "./Descriptor.ts"
import { end } from "./Descriptor.ts"
import type { RangeError } from "./KeyspaceError.ts"
import * as Meta from "./Meta.ts"
import * as Placement from "./Placement.ts"
import * as Reading from "./Reading.ts"
import type { Request } from "./Request.ts"

export interface Options {
  /** Voters that a range should have; 0: nothing is moved. */
  readonly replicas: number
  /** Between two changes. */
  readonly everyMicros: number
  /** A store that was not heard for so long has its replicas replaced. */
  readonly deadAfterMicros: number
}

export const defaults: Options = { replicas: 3, everyMicros: 1_000_000, deadAfterMicros: 60_000_000 }

export interface Means {
  readonly port: Engine.Port
  readonly trace: Trace["Service"]
  nowMicros(): number
  defer(then: () => void): void
  stores(): ReadonlyArray<StoreId>
  isLive(store: StoreId): boolean
  /** Asks the range that has the key. */
  at(key: Uint8Array, request: Request, done: (error: RangeError | undefined) => void): void
}

/** After a change, until it is asked again: its location is to be known by then. */
const restMicros = 3_000_000

/** What a range was asked for. */
interface Asked {
  readonly action: Placement.Action
  /** What was known of it. */
  readonly before: Location
  /** It is under way, or was carried out. */
  counts: boolean
  untilMicros: number
}

export class Placing {
  private readonly means: Means
  private readonly options: Options
  private readonly silentSince = new Map<StoreId, number>()
  private readonly asked = new Map<GroupId, Asked>()
  private dueMicros = 0
  private isLooking = false

  constructor(means: Means, options: Options) {
    this.means = means
    this.options = options
  }

  /** To be called now and then, where the system's range is led, and nowhere else. */
  tend(): void {
    const now = this.means.nowMicros()
    this.listen(now)
    if (this.options.replicas === 0 || this.isLooking || now < this.dueMicros) return
    this.dueMicros = now + this.options.everyMicros
    this.isLooking = true
    const locations: Array<Location> = []
    const visit = ({ head }: Reading.Item): boolean => {
      if (head?.value !== undefined) locations.push(Meta.decodeLocation(Bytes.copy(head.value)))
      return true
    }
    const span = { from: Meta.locationKey(new Uint8Array(0)), to: Meta.locationKey(end) }
    Reading.scan(
      this.means.port,
      { span, at: Infinity },
      visit,
      (goOn) => this.means.defer(goOn),
      (error) => {
        this.isLooking = false
        if (error === undefined) this.act(locations)
      }
    )
  }

  /** It leads no more: what it has heard is not to be relied on when it does again. */
  rest(): void {
    this.silentSince.clear()
    // Nor is it known what another has asked for: that is published by then, as a rule.
    this.dueMicros = this.means.nowMicros() + this.options.everyMicros
  }

  private listen(now: number): void {
    for (const store of this.means.stores()) {
      if (this.means.isLive(store)) this.silentSince.delete(store)
      else if (!this.silentSince.has(store)) this.silentSince.set(store, now)
    }
  }

  private act(locations: ReadonlyArray<Location>): void {
    const { means, options } = this
    const now = means.nowMicros()
    const isGone = (store: StoreId): boolean => now - (this.silentSince.get(store) ?? now) >= options.deadAfterMicros
    const stores = means.stores().map((id) => {
      if (means.isLive(id)) return { id, state: "live" as const }
      return { id, state: isGone(id) ? ("dead" as const) : ("silent" as const) }
    })
    for (const [range, { untilMicros }] of this.asked) if (untilMicros <= now) this.asked.delete(range)
    const facts = { stores, locations: locations.map((each) => this.expected(each)), replicas: options.replicas }
    const action = Placement.next(facts, (range) => this.asked.has(range))
    if (action === undefined) return
    const before = locations.find(({ descriptor }) => descriptor.range === action.range)!
    const asked = { action, before, counts: true, untilMicros: Infinity }
    this.asked.set(action.range, asked)
    means.trace.emit("info", "keyspace/placing", { range: action.range, action: describe(action) })
    means.at(before.descriptor.from, action, (error) => {
      asked.counts = error === undefined
      asked.untilMicros = means.nowMicros() + restMicros
    })
  }

  /** Where a range is, or will be when it has said so. */
  private expected(location: Location): Location {
    const asked = this.asked.get(location.descriptor.range)
    if (asked === undefined || !asked.counts) return location
    const { action, before } = asked
    const isNews = !Placement.isSame(location.stores, before.stores) || location.leaseholder !== before.leaseholder
    return isNews ? location : Placement.after(location, action)
  }
}

const describe = (action: Placement.Action): string =>
  action.type === "transfer"
    ? `transfer to ${action.to}`
    : action.changes.map(({ store, type }) => `${type} ${store}`).join(", ")
