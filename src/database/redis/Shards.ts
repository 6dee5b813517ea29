/**
 * Shards: which node answers for which slots of Redis's keys, as far as this node knows, for whoever carries commands to where their keys are. What it
 * tells may be old: who has a slot says so itself, when a command comes that is not its to answer.
 */
import type { Address } from "#world/Net.ts"
import type { SlotSet } from "./SlotSet.ts"

/** Another node. */
export interface Peer {
  readonly node: number
  /** Of its clients' door. */
  readonly address: Address
  /** Where nodes come in for their clients. */
  readonly relay: Address
  /** Who says it there is a node of this cluster. */
  readonly pass: string
}

/**
 * Of a slot. `here`: this node answers for it. `held`: it does, but not now; commands wait until `Server.resumed` is called. `loading`: it will when what is
 * stored is read, which may take long. `nowhere`: nobody does that is known of.
 */
export type Place = "here" | "held" | "loading" | "nowhere" | Peer

export interface Shards {
  /** Rises whenever another node answers for something, or another one than before. */
  readonly version: number
  /** What other nodes have to say here. */
  readonly pass: string
  /** Nodes other than this one that live, by their numbers, with slots or without. */
  readonly peers: ReadonlyArray<Peer>
  /** Those of all nodes, this one excepted, that have slots, by their numbers, whether they live or not. */
  readonly owners: ReadonlyArray<Peer>
  /** What this node has, whether it answers for it or not. */
  readonly own: SlotSet
  /** Whether it answers for all that it has. */
  readonly whole: "here" | "held" | "loading"
  placeOf(slot: number): Place
  /** What was told does not hold any more: it is looked again, soon. */
  refresh(): void
}
