/**
 * Owner: a node that takes part in having Redis's data, as it is stored: which slots it has, since when, where their changes are, and how often it
 * has said that it lives.
 */
import { assert } from "#base/Assert.ts"
import * as Bytes from "#base/Bytes.ts"
import type { Timestamp } from "#keyspace/Request.ts"
import type { Address } from "#world/Net.ts"
import { type SlotRange, SlotSet } from "./SlotSet.ts"

export interface Owner {
  readonly node: number
  /** Of the transaction with which it began: what it stores, it stores only while this stands here. */
  readonly epoch: Timestamp
  /** Rises while it lives. */
  readonly beats: number
  /** Where its clients' door is. */
  readonly address: Address
  /** Where other nodes come in for their clients: the same door, unless there is TLS between nodes. */
  readonly relay: Address
  /** What they say there, so that it knows that they are of its cluster. */
  readonly pass: string
  readonly slots: SlotSet
  /** Where records may be that are not folded, in their order: it adds to the last one. */
  readonly streams: ReadonlyArray<number>
}

const version = 3
/** Whose nodes came in at the clients' door. */
const versionOfOneDoor = 2
/** Of the one owner of everything, whose records have no stream. */
const versionOfOne = 1
/** What an owner of that time has added to. */
export const firstStream = 0

export const encode = ({ address, beats, epoch, node, pass, relay, slots, streams }: Owner): Uint8Array => {
  const { ranges } = slots
  const out = Bytes.Writer.make().u8(version).u32(node).f64(epoch).f64(beats).text(address.host).u32(address.port)
  out.text(relay.host).u32(relay.port).text(pass).u32(ranges.length)
  for (const [first, last] of ranges) out.u32(first).u32(last)
  out.u32(streams.length)
  for (const stream of streams) out.f64(stream)
  return out.finish()
}

export const decode = (bytes: Uint8Array): Owner => {
  const reader = new Bytes.Reader(bytes)
  const stored = reader.u8()
  assert(stored >= versionOfOne && stored <= version, "this version knows how owners are stored")
  const [node, epoch, beats] = [reader.u32(), reader.f64(), reader.f64()]
  const address = { host: reader.text(), port: reader.u32() }
  if (stored === versionOfOne) {
    assert(reader.isWhole, "the stored owner is whole")
    return { node, epoch, beats, address, relay: address, pass: "", slots: SlotSet.all, streams: [firstStream] }
  }
  const relay = stored === versionOfOneDoor ? address : { host: reader.text(), port: reader.u32() }
  const pass = reader.text()
  const ranges = Array.from({ length: reader.u32() }, (): SlotRange => [reader.u32(), reader.u32()])
  const streams = Array.from({ length: reader.u32() }, () => reader.f64())
  assert(reader.isWhole, "the stored owner is whole")
  return { node, epoch, beats, address, relay, pass, slots: SlotSet.of(ranges), streams }
}
