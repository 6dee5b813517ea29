/**
 * Replica: how members of groups are named. A store is one node's consensus with its log; a replica is one store's membership of a
 * group. A replica that was removed never comes back: when its store joins again, it does so as the next incarnation, so that
 * votes and acknowledgements of the old one count for nothing (Jepsen on RethinkDB 2.2.3: a removed replica came back with a
 * fresh vote).
 *
 * A replica's number within its group, its `NodeId`, holds both: store + incarnation × 65,536. The incarnation is the place in the
 * group's log of the change that adds it, 0 for the first members: no two are the same.
 */
import { assert } from "#base/Assert.ts"
import type { NodeId } from "./NodeId.ts"

/** 1 to 65,535. */
export type StoreId = number

/** 1 to 2^30 - 1: each group has two streams of the log, whose numbers have 32 bits, and half of those are for engines. */
export type GroupId = number

const stores = 65_536
/** 2^37 - 1: with a store's 16 bits that makes 53. */
const incarnationMax = 137_438_953_471

export const groupMax = 0x3fff_ffff

export const idOf = (store: StoreId, incarnation = 0): NodeId => {
  assert(Number.isInteger(store) && store > 0 && store < stores, "a store's number is from 1 to 65,535")
  assert(
    Number.isInteger(incarnation) && incarnation >= 0 && incarnation <= incarnationMax,
    "an incarnation is from 0 to 2^37 - 1"
  )
  return incarnation * stores + store
}

export const storeOf = (replica: NodeId): StoreId => replica % stores
