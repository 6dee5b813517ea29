/**
 * CRC-64 as Redis ends its dumps with (Jones's polynomial, ad93d23594c935a9, reflected; check value of "123456789":
 * e9c6d914c4b8d9ca). In two halves of 32 bits: what BigInt costs a byte is a hundred times as much.
 */
const low = new Uint32Array(256)
const high = new Uint32Array(256)
/** The polynomial with its bits reversed. */
const polynomialHigh = 0x95ac9329
const polynomialLow = 0xac4bc9b5

for (let byte = 0; byte < 256; byte++) {
  let l = byte
  let h = 0
  for (let bit = 0; bit < 8; bit++) {
    const isOdd = (l & 1) === 1
    l = (l >>> 1) | (h << 31)
    h >>>= 1
    if (isOdd) {
      l ^= polynomialLow
      h ^= polynomialHigh
    }
  }
  low[byte] = l
  high[byte] = h
}

/** The checksum of the bytes in [from, to): eight bytes, the lowest first, as they stand at the end of a dump. */
export const crc64 = (bytes: Uint8Array, from = 0, to = bytes.length): Uint8Array => {
  let l = 0
  let h = 0
  for (let i = from; i < to; i++) {
    const at = (l ^ bytes[i]) & 0xff
    l = ((l >>> 8) | (h << 24)) ^ low[at]
    h = (h >>> 8) ^ high[at]
  }
  return Uint8Array.of(l, l >>> 8, l >>> 16, l >>> 24, h, h >>> 8, h >>> 16, h >>> 24)
}
