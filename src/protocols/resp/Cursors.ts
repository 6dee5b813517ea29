/**
 * Cursors: what SCAN and its kin hand out, as text: a number of 64 bits. Where keys lie by slots, it is, from the lowest bit on: 14 bits of the slot, as in
 * Redis; 18 of the tag of its copy; 31 of the position in it. With less than two million keys in a slot a client loses nothing that takes it for a double.
 */
import { assert } from "#base/Assert.ts"
import type { SlotCursor } from "#database/redis/SlottedTable.ts"

const max = 18_446_744_073_709_551_615n
const number = /^([+-]?)(\d+)$/

const slotMask = 0x3fff
const tagShift = 14
const tagMask = 0x3ffff
const positionShift = 32n
const positionMask = 0x7fffffff
const lowMask = 0xffffffffn

/** As `strtoul` reads it: with a sign it is counted from the largest down. undefined: it is no number of 64 bits. */
export const parse = (text: string): bigint | undefined => {
  if (text === "") return 0n
  const [, sign, digits] = number.exec(text) ?? []
  if (digits === undefined || BigInt(digits) > max) return undefined
  const cursor = BigInt(digits)
  return sign === "-" && cursor > 0n ? max - cursor + 1n : cursor
}

/** Any number is one. */
export const ofSlots = (cursor: bigint): SlotCursor => {
  const low = Number(cursor & lowMask)
  const position = Number(cursor >> positionShift) & positionMask
  return { slot: low & slotMask, tag: (low >>> tagShift) & tagMask, position }
}

export const textOf = ({ position, slot, tag }: SlotCursor): string => {
  assert(slot <= slotMask && tag <= tagMask && position <= positionMask, "what a cursor says has room in it")
  return String((BigInt(position) << positionShift) | BigInt(tag * (slotMask + 1) + slot))
}
