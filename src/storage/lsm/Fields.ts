/**
 * Fields: what the store's formats have in common: numbers of eight bytes, which never are above 2^53, and checksums that begin with
 * the place that they are made for, so that bytes of another file or another place do not pass for these.
 */
import * as Bytes from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"

const high = 4_294_967_296

export const putU64 = (writer: Bytes.Writer, value: number): void => {
  writer.u32(value % high).u32(Math.floor(value / high))
}

export const readU64 = (reader: Bytes.Reader): number => reader.u32() + reader.u32() * high

/** Four bytes of length, then the bytes. */
export const putBytes = (writer: Bytes.Writer, bytes: Uint8Array): void => {
  writer.u32(bytes.length).raw(bytes)
}

/** A copy: what they are read from may be large. */
export const readBytes = (reader: Bytes.Reader): Uint8Array => Bytes.copy(reader.raw(reader.u32()))

const place = new Uint8Array(16)

/** The checksum of bytes that stand at `offset` of the file with this number. */
export const checksumAt = (bytes: Uint8Array, fileNumber: number, offset: number): number => {
  Bytes.putU32(place, 0, fileNumber)
  Bytes.putU32(place, 4, Math.floor(fileNumber / high))
  Bytes.putU32(place, 8, offset)
  Bytes.putU32(place, 12, Math.floor(offset / high))
  return crc32c(bytes, 0, crc32c(place))
}
