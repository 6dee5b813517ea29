/**
 * Liveness: which stores are heard. A beat from a store that has said nothing else stands for the heartbeats of all its sleeping groups
 * (CockroachDB issue 6107 and its store liveness): a group sleeps while the stores of its members live, and wakes when one of
 * them falls silent or starts anew. It decides nothing: waking too often costs some messages, a stale view costs a time-out.
 */
import type { StoreId } from "./Replica.ts"

interface Peer {
  heardTick: number
  /** Of its last start that we heard of; 0: of none. */
  epoch: number
  isLive: boolean
}

export class Liveness {
  private readonly silentTicks: number
  private readonly peers = new Map<StoreId, Peer>()
  /** It lives again, or has started anew, or has fallen silent. */
  private readonly turned: (store: StoreId) => void

  constructor(silentTicks: number, turned: (store: StoreId) => void) {
    this.silentTicks = silentTicks
    this.turned = turned
  }

  get stores(): IterableIterator<StoreId> {
    return this.peers.keys()
  }

  isLive(store: StoreId): boolean {
    return this.peers.get(store)?.isLive === true
  }

  watch(store: StoreId, tick: number): void {
    if (!this.peers.has(store)) this.peers.set(store, { heardTick: tick, epoch: 0, isLive: false })
  }

  unwatch(store: StoreId): void {
    this.peers.delete(store)
  }

  /** Something came from it; `epoch`, if it told its own. */
  heard(store: StoreId, tick: number, epoch?: number): void {
    const peer = this.peers.get(store)
    if (peer === undefined) return
    peer.heardTick = tick
    const isNew = epoch !== undefined && peer.epoch !== epoch
    if (isNew) peer.epoch = epoch
    if (peer.isLive && !isNew) return
    peer.isLive = true
    this.turned(store)
  }

  tick(tick: number): void {
    for (const [store, peer] of this.peers) {
      if (!peer.isLive || tick - peer.heardTick < this.silentTicks) continue
      peer.isLive = false
      this.turned(store)
    }
  }
}
