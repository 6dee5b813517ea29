/**
 * Replica: how members of groups are named. A store is one node's consensus with its log; a replica is one store's membership of a
 * group. A replica that was removed never comes back: when its store joins again, it does so as the next incarnation, so that
 * votes and acknowledgements of the old one count for nothing (Jepsen on RethinkDB 2.2.3: a removed replica came back with a
 * fresh vote).
 *
 * A replica's number within its group, its `NodeId`, holds both: store + incarnation × 65,536.
 */
import { assert } from "#base/Assert.ts"
import type { NodeId } from "./NodeId.ts"

/** 1 to 65,535. */
export type StoreId = number

/** 1 to 2^32 - 1. */
export type GroupId = number

const stores = 65_536
const incarnationsMax = 65_535

export const storeMax = stores - 1
export const groupMax = 0xffff_ffff

export const idOf = (store: StoreId, incarnation = 0): NodeId => {
  assert(Number.isInteger(store) && store > 0 && store < stores, "a store's number is from 1 to 65,535")
  assert(
    Number.isInteger(incarnation) && incarnation >= 0 && incarnation <= incarnationsMax,
    "incarnations are counted in 16 bits"
  )
  return incarnation * stores + store
}

export const storeOf = (replica: NodeId): StoreId => replica % stores

export const incarnationOf = (replica: NodeId): number => Math.floor(replica / stores)
