/**
 * Grpc: as much of gRPC over HTTP/2 and of etcd's messages as a put and a status take, for both ends. One client speaks it to etcd and to
 * Orbit, so that a comparison compares servers.
 *
 * Source: "gRPC over HTTP2" (PROTOCOL-HTTP2.md), etcd's rpc.proto (KV.Put, Maintenance.Status).
 */
import { Buffer } from "node:buffer"

export const putPath = "/etcdserverpb.KV/Put"
export const statusPath = "/etcdserverpb.Maintenance/Status"

export const requestHeaders = (path: string) => ({
  ":method": "POST",
  ":path": path,
  ":scheme": "http",
  "content-type": "application/grpc",
  te: "trailers"
})

const prefixBytes = 5

/** A message with gRPC's prefix: not compressed, its length. */
export const frame = (message: Uint8Array): Buffer => {
  const bytes = Buffer.allocUnsafe(prefixBytes + message.length)
  bytes[0] = 0
  bytes.writeUInt32BE(message.length, 1)
  bytes.set(message, prefixBytes)
  return bytes
}

/** The message in a frame that has arrived whole; undefined: it has not. */
export const unframe = (bytes: Buffer): Buffer | undefined => {
  if (bytes.length < prefixBytes) return undefined
  const length = bytes.readUInt32BE(1)
  return bytes.length < prefixBytes + length ? undefined : bytes.subarray(prefixBytes, prefixBytes + length)
}

const varint = (value: number): Array<number> => {
  const bytes: Array<number> = []
  let left = value
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80)
  bytes.push(left)
  return bytes
}

const bytesField = (number: number, value: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([number * 8 + 2, ...varint(value.length)]), value])

/** PutRequest: key, value. */
export const encodePut = (key: Uint8Array, value: Uint8Array): Buffer =>
  Buffer.concat([bytesField(1, key), bytesField(2, value)])

/** Numbers of a protobuf message by their field; lengths skip what is no number. */
export const fields = (bytes: Uint8Array): ReadonlyMap<number, bigint | Uint8Array> => {
  const found = new Map<number, bigint | Uint8Array>()
  let at = 0
  const number = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const key = Number(number())
    if (key % 8 === 0) found.set(key >>> 3, number())
    else {
      const length = Number(number())
      found.set(key >>> 3, bytes.subarray(at, at + length))
      at += length
    }
  }
  return found
}

/** PutResponse with a header that has a revision. */
export const encodePutResponse = (revision: number): Buffer => bytesField(1, Buffer.from([3 * 8, ...varint(revision)]))

/** StatusResponse: the header's member, and the leader. */
export const encodeStatusResponse = (member: number, leader: number): Buffer =>
  Buffer.concat([bytesField(1, Buffer.from([2 * 8, ...varint(member)])), Buffer.from([4 * 8, ...varint(leader)])])

export const isLeaderStatus = (message: Uint8Array): boolean => {
  const status = fields(message)
  const header = status.get(1)
  const member = header instanceof Uint8Array ? fields(header).get(2) : undefined
  return member !== undefined && member === status.get(4)
}
