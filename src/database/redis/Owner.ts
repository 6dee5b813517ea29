/** Owner: who owns a partition, as it is stored: the node, since when, and how often it has said that it lives. */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import type { Timestamp } from "#keyspace/Request.ts"

export interface Owner {
  /** 0: nobody. */
  readonly node: number
  /** Of the transaction that made it the owner: what it stores, it stores only while this stands here. */
  readonly epoch: Timestamp
  /** Rises while it lives. */
  readonly beats: number
}

const version = 1

export const encode = ({ beats, epoch, node }: Owner): Uint8Array =>
  Bytes.Writer.make().u8(version).u32(node).f64(epoch).f64(beats).finish()

/** undefined: nobody has ever owned it. */
export const decode = (bytes: Uint8Array | undefined): Owner | undefined => {
  if (bytes === undefined) return undefined
  const reader = new Bytes.Reader(bytes)
  assert(reader.u8() === version, "this version knows how owners are stored")
  const owner = { node: reader.u32(), epoch: reader.f64(), beats: reader.f64() }
  assert(reader.isWhole, "the stored owner is whole")
  return owner
}
