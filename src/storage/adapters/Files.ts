/** Files: what adapters do with the files of a package beside it. Paths here are the machine's own. */
import { closeSync, fdatasync, fsync, openSync, readdirSync, statSync } from "node:fs"
import { join } from "node:path"

const withFile = (path: string, sync: (fd: number, done: (error: Error | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    const fd = openSync(path, "r")
    sync(fd, (error) => {
      closeSync(fd)
      if (error === null) resolve()
      else reject(error)
    })
  })

/** Makes a directory's entries durable. */
export const syncDirectory = (path: string): Promise<void> => withFile(path, fsync)

/** Makes a file's bytes durable, whoever wrote them; one that is gone needs it no more. */
export const syncFile = async (path: string): Promise<void> => {
  try {
    await withFile(path, fdatasync)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
  }
}

/** Logs that LevelDB and RocksDB have in a directory, the oldest first. */
export const logs = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory)
    .filter((name) => /^\d+\.log$/.test(name))
    .sort((left, right) => Number.parseInt(left, 10) - Number.parseInt(right, 10))

/** Sizes of the files in a directory, and in those in it, by name. */
export const sizes = (directory: string): ReadonlyMap<string, number> => {
  const found = new Map<string, number>()
  for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    const stats = statSync(join(directory, name), { throwIfNoEntry: false })
    if (stats?.isFile() === true) found.set(name, stats.size)
  }
  return found
}

/** The bytes of what is entries or leads to them: not of the text that LevelDB and RocksDB keep for people. */
export const diskBytes = (sizes: ReadonlyMap<string, number>): number => {
  let sum = 0
  for (const [name, size] of sizes) if (!/^LOG(\.old.*)?$/.test(name)) sum += size
  return sum
}
