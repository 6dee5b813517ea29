/**
 * Lane: the ways on one connection, in the order in which they overtake each other. Consensus has those of `consensus/Peers.ts`; the lane
 * `requests` carries what stores ask each other (`cluster/Calls.ts`): behind what keeps groups alive and appends, before snapshots.
 */
import type { StoreId } from "#consensus/Replica.ts"

export const lanes = ["system", "normal", "requests", "bulk"] as const
export type Lane = (typeof lanes)[number]

/** Hears of the lane `requests` what `Peers.Sink` hears of the others, and is called from later turns only, too. */
export interface RequestSink {
  /** `bytes` as a peer sent them. They are the receiver's: views of them may be kept. */
  received(from: StoreId, bytes: Uint8Array): void
  /** Frames sent from now on may arrive, and none of an earlier connection will. */
  connected(peer: StoreId): void
  /** Frames sent to it lately may be lost, and those sent from now on are, until `connected`. */
  disconnected(peer: StoreId): void
  /** After a `send` that was answered `full`: there is room again. */
  drained(peer: StoreId): void
}

export interface RequestPort {
  /** Takes a frame as `Peers.Port.send` does, or says why not: there is no connection, or the lane's credit is used up. */
  send(to: StoreId, bytes: Uint8Array): "taken" | "unconnected" | "full"
}
