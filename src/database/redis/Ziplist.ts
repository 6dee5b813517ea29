/**
 * Ziplist: what Redis before 7 packed small collections into, and the smaller kinds beside it (sets of integers, and the maps of
 * Redis 2.4). They are only read: dumps of older servers are restored, new dumps have listpacks. Sets of integers are written too.
 */
import { Input, Output } from "./RdbBytes.ts"

const end = 0xff
/** A length of the previous entry that takes four bytes more begins with it; so does a length in an old map. */
const long = 0xfe

const headerBytes = 10
/** A count that does not fit says that one has to look. */
const countMax = 65_535

const entry = (input: Input): string => {
  const code = input.u8()
  if (code < 0x40) return input.chars(code)
  if (code < 0x80) return input.chars(((code & 63) << 8) | input.u8())
  if (code === 0x80) return input.chars(input.big(4))
  if (code === 0xc0) return `${input.small(2)}`
  if (code === 0xd0) return `${input.small(4)}`
  if (code === 0xe0) return `${input.i64()}`
  if (code === 0xf0) return `${input.small(3)}`
  if (code === 0xfe) return `${input.small(1)}`
  if (code > 0xf0 && code < 0xfe) return `${(code & 15) - 1}`
  input.refuse()
  return ""
}

/** The entries of a ziplist; `undefined` where it is none. */
export const decode = (bytes: Uint8Array): Array<string> | undefined => {
  const input = new Input(bytes)
  const sizeBytes = input.unsigned(4)
  const tail = input.unsigned(4)
  const count = input.unsigned(2)
  if (sizeBytes !== bytes.length) return undefined
  const texts: Array<string> = []
  let previousBytes = 0
  let last = headerBytes
  while (input.isWhole && input.peek() !== end) {
    const before = input.leftBytes
    last = bytes.length - before
    const first = input.u8()
    if ((first === long ? input.unsigned(4) : first) !== previousBytes) return undefined
    texts.push(entry(input))
    previousBytes = before - input.leftBytes
  }
  input.u8()
  const isSound = input.isWhole && input.leftBytes === 0 && tail === last
  return isSound && (count === countMax || count === texts.length) ? texts : undefined
}

/** Names and values in turn of a map of Redis 2.4; `undefined` where it is none. */
export const decodeMap = (bytes: Uint8Array): Array<string> | undefined => {
  const input = new Input(bytes)
  const texts: Array<string> = []
  const length = (): number => {
    const first = input.u8()
    return first === long ? input.unsigned(4) : first
  }
  input.u8()
  while (input.isWhole && input.peek() !== end) {
    texts.push(input.chars(length()))
    const sizeBytes = length()
    const freeBytes = input.u8()
    texts.push(input.chars(sizeBytes))
    input.raw(freeBytes)
  }
  input.u8()
  return input.isWhole && input.leftBytes === 0 ? texts : undefined
}

/** The members of a set of integers; `undefined` where it is none, or is not in order. */
export const decodeIntegers = (bytes: Uint8Array): Array<string> | undefined => {
  const input = new Input(bytes)
  const width = input.unsigned(4)
  const count = input.unsigned(4)
  if ((width !== 2 && width !== 4 && width !== 8) || input.leftBytes !== width * count) return undefined
  const texts: Array<string> = []
  let previous: bigint | number | undefined
  for (let i = 0; i < count; i++) {
    const value = width === 8 ? input.i64() : input.small(width)
    if (previous !== undefined && value <= previous) return undefined
    previous = value
    texts.push(`${value}`)
  }
  return texts
}

/** Canonical texts of integers of 64 bits as a set, each as wide as the widest needs. */
export const encodeIntegers = (members: Iterable<string>): Uint8Array => {
  const values = [...members].map(BigInt).sort((a, b) => (a < b ? -1 : 1))
  const fits = (bits: number) => values.every((value) => BigInt.asIntN(bits, value) === value)
  const width = fits(16) ? 2 : fits(32) ? 4 : 8
  const out = new Output()
  out.small(width, 4)
  out.small(values.length, 4)
  for (const value of values) {
    if (width === 8) out.i64(value)
    else out.small(Number(value), width)
  }
  return out.finish()
}
