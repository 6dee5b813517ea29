/** Handle: a transaction as a line of text, for clients that ask for its outcome later, or elsewhere: `id.age.anchor`, the anchor in hex. */
import * as Hex from "#base/Hex.ts"
import type { Txn } from "#keyspace/Request.ts"

export const toText = ({ age, anchor, id }: Txn): string => `${id}.${age}.${Hex.of(anchor)}`

/** Undefined where it is none. */
export const ofText = (text: string): Txn | undefined => {
  const match = /^([1-9]\d{0,15})\.([1-9]\d{0,15})\.((?:[0-9a-f]{2})+)$/.exec(text)
  if (match === null) return undefined
  const [id, age] = [Number(match[1]), Number(match[2])]
  return Number.isSafeInteger(id) && Number.isSafeInteger(age) ? { id, age, anchor: Hex.bytesOf(match[3]) } : undefined
}
