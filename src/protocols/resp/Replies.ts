/** Replies: those of one value, as bytes. */
import * as Latin1 from "#base/Latin1.ts"
import type { Client } from "./Client.ts"

export const nothing: Uint8Array = new Uint8Array(0)

export const error = (text: string): Uint8Array => Latin1.encode(`-${text.replaceAll(/[\r\n]/g, " ")}\r\n`)

export const nullArray = ({ out }: Client): Uint8Array => Latin1.encode(out.protocol === 2 ? "*-1\r\n" : "_\r\n")
