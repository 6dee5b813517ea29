/**
 * Bloom: which keys a table certainly does not have (Bloom 1970). All bits of a key lie in one line of 64 bytes (Putze,
 * Sanders, Singler 2007), so a question touches one line of the processor's cache; at 10 bits a key about 1.2 of a hundred
 * absent keys are taken for present ones.
 *
 * | bytes     | what                                  |
 * | --------- | ------------------------------------- |
 * | 64 a line | the bits                              |
 * | 1         | bits a key sets; 0: there is no line  |
 */
import { assert } from "#base/Assert.ts"

const lineBytes = 64
const probesMax = 16

/** Hash of a key, from which all its bits are drawn: computed once, asked of every table. */
export const hash = (bytes: Uint8Array, from: number, to: number): number => {
  let h = 0x9e3779b9 ^ (to - from)
  let i = from
  for (; i + 4 <= to; i += 4) {
    const word = bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24)
    h = Math.imul(h ^ Math.imul(word, 0xcc9e2d51), 0x85ebca6b)
    h ^= h >>> 15
  }
  let tail = 0
  for (; i < to; i++) tail = (tail << 8) | bytes[i]
  h = Math.imul(h ^ Math.imul(tail, 0x1b873593), 0xc2b2ae35)
  h ^= h >>> 13
  h = Math.imul(h, 0x27d4eb2f)
  return (h ^ (h >>> 16)) >>> 0
}

/** The line of a hash among so many. */
const lineOf = (hash: number, lines: number): number => Math.floor((hash * lines) / 4_294_967_296) * lineBytes

/** A filter of the first `count` hashes. */
export const build = (hashes: Uint32Array, count: number, bitsPerKey: number): Uint8Array => {
  assert(bitsPerKey >= 0 && count <= hashes.length, "a filter is built of the hashes that there are")
  const lines = Math.ceil((count * bitsPerKey) / (lineBytes * 8))
  const bytes = new Uint8Array(lines * lineBytes + 1)
  // ln 2 bits of each key's share, which makes a filter half full.
  const probes = lines === 0 ? 0 : Math.min(probesMax, Math.max(1, Math.round(bitsPerKey * 0.69)))
  bytes[lines * lineBytes] = probes
  for (let i = 0; i < count; i++) {
    const line = lineOf(hashes[i], lines)
    let bits = Math.imul(hashes[i], 0x9e3779b1)
    for (let probe = 0; probe < probes; probe++) {
      bytes[line + (bits >>> 26)] |= 1 << ((bits >>> 23) & 7)
      bits = Math.imul(bits, 0x9e3779b1) + probe
    }
  }
  return bytes
}

/** False only when no key with this hash was built into the filter. */
export const mayContain = (filter: Uint8Array, hash: number): boolean => {
  const probes = filter[filter.length - 1]
  if (probes === 0) return true
  const line = lineOf(hash, (filter.length - 1) / lineBytes)
  let bits = Math.imul(hash, 0x9e3779b1)
  for (let probe = 0; probe < probes; probe++) {
    if ((filter[line + (bits >>> 26)] & (1 << ((bits >>> 23) & 7))) === 0) return false
    bits = Math.imul(bits, 0x9e3779b1) + probe
  }
  return true
}

/** A stored filter that can be asked. */
export const isValid = (filter: Uint8Array): boolean =>
  filter.length >= 1 &&
  (filter.length - 1) % lineBytes === 0 &&
  filter[filter.length - 1] <= probesMax &&
  (filter[filter.length - 1] === 0) === (filter.length === 1)
