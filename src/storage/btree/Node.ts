/**
 * Node: an inner or leaf page of the tree as bytes: sorted entries behind slots.
 *
 *     header | prefix | slots, rising with the keys -> ... <- entries, in any order
 *
 * - Every key begins with the prefix, which is stored once. The rest of the key is its suffix.
 * - A slot has the first four bytes of the suffix as a number (its head, short suffixes filled up with zeros) and, in two bytes, where
 *   the entry is. So a binary search compares numbers, and looks at an entry only when the heads are equal.
 * - An entry is: length of the suffix (2), length of the payload (2), suffix, payload. A leaf's payload is the value or, with the
 *   length `largeMark`, a reference to it (number, checksum, length: 4 bytes each). A branch's payload is a reference to the child
 *   (number and checksum: 4 bytes each; pages and flags: 1 each).
 * - A branch's entry holds the keys from its own on. The first one's key means nothing: it holds everything below the second.
 *
 * Changes in place are for nodes of one page, whose keys all have the prefix; `Entries` does all others by making new nodes.
 */
import { putU32 } from "#base/Bytes.ts"
import * as Keys from "../Keys.ts"
import { headerBytes, kinds, putU16, u16, u32, type Reference } from "./PageFormat.ts"

export const slotBytes = 6
/** Both lengths of an entry. */
export const entryBytes = 4
export const largeMark = 0xffff
export const largeReferenceBytes = 12
export const childReferenceBytes = 10
/** Where in it the flags are. */
export const childFlagsAt = 9
/** In a node's `extra`, and in a reference to it: a large value hangs below. */
export const hasLarge = 1

export const prefixLengthOf = (bytes: Uint8Array): number => u16(bytes, 14)
export const countOf = (bytes: Uint8Array): number => u16(bytes, 22)
const heapOf = (bytes: Uint8Array): number => u16(bytes, 24)
const garbageOf = (bytes: Uint8Array): number => u16(bytes, 26)

export const setHeader = (
  bytes: Uint8Array,
  fields: { readonly level: number; readonly prefixLength: number; readonly count: number; readonly heap: number }
): void => {
  bytes[12] = kinds.node
  bytes[13] = fields.level
  putU16(bytes, 14, fields.prefixLength)
  putU16(bytes, 22, fields.count)
  putU16(bytes, 24, fields.heap)
  putU16(bytes, 26, 0)
}

export const emptyLeaf = (pageBytes: number): Uint8Array => {
  const bytes = new Uint8Array(pageBytes)
  setHeader(bytes, { level: 0, prefixLength: 0, count: 0, heap: pageBytes })
  return bytes
}

/** Where the entry's bytes are. */
export const entryAt = (bytes: Uint8Array, index: number): number =>
  u16(bytes, headerBytes + prefixLengthOf(bytes) + index * slotBytes + 4)

export const suffixLengthAt = (bytes: Uint8Array, entry: number): number => u16(bytes, entry)
export const markAt = (bytes: Uint8Array, entry: number): number => u16(bytes, entry + 2)
export const payloadBytesOf = (mark: number): number => (mark === largeMark ? largeReferenceBytes : mark)
export const payloadAt = (bytes: Uint8Array, entry: number): number => entry + entryBytes + u16(bytes, entry)

export const childReference = (bytes: Uint8Array, index: number): Reference => {
  const at = payloadAt(bytes, entryAt(bytes, index))
  return { number: u32(bytes, at), checksum: u32(bytes, at + 4), pages: bytes[at + 8] }
}

export const putChildReference = (bytes: Uint8Array, index: number, reference: Reference, flags: number): void => {
  const at = payloadAt(bytes, entryAt(bytes, index))
  putU32(bytes, at, reference.number)
  putU32(bytes, at + 4, reference.checksum)
  bytes[at + 8] = reference.pages
  bytes[at + childFlagsAt] = flags
}

export const childFlags = (bytes: Uint8Array, index: number): number =>
  bytes[payloadAt(bytes, entryAt(bytes, index)) + childFlagsAt]

