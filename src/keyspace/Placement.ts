/**
 * Placement: where replicas and leases should be, pure: looks at where they are and says the next thing to do, the most urgent first. Asked again
 * after each, it comes to an end where nothing is to be done any more.
 *
 * 1. A store that is dead, or is to be emptied, is replaced, where there is another for it.
 * 2. A range has as many voters as it should, an odd number: an even one bears no more failures than the odd one below.
 * 3. Stores have as many replicas as each other, give or take one; then as many leases, of those that are not where they are for a reason.
 *
 * A replacement is one joint change, so a range never has fewer voters than before. Nothing is asked of a range that has no quorum: it could not.
 */
import type { GroupId, StoreId } from "#consensus/Replica.ts"
import type { MemberChange } from "#consensus/ReplicatedLog.ts"
import type { Location } from "./Descriptor.ts"

export interface Facts {
  readonly stores: ReadonlyArray<{
    readonly id: StoreId
    /** `silent`: it keeps what it has, and gets nothing. */
    readonly state: "live" | "silent" | "dead" | "draining"
  }>
  readonly locations: ReadonlyArray<Location>
  /** Voters that a range should have. */
  readonly replicas: number
}

export type Action =
  | {
      readonly type: "members"
      readonly range: GroupId
      readonly changes: ReadonlyArray<MemberChange>
      /** Where its voters are, as far as is known: of others it does not make sense. */
      readonly of: ReadonlyArray<StoreId>
    }
  | { readonly type: "transfer"; readonly range: GroupId; readonly to: StoreId }

/** Whether voters are on the same stores. */
export const isSame = (one: ReadonlyArray<StoreId>, other: ReadonlyArray<StoreId>): boolean =>
  one.length === other.length && one.every((store) => other.includes(store))

/** Where a range is once an action has been carried out. */
export const after = (location: Location, action: Action): Location => {
  if (action.type === "transfer") return { ...location, leaseholder: action.to }
  const removed = action.changes.filter(({ type }) => type === "remove").map(({ store }) => store)
  const added = action.changes.filter(({ type }) => type === "add-voter").map(({ store }) => store)
  return { ...location, stores: [...location.stores.filter((store) => !removed.includes(store)), ...added] }
}

const lowest = <A>(items: ReadonlyArray<A>, by: (item: A) => number): A | undefined =>
  items.length === 0 ? undefined : items.reduce((best, item) => (by(item) < by(best) ? item : best))

/** What is counted, by store. */
class Plan {
  readonly facts: Facts
  /** Those that may get something, in the order of their numbers. */
  readonly live: ReadonlyArray<StoreId>
  /** Not there, for a while or for good. */
  private readonly dead: ReadonlySet<StoreId>
  private readonly lost: ReadonlySet<StoreId>
  private readonly replicas = new Map<StoreId, number>()
  private readonly leases = new Map<StoreId, number>()

  constructor(facts: Facts) {
    this.facts = facts
    const of = (state: string): ReadonlyArray<StoreId> =>
      facts.stores.filter((store) => store.state === state).map(({ id }) => id)
    this.live = of("live")
    this.dead = new Set([...of("dead"), ...of("silent")])
    this.lost = new Set([...of("dead"), ...of("draining")])
    for (const { isSettled, leaseholder, stores } of facts.locations) {
      for (const store of stores) this.replicas.set(store, this.replicasOf(store) + 1)
      if (leaseholder !== undefined && !isSettled) this.leases.set(leaseholder, this.leasesOf(leaseholder) + 1)
    }
  }

  readonly replicasOf = (store: StoreId): number => this.replicas.get(store) ?? 0
  readonly leasesOf = (store: StoreId): number => this.leases.get(store) ?? 0

  /** The range could carry out a change. */
  isAsked({ leaseholder, stores }: Location): boolean {
    const dead = stores.filter((store) => this.dead.has(store)).length
    return leaseholder !== undefined && !this.dead.has(leaseholder) && dead <= (stores.length - 1) / 2
  }

  areLive(stores: ReadonlyArray<StoreId>): boolean {
    return stores.every((store) => this.live.includes(store))
  }

