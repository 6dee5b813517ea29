/** Failure: the packages' errors, of which all have a text and only some a code, as ours. */
import type { DiskOperation } from "#world/WorldError.ts"
import { DiskError } from "#world/WorldError.ts"
import { Corrupt, Refused, Stopped } from "../StorageError.ts"

const textOf = (error: unknown): string =>
  error instanceof Error
    ? error.cause === undefined
      ? error.message
      : `${error.message}: ${textOf(error.cause)}`
    : String(error)

/** The packages name a file of rot sometimes, and no offset. */
const rotten = /corrupt|checksum mismatch|bad block|page.*not found|bad record length/i

const full = /no space left|ENOSPC|disk full/i

/** What a call that reads, or opens, failed with. */
export const ofRead = (error: unknown, operation: DiskOperation, path: string): Corrupt | Refused | DiskError => {
  if (error instanceof Refused || error instanceof DiskError || error instanceof Corrupt) return error
  const text = textOf(error)
  if (rotten.test(text)) {
    const file = /[^\s:]*\/([\w-]+\.(?:ldb|sst|log|mdb)|MANIFEST-\d+|CURRENT)/.exec(text)
    return new Corrupt({ path: file === null ? path : `${path}/${file[1]}`, offsetBytes: 0, message: text })
  }
  return new DiskError({ code: full.test(text) ? "no-space" : "io", operation, path, message: `${path}: ${text}` })
}

/** What a call that writes failed with: none of the packages says what of it is on disk, so no more is written. */
export const ofWrite = (error: unknown, path: string): Stopped => {
  const cause = ofRead(error, "write", path)
  const message = `a write failed, and what is durable is known only when the store has been opened again: ${cause.message}`
  const fault =
    cause instanceof Refused ? new DiskError({ code: "io", operation: "write", path, message: cause.message }) : cause
  return new Stopped({ cause: fault, message })
}
