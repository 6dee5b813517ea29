/** Chunks: keys and mutations in pieces that one request carries, `Limits.prepareBytesMax` each, give or take one. */
import * as Limits from "#base/Limits.ts"
import type { Mutation } from "#keyspace/Request.ts"

const cut = <A>(all: ReadonlyArray<A>, sizeOf: (one: A) => number): ReadonlyArray<ReadonlyArray<A>> => {
  const chunks: Array<Array<A>> = []
  let sizeBytes = Infinity
  for (const one of all) {
    if (sizeBytes >= Limits.prepareBytesMax) {
      chunks.push([])
      sizeBytes = 0
    }
    chunks[chunks.length - 1].push(one)
    sizeBytes += sizeOf(one)
  }
  return chunks
}

/** What one costs on the wire beside its bytes. */
const besides = 16

export const ofKeys = (keys: ReadonlyArray<Uint8Array>): ReadonlyArray<ReadonlyArray<Uint8Array>> =>
  cut(keys, (key) => key.length + besides)

export const ofMutations = (mutations: ReadonlyArray<Mutation>): ReadonlyArray<ReadonlyArray<Mutation>> =>
  cut(mutations, ({ key, value }) => key.length + (value?.length ?? 0) + besides)

/** Whether one request carries them. */
export const areOne = (mutations: ReadonlyArray<Mutation>): boolean => ofMutations(mutations).length === 1
