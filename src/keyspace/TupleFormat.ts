/**
 * TupleFormat: the first byte of each element of a tuple, which says its type and, for integers, its size. `docs/formats.md` has the
 * table. Codes are below 0x80: a descending element is the complement of its ascending bytes, so the first byte tells.
 */

/** Ends a nested tuple. No element begins with it, so a tuple sorts before all that it begins. */
export const end = 0x00

export const codes = {
  null: 0x01,
  false: 0x04,
  true: 0x05,
  /** Below -(2^64 - 1): a byte for the number of bytes, then those. */
  negativeLarge: 0x08,
  /** Integers of n bytes below 0 have `zero - n`: 0x09 to 0x10. */
  zero: 0x11,
  /** The integers 0 to `smallMax` have codes of their own, 0x11 to 0x50; larger ones of n bytes have `smallLast + n`. */
  smallLast: 0x50,
  /** Above 2^64 - 1. */
  positiveLarge: 0x59,
  float32: 0x5c,
  float64: 0x5d,
  timestamp: 0x60,
  uuid: 0x64,
  text: 0x68,
  bytes: 0x6c,
  tuple: 0x70
} as const

/** Codes from here on are those of descending elements. */
export const descendingFrom = 0x80

export const smallMax = codes.smallLast - codes.zero

/** The most bytes of an integer whose code tells how many there are. */
export const plainBytesMax = 8

/** The magnitude of an integer, in bytes: one byte says how many. */
export const magnitudeBytesMax = 255

export const uuidBytes = 16

/** Ends a text or a byte string; in them, 0x00 is written as `escape` and 0x01, and 0x01 as `escape` and 0x02. */
export const terminator = 0x00
export const escape = 0x01

/** The high half of the one NaN that has an encoding; its low half is 0. */
export const nan64High = 0x7ff8_0000
export const nan32 = 0x7fc0_0000
