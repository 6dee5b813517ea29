/** Heads: the last entries of chains as text, `CHAIN:SEQUENCE:HASH`, which people keep where the trail's writers cannot reach. */
import * as fs from "node:fs"
import * as Hex from "#base/Hex.ts"
import type { Head } from "#keyspace/audit/AuditChain.ts"

export const textOf = ({ chain, hash, sequence }: Head): string => `${chain}:${sequence}:${Hex.of(hash)}`

/** All heads in a text, whatever stands around them. */
export const all = (text: string): ReadonlyArray<Head> =>
  [...text.matchAll(/(?<![\w:])(\d{1,10}):(\d{1,15}):([0-9a-f]{64})(?!\w)/g)].map(([, chain, sequence, hash]) => ({
    chain: Number(chain),
    sequence: Number(sequence),
    hash: Hex.bytesOf(hash)
  }))

export const read = (file: string): ReadonlyArray<Head> => all(fs.readFileSync(file, "utf8"))
