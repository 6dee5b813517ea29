/** Operations: those of a batch, as entries. */
import * as Batch from "../Batch.ts"
import type { Entry } from "./Unit.ts"

/** The operations in [from, to) of `bytes`, as views of them; undefined: these are no batch. */
export const read = (bytes: Uint8Array, from: number, to: number): ReadonlyArray<Entry> | undefined => {
  const entries: Array<Entry> = []
  const isBatch = Batch.visit(bytes, from, to, {
    put: (all, keyFrom, keyTo, valueTo) => {
      entries.push({ kind: "put", key: all.subarray(keyFrom, keyTo), value: all.subarray(keyTo, valueTo) })
    },
    delete: (all, keyFrom, keyTo) => {
      entries.push({ kind: "delete", key: all.subarray(keyFrom, keyTo) })
    },
    deleteRange: (all, fromFrom, fromTo, toTo) => {
      entries.push({ kind: "delete-range", key: all.subarray(fromFrom, fromTo), to: all.subarray(fromTo, toTo) })
    }
  })
  return isBatch ? entries : undefined
}
