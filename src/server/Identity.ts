/**
 * Identity: whose data a directory has: the file `orbit.json` in it, written before anything else.
 *
 * A single node draws its cluster's number at its first start. Later starts refuse a directory of another node or cluster: two nodes under one number
 * would each have promised what the other knows nothing of.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Hex from "#base/Hex.ts"
import { Disk } from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"
import { codes, StartError } from "./Ending.ts"

export interface Identity {
  /** 32 hexadecimal digits. */
  readonly cluster: string
  readonly node: number
}

const path = "orbit.json"
const writingPath = "orbit.json.new"
const format = 1
const clusterBytes = 16
const fileBytesMax = 4_096

const refused = (message: string): StartError => new StartError({ code: codes.data, message })

const decode = (bytes: Uint8Array): Identity | undefined => {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as Readonly<Record<string, unknown>>
    const { cluster, node } = value
    const reads = value["format"] === format && typeof cluster === "string" && /^[0-9a-f]{32}$/.test(cluster)
    return reads && typeof node === "number" ? { cluster, node } : undefined
  } catch {
    return undefined
  }
}

const read: Effect.Effect<Identity | undefined, DiskError | StartError, Disk> = Effect.scoped(
  Effect.gen(function* () {
    const disk = yield* Disk
    const names = yield* disk.list("")
    if (!names.includes(path)) return undefined
    const file = yield* disk.open(path)
    const identity = decode(yield* file.readAt(0, fileBytesMax))
    if (identity === undefined) {
      return yield* refused(`${path} does not read: it was written by a later version, or it is damaged`)
    }
    return identity
  })
)

/** Whole or not at all. */
const write = Effect.fnUntraced(function* (identity: Identity) {
  const disk = yield* Disk
  const bytes = new TextEncoder().encode(`${JSON.stringify({ format, ...identity })}\n`)
  yield* Effect.scoped(
    Effect.gen(function* () {
      const file = yield* disk.open(writingPath, { create: true })
      yield* file.truncate(0)
      yield* file.writeAt(0, bytes)
      yield* file.sync
    })
  )
  yield* disk.rename(writingPath, path)
  yield* disk.syncDirectory("")
})

const draw = Effect.map(Random.Random, (random) =>
  Hex.of(Uint8Array.from({ length: clusterBytes }, () => Math.floor(random.nextDoubleUnsafe() * 256)))
)

/** Who this node is, from now on. `cluster`: empty when nobody said. */
export const establish = Effect.fnUntraced(function* (asked: Identity) {
  const known = yield* read
  if (known === undefined) {
    const identity = { ...asked, cluster: asked.cluster === "" ? yield* draw : asked.cluster }
    yield* write(identity)
    return identity
  }
  if (known.node !== asked.node) {
    return yield* refused(`the data directory is of node ${known.node}, and node-id is ${asked.node}`)
  }
  if (asked.cluster !== "" && asked.cluster !== known.cluster) {
    return yield* refused(`the data directory is of cluster ${known.cluster}, and cluster-id is ${asked.cluster}`)
  }
  return known
})
