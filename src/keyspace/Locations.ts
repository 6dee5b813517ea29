/**
 * Locations: what a store remembers of where ranges are, pure. Of two that contradict each other the newer stays (`Meta.replaced`); nothing here has
 * to be true: a range that is asked for what it has not says so.
 */
import * as Limits from "#base/Limits.ts"
import type { StoreId } from "#consensus/Replica.ts"
import * as Keys from "#storage/Keys.ts"
import { systemEnd, systemRange, type Descriptor, type Location } from "./Descriptor.ts"
import * as Meta from "./Meta.ts"
import type { Span } from "./Request.ts"

/** A location, whose leaseholder changes with what replicas say. */
export class Known implements Location {
  readonly descriptor: Descriptor
  readonly stores: ReadonlyArray<StoreId>
  leaseholder: StoreId | undefined
  readonly isSettled: boolean

  constructor({ descriptor, isSettled, leaseholder, stores }: Location) {
    this.descriptor = descriptor
    this.stores = stores
    this.leaseholder = leaseholder
    this.isSettled = isSettled
  }
}

export class Locations {
  /** The system's range is where the stores are: `stores` is not looked at. */
  readonly system = new Known({
    descriptor: { range: systemRange, from: new Uint8Array(0), to: systemEnd, generation: 0 },
    stores: [],
    leaseholder: undefined,
    isSettled: false
  })
  /** All others, in the order of their keys; no two have a key in common. */
  private known: Array<Known> = []

  get size(): number {
    return this.known.length
  }

  /** Who has this key. */
  find(key: Uint8Array): Known | undefined {
    if (Keys.compare(key, systemEnd) < 0) return this.system
    const found = this.known[this.place(key) - 1]
    return found !== undefined && Keys.compare(key, found.descriptor.to) < 0 ? found : undefined
  }

  /** Who has the last keys below this one. */
  findBelow(key: Uint8Array): Known | undefined {
    if (Keys.compare(key, systemEnd) <= 0) return this.system
    let place = this.place(key)
    if (place > 0 && Keys.compare(this.known[place - 1].descriptor.from, key) === 0) place--
    const found = this.known[place - 1]
    return found !== undefined && Keys.compare(key, found.descriptor.to) <= 0 ? found : undefined
  }

  /** All that have keys of a span. A span of one key may be given as that key twice. */
  over({ from, to }: Span): ReadonlyArray<Known> {
    const first = Math.max(0, this.place(from) - 1)
    const found: Array<Known> = []
    for (let index = first; index < this.known.length; index++) {
      const known = this.known[index]
      if (Keys.compare(known.descriptor.to, from) <= 0) continue
      const order = Keys.compare(known.descriptor.from, to)
      if (order > 0 || (order === 0 && Keys.compare(from, to) < 0)) break
      found.push(known)
    }
    return found
  }

  /** False: something newer is known, and stays. */
  put(location: Location): boolean {
    const { descriptor } = location
    // What the system's range has is not for anybody to say.
    if (Keys.compare(descriptor.from, systemEnd) < 0 || Keys.compare(descriptor.from, descriptor.to) >= 0) return false
    // All is found again by asking.
    if (this.known.length >= Limits.locationsMax) this.known = []
    const over = this.over(descriptor)
    if (Meta.replaced(over, location) === undefined) return false
    const place = over.length === 0 ? this.place(descriptor.from) : this.place(over[0].descriptor.from) - 1
    this.known.splice(place, over.length, new Known(location))
    return true
  }

  /** It is not where it was. */
  forget(known: Known): void {
    const place = this.place(known.descriptor.from) - 1
    if (this.known[place] === known) this.known.splice(place, 1)
  }

  /** How many begin at this key or before it. */
  private place(key: Uint8Array): number {
    let low = 0
    let high = this.known.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (Keys.compare(this.known[middle].descriptor.from, key) <= 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
