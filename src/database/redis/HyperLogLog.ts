/**
 * HyperLogLog: how many different elements were added, within 0.81 %, in at most 12 KiB (Flajolet et al. 2007; the estimate is Ertl's,
 * arXiv:1702.01284). It is a string of Redis, which clients may GET and SET, so its bytes are Redis's, bit by bit:
 *
 *   "HYLL", encoding (0 dense, 1 sparse), three zeros, the last estimate (8 bytes; the upper bit of the last: it is out of date), registers
 *
 * Dense: 16,384 registers of six bits, the lowest bits first. Sparse, runs of registers: 00llllll zeros (length less 1), 01llllll llllllll
 * more zeros, 1vvvvvll registers of the value v + 1. A sparse one becomes dense when it grows beyond its limit, or a value beyond 32.
 */
import * as Murmur64 from "./Murmur64.ts"
import { StringValue } from "./StringValue.ts"

export const registers = 16_384
const indexBits = 14
/** Bits of a hash that make the value; a register holds at most one more. */
const valueBits = 64 - indexBits
const headerBytes = 16
const denseBytes = headerBytes + (registers * 6) / 8
const encodingAt = 4
const cacheAt = 8
const dense = 0
const sparse = 1
const seed = 0xadc83b19 | 0
/** 1 / (2 ln 2). */
const alpha = 0.7213475204444817

const zeroMax = 64
const valueMax = 32
const valueRunMax = 4

/** The register and value of an element: the place of the lowest one among the bits that do not say which register. */
let element = 0
const valueOf = (text: string): number => {
  Murmur64.hash(text, seed)
  const { low, high } = Murmur64
  element = low & (registers - 1)
  const lower = (low >>> indexBits) | (high << (32 - indexBits))
  if (lower !== 0) return 32 - Math.clz32(lower & -lower)
  const upper = (high >>> indexBits) | (1 << (valueBits - 32))
  return 64 - Math.clz32(upper & -upper)
}

const denseGet = (bytes: Uint8Array, register: number): number => {
  const at = headerBytes + ((register * 6) >> 3)
  const shift = (register * 6) & 7
  // The last register ends with the last byte.
  return ((bytes[at] >> shift) | ((bytes[at + 1] ?? 0) << (8 - shift))) & 63
}

const densePut = (bytes: Uint8Array, register: number, value: number): void => {
  const at = headerBytes + ((register * 6) >> 3)
  const shift = (register * 6) & 7
  bytes[at] = (bytes[at] & ~(63 << shift)) | (value << shift)
  if (shift > 2) bytes[at + 1] = (bytes[at + 1] & ~(63 >> (8 - shift))) | (value >> (8 - shift))
}

/** Of the run that begins there: its value, 0 for both kinds of zeros; and its length. */
const runValue = (bytes: Uint8Array, at: number): number => (bytes[at] & 0x80 ? ((bytes[at] >> 2) & 31) + 1 : 0)
const runLength = (bytes: Uint8Array, at: number): number => {
  const code = bytes[at]
  if (code & 0x80) return (code & 3) + 1
  return code & 0x40 ? (((code & 63) << 8) | bytes[at + 1]) + 1 : (code & 63) + 1
}
const runBytes = (bytes: Uint8Array, at: number): number => ((bytes[at] & 0xc0) === 0x40 ? 2 : 1)

/** Visits the runs of a sparse one; false: they are not those of all registers. */
const eachRun = (bytes: Uint8Array, visit: (register: number, length: number, value: number) => void): boolean => {
  let register = 0
  for (let at = headerBytes; at < bytes.length; at += runBytes(bytes, at)) {
    const length = runLength(bytes, at)
    if (register + length > registers) return false
    visit(register, length, runValue(bytes, at))
    register += length
  }
  return register === registers
}

/** An empty one. */
export const make = (): StringValue => {
  const bytes = new Uint8Array(headerBytes + 2)
  bytes.set([0x48, 0x59, 0x4c, 0x4c, sparse])
  bytes.set([0x40 | ((registers - 1) >> 8), (registers - 1) & 255], headerBytes)
  return StringValue.take(bytes)
}

/** True for the bytes of one, as far as its header tells. */
export const isOne = (bytes: Uint8Array): boolean =>
  bytes.length >= headerBytes &&
  bytes[0] === 0x48 &&
  bytes[1] === 0x59 &&
  bytes[2] === 0x4c &&
  bytes[3] === 0x4c &&
  (bytes[encodingAt] === sparse || (bytes[encodingAt] === dense && bytes.length === denseBytes))

