/**
 * OutOfService: a store whose disk did not give back what was written there serves no more: the file `damaged` in its directory says so, and keeps it
 * from being opened until somebody has looked. What it has, its ranges' other members have too; they go on, and take others in its place.
 *
 * Without the file it would come back, since what is damaged is often found only when it is read, and lead again until somebody reads it
 * (CockroachDB leaves such a file for the same reason).
 */
import * as Effect from "effect/Effect"
import { Corrupt, type StorageError } from "#storage/StorageError.ts"
import { Disk } from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"

const name = "damaged"
/** A disk that does not answer keeps nobody from leaving. */
const patienceMillis = 1_000

/** What is damaged in the store's directory; undefined: nothing, or it is elsewhere, as in what another store sent. */
export const damageIn = (directory: string, error: StorageError): Corrupt | undefined => {
  const cause = error._tag === "Stopped" ? error.cause : error
  return cause instanceof Corrupt && cause.path.startsWith(`${directory}/`) ? cause : undefined
}

/** Writes it down, if the disk lets it. */
export const leave = (directory: string, { message, offsetBytes, path }: Corrupt): Effect.Effect<void, never, Disk> => {
  const written = Effect.scoped(
    Effect.gen(function* () {
      const disk = yield* Disk
      const file = yield* disk.open(`${directory}/${name}`, { create: true })
      yield* disk.syncDirectory(directory)
      yield* file.writeAt(0, new TextEncoder().encode(`${path} at ${offsetBytes}: ${message}\n`))
      yield* file.sync
    })
  )
  return Effect.ignore(Effect.timeout(written, patienceMillis))
}

/** Fails when the store in the directory is out of service. */
export const check = Effect.fnUntraced(function* (
  directory: string
): Effect.fn.Return<void, Corrupt | DiskError, Disk> {
  const disk = yield* Disk
  const names = yield* disk.list(directory)
  if (!names.includes(name)) return
  const message =
    "damage was found in this store, and its ranges' other members go on without it: add another store in its place, or remove this file to have it back"
  return yield* new Corrupt({ path: `${directory}/${name}`, offsetBytes: 0, message })
})
