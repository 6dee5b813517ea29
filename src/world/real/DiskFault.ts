/**
 * DiskFault: what the operating system says of a failed call, as a `DiskError`. The message says what to do; the
 * caller decides by the code alone.
 */
import { DiskError, type DiskErrorCode, type DiskOperation } from "../WorldError.ts"

interface Meaning {
  readonly code: DiskErrorCode
  readonly advice: string
}

/** By the system's own names. What is not here is `io`: the device, or the system under it, failed. */
const meanings: Readonly<Record<string, Meaning>> = {
  ENOENT: { code: "not-found", advice: "it, or a directory on the way to it, does not exist; make it first" },
  ENAMETOOLONG: {
    code: "not-found",
    advice: "the path is too long for this file system; use shorter names or a root nearer to /"
  },
  EEXIST: { code: "exists", advice: "it exists already; remove it first or take another name" },
  ENOTEMPTY: { code: "exists", advice: "the directory is not empty; remove what is in it first" },
  EISDIR: { code: "not-a-file", advice: "it is a directory; name a file" },
  ENOTDIR: { code: "not-a-file", advice: "a file stands where a directory is needed; name a directory" },
  ELOOP: { code: "not-a-file", advice: "symbolic links lead in a circle; repair them" },
  ENOSPC: { code: "no-space", advice: "the device is full; free some space" },
  EDQUOT: { code: "no-space", advice: "the quota is used up; free some space or raise it" },
  EFBIG: {
    code: "no-space",
    advice: "the file is as large as it may become; raise the limit of file sizes (ulimit -f)"
  },
  EINVAL: { code: "io", advice: "the system takes it for nonsense; correct the caller" },
  EACCES: { code: "io", advice: "access is denied; let the server's user read and write the data directory" },
  EPERM: { code: "io", advice: "the operation is not permitted; let the server's user own the data directory" },
  EROFS: {
    code: "io",
    advice: "the file system is read-only; mount it for writing, and look in the system log for why it is not"
  },
  EMFILE: { code: "io", advice: "too many files are open; raise the limit of this process (ulimit -n)" },
  ENFILE: { code: "io", advice: "too many files are open; raise the limit of this machine (fs.file-max)" }
}

const ioAdvice = "the device failed; look in the system log, and replace the device if it fails again"
const syncAdvice =
  "what was written to it since its last good sync must be taken for lost, also if a later sync succeeds; stop, and recover from a replica"

/** The `DiskError` for an error of `node:fs`. */
export const fromSystem = (error: NodeJS.ErrnoException, operation: DiskOperation, path: string): DiskError => {
  const meaning = meanings[error.code ?? ""]
  const isSync = operation === "sync" || operation === "sync-directory"
  const code = meaning?.code ?? "io"
  const advice = isSync && code !== "not-found" && code !== "not-a-file" ? syncAdvice : (meaning?.advice ?? ioAdvice)
  return new DiskError({
    code: isSync && code === "no-space" ? "io" : code,
    operation,
    path,
    message: `${operation} of "${path}" failed (${error.code ?? error.message}): ${advice}`
  })
}

export const make = (code: DiskErrorCode, operation: DiskOperation, path: string, advice: string): DiskError =>
  new DiskError({ code, operation, path, message: `${operation} of "${path}" failed: ${advice}` })