export const isSparse = (bytes: Uint8Array): boolean => bytes[encodingAt] === sparse

/** Makes it dense; false: its runs are not those of a HyperLogLog. */
export const toDense = (value: StringValue): boolean => {
  const from = value.bytes
  if (!isSparse(from)) return true
  const bytes = new Uint8Array(denseBytes)
  bytes.set(from.subarray(0, headerBytes))
  bytes[encodingAt] = dense
  const isSound = eachRun(from, (register, length, count) => {
    if (count > 0) for (let i = 0; i < length; i++) densePut(bytes, register + i, count)
  })
  if (isSound) value.replace(bytes)
  return isSound
}

/** The estimate in the header is out of date. */
export const invalidate = (value: StringValue): void => {
  const { bytes } = value
  bytes[cacheAt + 7] |= 0x80
  value.touch(cacheAt, cacheAt + 8)
}

const denseRaise = (value: StringValue, register: number, count: number): boolean => {
  const { bytes } = value
  if (count <= denseGet(bytes, register)) return false
  densePut(bytes, register, count)
  const at = headerBytes + ((register * 6) >> 3)
  value.touch(at, at + 2)
  return true
}

const zeros = (length: number): ReadonlyArray<number> =>
  length === 0 ? [] : length > zeroMax ? [0x40 | ((length - 1) >> 8), (length - 1) & 255] : [length - 1]

const run = (count: number, length: number): ReadonlyArray<number> =>
  length === 0 ? [] : [0x80 | ((count - 1) << 2) | (length - 1)]

/** Joins neighbours of one value among the five runs from `at` on. */
const joinRuns = (value: StringValue, at: number): void => {
  const { bytes } = value
  let end = bytes.length
  for (let looks = 5; at < end && looks > 0; looks--) {
    const isPair = (bytes[at] & 0x80) !== 0 && at + 1 < end && (bytes[at + 1] & 0x80) !== 0
    const length = isPair ? runLength(bytes, at) + runLength(bytes, at + 1) : 0
    if (isPair && runValue(bytes, at) === runValue(bytes, at + 1) && length <= valueRunMax) {
      bytes[at + 1] = run(runValue(bytes, at), length)[0]
      bytes.copyWithin(at, at + 1, end)
      end--
    } else at += runBytes(bytes, at)
  }
  if (end < bytes.length) value.truncate(end)
}

/** Puts other runs in place of the one at `at`. */
const splice = (value: StringValue, at: number, runs: ReadonlyArray<number>): void => {
  const before = value.size
  const next = at + runBytes(value.bytes, at)
  const more = runs.length - (next - at)
  value.extend(before + more)
  const { bytes } = value
  bytes.copyWithin(next + more, next, before)
  bytes.set(runs, at)
  if (more < 0) value.truncate(before + more)
}

export type Raised = "raised" | "same" | "corrupt"

const promote = (value: StringValue, register: number, count: number): Raised => {
  if (!toDense(value)) return "corrupt"
  return denseRaise(value, register, count) ? "raised" : "same"
}

const sparseRaise = (value: StringValue, register: number, count: number, sparseBytesMax: number): Raised => {
  if (count > valueMax) return promote(value, register, count)
  const { bytes } = value
  let at = headerBytes
  let previous = at
  let first = 0
  let length = 0
  for (; at < bytes.length; at += runBytes(bytes, at)) {
    length = runLength(bytes, at)
    if (register < first + length) break
    previous = at
    first += length
  }
  if (at >= bytes.length) return "corrupt"
  const old = runValue(bytes, at)
  if (old >= count) return "same"
  const before = register - first
  const after = first + length - 1 - register
  const runs =
    old > 0
      ? [...run(old, before), ...run(count, 1), ...run(old, after)]
      : [...zeros(before), ...run(count, 1), ...zeros(after)]
  const more = runs.length - runBytes(bytes, at)
  if (more > 0 && bytes.length + more > sparseBytesMax) return promote(value, register, count)
  splice(value, at, runs)
  joinRuns(value, previous)
  value.touch(0, value.size)
  invalidate(value)
  return "raised"
}