/** `pages` from the value's length. */
export const largeReference = (bytes: Uint8Array, entry: number, pageBytes: number): Reference => {
  const at = payloadAt(bytes, entry)
  return {
    number: u32(bytes, at),
    checksum: u32(bytes, at + 4),
    pages: Math.ceil((headerBytes + u32(bytes, at + 8)) / pageBytes)
  }
}

/** Leaves the value's length as it is. */
export const putLargeReference = (bytes: Uint8Array, index: number, reference: Reference): void => {
  const at = payloadAt(bytes, entryAt(bytes, index))
  putU32(bytes, at, reference.number)
  putU32(bytes, at + 4, reference.checksum)
}

/** The first four bytes as a number, filled up with zeros. */
const headOf = (bytes: Uint8Array, from: number, to: number): number => {
  if (to - from >= 4) {
    return ((bytes[from] << 24) | (bytes[from + 1] << 16) | (bytes[from + 2] << 8) | bytes[from + 3]) >>> 0
  }
  let head = 0
  for (let i = from; i < from + 4; i++) head = head * 256 + (i < to ? bytes[i] : 0)
  return head
}

/**
 * The index of the key in [from, to) of `key` among the entries from `first` on; when it is not there, the complement (`~`) of
 * the index where it belongs.
 */
export const search = (bytes: Uint8Array, key: Uint8Array, from: number, to: number, first: number): number => {
  const prefixLength = u16(bytes, 14)
  const length = to - from
  const shared = prefixLength < length ? prefixLength : length
  for (let i = 0; i < shared; i++) {
    const difference = key[from + i] - bytes[headerBytes + i]
    if (difference !== 0) return difference < 0 ? ~first : ~u16(bytes, 22)
  }
  if (length < prefixLength) return ~first
  const suffix = from + prefixLength
  const head = headOf(key, suffix, to)
  const slots = headerBytes + prefixLength
  let low = first
  let high = u16(bytes, 22)
  while (low < high) {
    const middle = (low + high) >>> 1
    const at = slots + middle * slotBytes
    let difference = head - u32(bytes, at)
    if (difference === 0) {
      const entry = u16(bytes, at + 4)
      const end = entry + entryBytes + u16(bytes, entry)
      difference = Keys.compareIn(key, suffix, to, bytes, entry + entryBytes, end)
      if (difference === 0) return middle
    }
    if (difference < 0) high = middle
    else low = middle + 1
  }
  return ~low
}

/** The index of the child that holds the key. */
export const childFor = (bytes: Uint8Array, key: Uint8Array, from: number, to: number): number => {
  const found = search(bytes, key, from, to, 1)
  return found >= 0 ? found : ~found - 1
}

/** The whole key of an entry: a view where there is no prefix, a copy else. */
export const keyAt = (bytes: Uint8Array, index: number): Uint8Array => {
  const prefixLength = u16(bytes, 14)
  const entry = u16(bytes, headerBytes + prefixLength + index * slotBytes + 4)
  const suffixLength = u16(bytes, entry)
  const suffix = entry + entryBytes
  if (prefixLength === 0) return bytes.subarray(suffix, suffix + suffixLength)
  const key = new Uint8Array(prefixLength + suffixLength)
  for (let i = 0; i < prefixLength; i++) key[i] = bytes[headerBytes + i]
  for (let i = 0; i < suffixLength; i++) key[prefixLength + i] = bytes[suffix + i]
  return key
}

/** Bytes in use, header and all. */
export const usedBytes = (bytes: Uint8Array): number =>
  headerBytes + prefixLengthOf(bytes) + countOf(bytes) * slotBytes + (bytes.length - heapOf(bytes)) - garbageOf(bytes)

const scratch = new Uint8Array(65_536)

/** Moves the entries together at the end. */
const collect = (bytes: Uint8Array): void => {
  const slots = headerBytes + prefixLengthOf(bytes)
  const count = countOf(bytes)
  let heap = bytes.length
  for (let index = 0; index < count; index++) {
    const slot = slots + index * slotBytes + 4
    const entry = u16(bytes, slot)
    const length = entryBytes + u16(bytes, entry) + payloadBytesOf(markAt(bytes, entry))
    heap -= length
    scratch.set(bytes.subarray(entry, entry + length), heap)
    putU16(bytes, slot, heap)
  }
  bytes.fill(0, slots + count * slotBytes, heap)
  bytes.set(scratch.subarray(heap, bytes.length), heap)
  putU16(bytes, 24, heap)
  putU16(bytes, 26, 0)
}

