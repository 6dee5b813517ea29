/**
 * Peers: the port by which stores reach each other; the room `cluster` provides it. Frames are delivered at most once, whole and
 * unchanged; they may be lost and late. Frames of one lane to one peer arrive in the order in which they were sent; lanes overtake each
 * other: `system` before `normal` before `bulk`.
 */
import type { StoreId } from "./Replica.ts"

export type Lane = "system" | "normal" | "bulk"

export interface Sink {
  /** `bytes` as a peer sent them. They are the receiver's: views of them may be kept. */
  received(from: StoreId, lane: Lane, bytes: Uint8Array): void
  /** Frames sent from now on may arrive. */
  connected(peer: StoreId): void
  /** Frames sent to it lately may be lost, and those sent from now on are, until `connected`. */
  disconnected(peer: StoreId): void
  /** After a `send` on this lane that returned false for want of credit: there is room again. */
  drained(peer: StoreId, lane: Lane): void
}

export interface Port {
  /**
   * Takes a frame, which is the port's from then on; it leaves with everything else of this turn. False: not taken, because there
   * is no connection or the lane's credit is used up. Never throws.
   */
  send(to: StoreId, lane: Lane, bytes: Uint8Array): boolean
  /**
   * Between the two, what is sent waits for `flush`, and not for the port's own turn: for who knows when its own turn ends. The sink
   * may hear `drained` within `flush`.
   */
  hold(): void
  flush(): void
}

/** Makes a port of a sink; the sink is called from later turns only. */
export type Attach = (sink: Sink) => Port
