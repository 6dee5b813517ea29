/**
 * StreamId: the name of an entry of a stream, two unsigned integers of 64 bits: milliseconds and a sequence number. Here it is one text of sixteen
 * chars, one a byte, the highest byte first, so that `<` compares as Redis does and nothing is rounded.
 */

const wordRange = 4_294_967_296
const max64 = 18_446_744_073_709_551_615n
const mask32 = 0xffff_ffffn
/** Decimals that a double holds, whatever they are. */
const exactDigitsMax = 15
/** Chars that Redis looks at. */
const textMax = 127

export const zero = "\0".repeat(16)
export const max = "\xff".repeat(16)

const fromWords = (msHigh: number, msLow: number, seqHigh: number, seqLow: number): string =>
  String.fromCharCode(
    msHigh >>> 24,
    (msHigh >>> 16) & 255,
    (msHigh >>> 8) & 255,
    msHigh & 255,
    msLow >>> 24,
    (msLow >>> 16) & 255,
    (msLow >>> 8) & 255,
    msLow & 255,
    seqHigh >>> 24,
    (seqHigh >>> 16) & 255,
    (seqHigh >>> 8) & 255,
    seqHigh & 255,
    seqLow >>> 24,
    (seqLow >>> 16) & 255,
    (seqLow >>> 8) & 255,
    seqLow & 255
  )

/** Of safe integers. */
export const of = (ms: number, seq: number): string =>
  fromWords(Math.floor(ms / wordRange), ms >>> 0, Math.floor(seq / wordRange), seq >>> 0)

const word = (id: string, at: number): number =>
  ((id.charCodeAt(at) << 24) | (id.charCodeAt(at + 1) << 16) | (id.charCodeAt(at + 2) << 8) | id.charCodeAt(at + 3)) >>>
  0

/** The integer of 64 bits that begins there, in decimal. */
const decimal = (id: string, at: number): string => {
  const high = word(id, at)
  const low = word(id, at + 4)
  return high < 0x20_0000 ? String(high * wordRange + low) : String((BigInt(high) << 32n) | BigInt(low))
}

/** Its milliseconds, rounded above what a double holds. */
export const millis = (id: string): number => word(id, 0) * wordRange + word(id, 4)

/** Its sequence number, rounded above what a double holds. */
export const sequence = (id: string): number => word(id, 8) * wordRange + word(id, 12)

// Entries of one millisecond come one after the other, and a number of thirteen digits takes a while to write.
let writtenMillis = 0
let writtenText = "0"

/** As Redis writes it: `1526919030474-55`. */
export const format = (id: string): string => {
  const ms = millis(id)
  if (ms !== writtenMillis || ms > Number.MAX_SAFE_INTEGER) {
    writtenMillis = ms
    writtenText = decimal(id, 0)
  }
  return `${writtenText}-${decimal(id, 8)}`
}

/** True: both have the same milliseconds. */
export const sameMillis = (left: string, right: string): boolean => left.slice(0, 8) === right.slice(0, 8)

/** The next id; undefined after the last one. */
export const next = (id: string): string | undefined => {
  const seqLow = word(id, 12)
  if (seqLow < 0xffff_ffff) return fromWords(word(id, 0), word(id, 4), word(id, 8), seqLow + 1)
  for (let at = 15; at >= 0; at--) {
    const byte = id.charCodeAt(at)
    if (byte < 255) return id.slice(0, at) + String.fromCharCode(byte + 1) + "\0".repeat(15 - at)
  }
  return undefined
}

/** The one before; undefined before the first. */
export const previous = (id: string): string | undefined => {
  for (let at = 15; at >= 0; at--) {
    const byte = id.charCodeAt(at)
    if (byte > 0) return id.slice(0, at) + String.fromCharCode(byte - 1) + "\xff".repeat(15 - at)
  }
  return undefined
}

/** The id that XADD gives with this clock: later than the last one in any case. Undefined: there is none left. */
export const following = (last: string, nowMillis: number): string | undefined =>
  millis(last) < nowMillis ? of(nowMillis, 0) : next(last)

const unsigned = /^[\t-\r ]*\+?\d{1,40}$/

/** An unsigned integer of 64 bits as Redis reads one (`strtoull`), as eight bytes. */
const parseInteger = (text: string): string | undefined => {
  if (!unsigned.test(text)) return undefined
  if (text.length <= exactDigitsMax) {
    const value = Number(text)
    return of(value, 0).slice(0, 8)
  }
  const value = BigInt(text)
  if (value > max64) return undefined
  return fromWords(Number(value >> 32n), Number(value & mask32), 0, 0).slice(0, 8)
}

export interface Parsed {
  readonly id: string
  /** False: it was written `ms-*`, and the sequence number is zero. */
  readonly hasSeq: boolean
}

/**
 * Reads `ms-seq`, `ms` alone, and `ms-*` where `allowsStar`. An id without a sequence number gets the lowest or, with `fillsUp`, the highest one.
 * Undefined: it is none.
 */
export const parse = (
  text: string,
  { allowsStar = false, fillsUp = false }: { readonly allowsStar?: boolean; readonly fillsUp?: boolean } = {}
): Parsed | undefined => {
  if (text.length > textMax) return undefined
  const dash = text.indexOf("-")
  const ms = parseInteger(dash === -1 ? text : text.slice(0, dash))
  if (ms === undefined) return undefined
  if (dash === -1) return { id: ms + (fillsUp ? max : zero).slice(8), hasSeq: true }
  if (allowsStar && text.length === dash + 2 && text[dash + 1] === "*") return { id: ms + zero.slice(8), hasSeq: false }
  const seq = parseInteger(text.slice(dash + 1))
  return seq === undefined ? undefined : { id: ms + seq, hasSeq: true }
}
