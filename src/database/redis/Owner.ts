/** Owner: who has Redis's data, as it is stored: the node, since when, and how often it has said that it lives. */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import type { Timestamp } from "#keyspace/Request.ts"
import type { Address } from "#world/Net.ts"

export interface Owner {
  readonly node: number
  /** Of the transaction that made it the owner: what it stores, it stores only while this stands here. */
  readonly epoch: Timestamp
  /** Rises while it lives. */
  readonly beats: number
  /** Where other nodes reach its door. */
  readonly address: Address
}

const version = 1

export const encode = ({ address, beats, epoch, node }: Owner): Uint8Array =>
  Bytes.Writer.make().u8(version).u32(node).f64(epoch).f64(beats).text(address.host).u32(address.port).finish()

/** undefined: nobody has ever had it. */
export const decode = (bytes: Uint8Array | undefined): Owner | undefined => {
  if (bytes === undefined) return undefined
  const reader = new Bytes.Reader(bytes)
  assert(reader.u8() === version, "this version knows how owners are stored")
  const [node, epoch, beats] = [reader.u32(), reader.f64(), reader.f64()]
  const owner = { node, epoch, beats, address: { host: reader.text(), port: reader.u32() } }
  assert(reader.isWhole, "the stored owner is whole")
  return owner
}
