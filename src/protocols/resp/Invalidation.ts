/**
 * Invalidation: the message that keys have changed which a client may have cached, as protocol 3 has it; so do nodes tell each other, whatever protocol the
 * client speaks.
 */
import * as Latin1 from "#base/Latin1.ts"
import { Parser } from "./Parser.ts"
import type { Reply } from "./Reply.ts"

const head = ">2\r\n$10\r\ninvalidate\r\n"
const everything = "_\r\n"
const star = 0x2a

/** `keys` undefined: everything. */
export const write = (out: Reply, keys: ReadonlyArray<string> | undefined): void => {
  out.raw(head)
  if (keys === undefined) out.raw(everything)
  else out.bulks(keys)
}

/** The keys that a message tells of; undefined: everything, or nobody knows. */
export const read = (bytes: Uint8Array): ReadonlyArray<string> | undefined => {
  const isKnown = Latin1.decode(bytes, 0, head.length) === head && bytes[head.length] === star
  if (!isKnown) return undefined
  const parser = new Parser()
  parser.feed(bytes.subarray(head.length))
  return parser.next()
}