  readonly isLost = (store: StoreId): boolean => this.lost.has(store)

  /** The live store with the fewest replicas that has none of this range. */
  spareFor({ stores }: Location): StoreId | undefined {
    return lowest(
      this.live.filter((store) => !stores.includes(store)),
      this.replicasOf
    )
  }

  /** The voter that is missed least. */
  worstOf({ leaseholder, stores }: Location): StoreId {
    const cost = (store: StoreId): number =>
      this.live.includes(store) ? 1_000_000 - this.replicasOf(store) + (store === leaseholder ? 0.5 : 0) : 0
    return lowest(stores, cost)!
  }

  /** How many voters a range should have, with the stores that there are. */
  get wanted(): number {
    const most = Math.min(this.facts.replicas, this.live.length)
    return most % 2 === 0 ? most - 1 : most
  }
}

/** Who leads hands over before it goes, where there is somebody: a leader that removes itself leaves an election behind. */
const handOver = (plan: Plan, { descriptor, leaseholder, stores }: Location, from: StoreId): Action | undefined => {
  const to = from === leaseholder ? stores.find((store) => store !== from && plan.live.includes(store)) : undefined
  return to === undefined ? undefined : { type: "transfer", range: descriptor.range, to }
}

const replace = (plan: Plan, location: Location, from: StoreId, to: StoreId): Action =>
  handOver(plan, location, from) ?? {
    type: "members",
    range: location.descriptor.range,
    changes: [
      { type: "add-voter", store: to },
      { type: "remove", store: from }
    ],
    of: location.stores
  }

const one = ({ descriptor, stores }: Location, type: MemberChange["type"], store: StoreId): Action => ({
  type: "members",
  range: descriptor.range,
  changes: [{ type, store }],
  of: stores
})

const repair = (plan: Plan, location: Location): Action | undefined => {
  const lost = location.stores.find(plan.isLost)
  const spare = plan.spareFor(location)
  if (lost !== undefined && spare !== undefined) return replace(plan, location, lost, spare)
  if (location.stores.length < plan.wanted && spare !== undefined) return one(location, "add-voter", spare)
  if (location.stores.length > Math.max(1, plan.wanted) && lost === undefined && plan.areLive(location.stores)) {
    const worst = plan.worstOf(location)
    return handOver(plan, location, worst) ?? one(location, "remove", worst)
  }
  return undefined
}

/** From the store with the most to the one with the fewest, where they differ by two or more. */
const level = (
  plan: Plan,
  of: (store: StoreId) => number,
  move: (from: StoreId, to: StoreId) => Action | undefined
): Action | undefined => {
  const ascending = [...plan.live].sort((left, right) => of(left) - of(right) || left - right)
  for (const from of [...ascending].reverse()) {
    for (const to of ascending) {
      if (of(from) - of(to) < 2) break
      const action = move(from, to)
      if (action !== undefined) return action
    }
  }
  return undefined
}

/** Undefined: all is as it should be, or as it can be. `isBusy`: the range is not to be touched now. */
export const next = (facts: Facts, isBusy: (range: GroupId) => boolean): Action | undefined => {
  const plan = new Plan(facts)
  const open = facts.locations.filter((each) => plan.isAsked(each) && !isBusy(each.descriptor.range))
  for (const location of open) {
    const action = repair(plan, location)
    if (action !== undefined) return action
  }
  const moved = level(plan, plan.replicasOf, (from, to) => {
    const held = open.filter(({ stores }) => stores.includes(from) && !stores.includes(to))
    // One that is led from elsewhere moves without an election.
    const location = lowest(held, ({ leaseholder }) => (leaseholder === from ? 1 : 0))
    return location === undefined ? undefined : replace(plan, location, from, to)
  })
  if (moved !== undefined) return moved
  return level(plan, plan.leasesOf, (from, to) => {
    const location = open.find(
      ({ isSettled, leaseholder, stores }) => !isSettled && leaseholder === from && stores.includes(to)
    )
    return location === undefined ? undefined : { type: "transfer", range: location.descriptor.range, to }
  })
}
