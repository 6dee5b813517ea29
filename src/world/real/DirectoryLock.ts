/**
 * DirectoryLock: one process a directory, as long as it lives.
 *
 * The lock is one of the operating system on the file `lock`, so it goes with its process, however that ends, and nothing stale is ever left. Node.js
 * itself has no call for it, but SQLite, which it brings, holds just such a lock while it writes, on every platform. Nothing is ever written by it.
 * `lock.holder` says who has it, for people.
 *
 * A file system over a network keeps it only as well as its locks are.
 */
import * as fs from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"

export type Held =
  | { readonly type: "held"; readonly release: () => void }
  /** `holder`: the number of its process, where it said so. */
  | { readonly type: "taken"; readonly holder: string }

const isBusy = (error: unknown): boolean => (error as { readonly errcode?: number }).errcode === 5

const holderOf = (path: string): string => {
  try {
    return fs.readFileSync(path, "utf8").trim()
  } catch {
    return ""
  }
}

/** Makes the directory when it is not there. Throws what the system says when it cannot be used. */
export const acquire = (directory: string): Held => {
  fs.mkdirSync(directory, { recursive: true })
  const holderPath = join(directory, "lock.holder")
  // SQLite's own message would not say which file, nor why.
  fs.closeSync(fs.openSync(join(directory, "lock"), "a"))
  const database = new DatabaseSync(join(directory, "lock"), { timeout: 0 })
  try {
    database.exec("PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE")
  } catch (error) {
    database.close()
    if (isBusy(error)) return { type: "taken", holder: holderOf(holderPath) }
    throw error
  }
  fs.writeFileSync(holderPath, `${process.pid}\n`)
  return {
    type: "held",
    release: () => {
      fs.rmSync(holderPath, { force: true })
      database.close()
    }
  }
}
