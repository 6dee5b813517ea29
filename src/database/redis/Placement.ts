/**
 * Placement: `Shards` as this node knows it: what it has and answers for, what it does not yet or just now, and what others have, as they were heard
 * of last.
 */
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import type { Ownership, Seen } from "./Ownership.ts"
import type { Peer, Place, Shards } from "./Shards.ts"
import { SlotSet } from "./SlotSet.ts"

const peerOf = ({ address, node, pass, relay }: Seen): Peer => ({ node, address, relay, pass })

const isSame = (left: Place, right: Place): boolean =>
  typeof left === "string" || typeof right === "string"
    ? left === right
    : left.node === right.node && left.pass === right.pass

export class Placement implements Shards {
  version = 0
  peers: ReadonlyArray<Peer> = []
  owners: ReadonlyArray<Peer> = []
  readonly pass: string
  /** What this node has loaded. */
  loaded: SlotSet = SlotSet.none
  /** Called when something has changed. */
  changed: () => void = () => {}
  /** Called when somebody wants to know more. */
  asked: () => void = () => {}
  /** What stands still: commands on these slots wait, and on no others. Who changes it calls `changed`. */
  held: ReadonlySet<number> = new Set()
  private places: ReadonlyArray<Place> = Array.from({ length: SpacesRedis.slots }, (): Place => "nowhere")
  private readonly ownership: Ownership

  constructor(ownership: Ownership, pass: string) {
    this.ownership = ownership
    this.pass = pass
  }

  placeOf(slot: number): Place {
    const place = this.places[slot]
    return place === "here" && this.held.has(slot) ? "held" : place
  }

  get own(): SlotSet {
    return this.ownership.slots
  }

  get whole(): "here" | "held" | "loading" {
    if (this.held.size > 0) return "held"
    return this.ownership.slots.without(this.loaded).count > 0 ? "loading" : "here"
  }

  /** What this node answers for. */
  get here(): SlotSet {
    return this.loaded.without(SlotSet.of([...this.held].map((slot) => [slot, slot] as const)))
  }

  /** It has nothing. */
  clear(): void {
    this.loaded = SlotSet.none
    this.look()
  }

  /** Every slot has a node, and this one has loaded all of its own. */
  get isWhole(): boolean {
    return this.places.every((place) => place !== "nowhere" && place !== "loading")
  }

  refresh(): void {
    this.asked()
  }

  /** Something may have changed. */
  look(): void {
    const { loaded, ownership } = this
    const { others, slots } = ownership
    const places = new Array<Place>(SpacesRedis.slots).fill("nowhere")
    const put = (set: SlotSet, place: Place): void => {
      for (const [first, last] of set.ranges) places.fill(place, first, last + 1)
    }
    const peers: Array<Peer> = []
    const owners: Array<Peer> = []
    for (const seen of [...others.values()].sort((left, right) => left.node - right.node)) {
      const peer = peerOf(seen)
      if (seen.hasBeaten && !ownership.isSilent(seen)) peers.push(peer)
      if (seen.slots.count > 0) owners.push(peer)
      put(seen.slots, peer)
    }
    put(slots, "loading")
    put(slots.within(loaded), "here")
    this.peers = peers
    this.owners = owners
    if (places.every((place, slot) => isSame(place, this.places[slot]))) return
    this.places = places
    this.version += 1
    this.changed()
  }
}