/** Raises a register to `count` where it is lower. */
export const raise = (value: StringValue, register: number, count: number, sparseBytesMax: number): Raised => {
  if (isSparse(value.bytes)) return sparseRaise(value, register, count, sparseBytesMax)
  return denseRaise(value, register, count) ? "raised" : "same"
}

export const add = (value: StringValue, text: string, sparseBytesMax: number): Raised => {
  const count = valueOf(text)
  return raise(value, element, count, sparseBytesMax)
}

/** All registers of a dense one: four lie in three bytes. */
export const denseRegisters = (bytes: Uint8Array): Uint8Array => {
  const all = new Uint8Array(registers)
  for (let i = 0, at = headerBytes; i < registers; i += 4, at += 3) {
    const four = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16)
    all[i] = four & 63
    all[i + 1] = (four >> 6) & 63
    all[i + 2] = (four >> 12) & 63
    all[i + 3] = four >> 18
  }
  return all
}

/** Raises each of 16,384 registers to those of the bytes; false: they are not those of a HyperLogLog. */
export const mergeInto = (most: Uint8Array, bytes: Uint8Array): boolean => {
  if (isSparse(bytes)) {
    return eachRun(bytes, (register, length, value) => {
      for (let i = register; i < register + length; i++) if (value > most[i]) most[i] = value
    })
  }
  const all = denseRegisters(bytes)
  for (let i = 0; i < registers; i++) if (all[i] > most[i]) most[i] = all[i]
  return true
}

const sigma = (share: number): number => {
  if (share === 1) return Infinity
  let x = share
  let y = 1
  let z = share
  for (let previous = NaN; previous !== z;) {
    x *= x
    previous = z
    z += x * y
    y += y
  }
  return z
}

const tau = (share: number): number => {
  if (share === 0 || share === 1) return 0
  let x = share
  let y = 1
  let z = 1 - x
  for (let previous = NaN; previous !== z;) {
    x = Math.sqrt(x)
    previous = z
    y *= 0.5
    z -= (1 - x) * (1 - x) * y
  }
  return z / 3
}

/** The estimate from how many registers there are of each value. */
const estimate = (histogram: Uint32Array): number => {
  let z = registers * tau((registers - histogram[valueBits + 1]) / registers)
  for (let value = valueBits; value >= 1; value--) z = (z + histogram[value]) * 0.5
  z += registers * sigma(histogram[0] / registers)
  return Math.round((alpha * registers * registers) / z)
}

/** The estimate for 16,384 registers, a byte each. */
export const countRegisters = (all: Uint8Array): number => {
  const histogram = new Uint32Array(64)
  for (let i = 0; i < registers; i++) histogram[all[i]]++
  return estimate(histogram)
}

/** The estimate; `undefined`: these are not the runs of a HyperLogLog. */
const countAnew = (bytes: Uint8Array): number | undefined => {
  const histogram = new Uint32Array(64)
  if (!isSparse(bytes)) return countRegisters(denseRegisters(bytes))
  const isSound = eachRun(bytes, (_, length, value) => {
    histogram[value] += length
  })
  return isSound ? estimate(histogram) : undefined
}

/** The estimate that the header remembers, or -1. */
export const remembered = (bytes: Uint8Array): number => {
  if (bytes[cacheAt + 7] & 0x80) return -1
  let count = 0
  for (let i = 7; i >= 0; i--) count = count * 256 + bytes[cacheAt + i]
  return count
}

/** The estimate, which the header then remembers; `undefined`: these are not the runs of a HyperLogLog. */
export const count = (value: StringValue): number | undefined => {
  const estimated = countAnew(value.bytes)
  if (estimated === undefined) return undefined
  const { bytes } = value
  for (let i = 0, rest = estimated; i < 8; i++, rest = Math.floor(rest / 256)) bytes[cacheAt + i] = rest & 255
  value.touch(cacheAt, cacheAt + 8)
  return estimated
}

/** The runs of a sparse one as PFDEBUG DECODE writes them, whether or not they are those of a HyperLogLog. */
export const describe = (bytes: Uint8Array): string => {
  const texts: Array<string> = []
  for (let at = headerBytes; at < bytes.length; at += runBytes(bytes, at)) {
    const length = runLength(bytes, at)
    const value = runValue(bytes, at)
    texts.push(value > 0 ? `v:${value},${length}` : runBytes(bytes, at) > 1 ? `Z:${length}` : `z:${length}`)
  }
  return texts.join(" ")
}