/** Copies a short stretch byte by byte: a view costs as much as forty of them. */
const copyInto = (target: Uint8Array, at: number, source: Uint8Array, from: number, to: number): void => {
  if (to - from > 64) target.set(source.subarray(from, to), at)
  else for (let i = from; i < to; i++) target[at + i - from] = source[i]
}

/** A key and what belongs to it, as stretches of bytes. `mark`: the payload's length, or `largeMark`. */
export class Entry {
  key: Uint8Array = scratch
  keyFrom = 0
  keyTo = 0
  payload: Uint8Array = scratch
  payloadFrom = 0
  mark = 0
}

const hasPrefix = (bytes: Uint8Array, entry: Entry): boolean => {
  const prefixLength = prefixLengthOf(bytes)
  if (entry.keyTo - entry.keyFrom < prefixLength) return false
  for (let i = 0; i < prefixLength; i++) if (entry.key[entry.keyFrom + i] !== bytes[headerBytes + i]) return false
  return true
}

/** Puts an entry in at an index; false: it has no room here, or not this prefix. */
export const insert = (bytes: Uint8Array, index: number, entry: Entry): boolean =>
  hasPrefix(bytes, entry) && place(bytes, index, entry, entry.keyFrom + prefixLengthOf(bytes))

/** The same for the first entry of an empty branch, whose key is not stored. */
export const insertFirstChild = (bytes: Uint8Array, entry: Entry): boolean => place(bytes, 0, entry, entry.keyTo)

const place = (bytes: Uint8Array, index: number, entry: Entry, suffix: number): boolean => {
  const suffixLength = entry.keyTo - suffix
  const payloadBytes = payloadBytesOf(entry.mark)
  const length = entryBytes + suffixLength + payloadBytes
  const count = countOf(bytes)
  const slots = headerBytes + prefixLengthOf(bytes)
  const slotsEnd = slots + count * slotBytes
  if (slotsEnd + slotBytes + length > heapOf(bytes)) {
    if (slotsEnd + slotBytes + length > heapOf(bytes) + garbageOf(bytes)) return false
    collect(bytes)
  }
  const at = heapOf(bytes) - length
  putU16(bytes, at, suffixLength)
  putU16(bytes, at + 2, entry.mark)
  copyInto(bytes, at + entryBytes, entry.key, suffix, entry.keyTo)
  copyInto(bytes, at + entryBytes + suffixLength, entry.payload, entry.payloadFrom, entry.payloadFrom + payloadBytes)
  const slot = slots + index * slotBytes
  bytes.copyWithin(slot + slotBytes, slot, slotsEnd)
  putU32(bytes, slot, headOf(entry.key, suffix, entry.keyTo))
  putU16(bytes, slot + 4, at)
  putU16(bytes, 22, count + 1)
  putU16(bytes, 24, at)
  return true
}

export const remove = (bytes: Uint8Array, index: number): void => {
  const slots = headerBytes + prefixLengthOf(bytes)
  const count = countOf(bytes)
  const entry = u16(bytes, slots + index * slotBytes + 4)
  const length = entryBytes + u16(bytes, entry) + payloadBytesOf(markAt(bytes, entry))
  bytes.copyWithin(slots + index * slotBytes, slots + (index + 1) * slotBytes, slots + count * slotBytes)
  putU16(bytes, 22, count - 1)
  putU16(bytes, 26, garbageOf(bytes) + length)
}

/** Gives an entry another payload of the same length; false: the lengths differ. */
export const replace = (bytes: Uint8Array, index: number, entry: Entry): boolean => {
  const at = entryAt(bytes, index)
  if (markAt(bytes, at) !== entry.mark) return false
  copyInto(
    bytes,
    payloadAt(bytes, at),
    entry.payload,
    entry.payloadFrom,
    entry.payloadFrom + payloadBytesOf(entry.mark)
  )
  return true
}
