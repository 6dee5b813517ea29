/**
 * RealDisk: a node's disk as a directory of the machine's file system.
 *
 * Promises, beyond the contract in `Disk.ts`: every path stays below the root (`RelativePath`); only a symbolic link can lead
 * out, and only the machine's administrator makes one (to put a log on a device of its own, say), so links are
 * followed. A failed sync is reported as `io` by the operation that met it and changes nothing here: what the caller
 * owes then stands in `WorldError`.
 *
 * Durability rests on fdatasync for bytes and sizes and on fsync of a directory's descriptor for its entries. On macOS libuv asks
 * for F_FULLFSYNC in both. Windows has no sync of a directory: NTFS keeps its entries in a journal of its own.
 *
 * Needs of its owner: one RealDisk a root at a time, but for those of the node's worker threads (`Workers` says why they may);
 * `close` when the node ends, and no successor on the same root until it has called back, since an operation under way in the
 * thread pool cannot be recalled.
 */
import * as fs from "node:fs"
import * as RelativePath from "#base/RelativePath.ts"
import type * as Disk from "../Disk.ts"
import type { DiskOperation } from "../WorldError.ts"
import * as DiskFault from "./DiskFault.ts"
import { type Inode, RealFile } from "./RealFile.ts"

const hasDirectorySync = process.platform !== "win32"

/** Windows has no O_DSYNC here, and macOS's stops at the device's cache. There a sync follows each write. */
const hasWriteThrough = process.platform === "linux"

export class RealDisk implements Disk.Port {
  private readonly root: string
  private readonly files = new Set<RealFile>()
  private readonly inodes = new Map<string, Inode>()
  /** Calls to the system, other than those of open files, whose answer is still to come. */
  private underWay = 0
  /** Set when the disk is ending, to be called when it is idle. */
  private onIdle: (() => void) | undefined
  private ended = false

  /** Makes the root directory when it is not there. Throws `DiskError` when it cannot. */
  constructor(root: string) {
    try {
      fs.mkdirSync(root, { recursive: true })
      this.root = fs.realpathSync(root)
    } catch (error) {
      throw DiskFault.fromSystem(error as NodeJS.ErrnoException, "make-directory", root)
    }
  }

  open(path: string, options: Disk.OpenOptions, sink: Disk.Sink, done: Disk.Done<Disk.File | undefined>): void {
    if (this.refuses("open", path, false, done)) return
    const create =
      options.create === true ? fs.constants.O_CREAT | (options.exclusive === true ? fs.constants.O_EXCL : 0) : 0
    const through = options.writeThrough === true && hasWriteThrough ? fs.constants.O_DSYNC : 0
    const settle = this.begin("open", path, done)
    fs.open(this.absolute(path), fs.constants.O_RDWR | create | through, 0o644, (error, descriptor) => {
      if (error !== null) return settle(error, undefined)
      fs.fstat(descriptor, { bigint: true }, (error, stats) => {
        if (error !== null || !stats.isFile() || this.onIdle !== undefined) {
          const failure = error ?? Object.assign(new Error("not a regular file"), { code: "EISDIR" })
          return fs.close(descriptor, () => settle(failure, undefined))
        }
        const syncsWrites = options.writeThrough === true && !hasWriteThrough
        settle(null, this.opened({ path, descriptor, key: `${stats.dev}:${stats.ino}`, sink, syncsWrites }))
      })
    })
  }

  rename(from: string, to: string, done: Disk.Done<void>): void {
    if (this.refuses("rename", from, false, done) || this.refuses("rename", to, false, done)) return
    const settle = this.begin("rename", `${from} to ${to}`, done)
    // POSIX lets a directory replace an empty one; the contract does not. A node's names are changed by nobody else.
    fs.stat(this.absolute(to), (_, stats) => {
      fs.lstat(this.absolute(from), (error) => {
        if (error !== null) return settle(error)
        // POSIX says EINVAL: its new place would go with it.
        if (to.startsWith(`${from}/`)) return settle(Object.assign(new Error("below itself"), { code: "ENOENT" }))
        if (stats?.isDirectory() === true) return settle(Object.assign(new Error("a directory"), { code: "EEXIST" }))
        fs.rename(this.absolute(from), this.absolute(to), (error) => settle(error))
      })
    })
  }

  remove(path: string, done: Disk.Done<void>): void {
    if (this.refuses("remove", path, false, done)) return
    const settle = this.begin("remove", path, done)
    fs.unlink(this.absolute(path), (error) => {
      // Linux says EISDIR of a directory, POSIX and macOS say EPERM.
      if (error === null || (error.code !== "EISDIR" && error.code !== "EPERM")) return settle(error)
      fs.rmdir(this.absolute(path), (second) => settle(second?.code === "ENOTDIR" ? error : second))
    })
  }

  list(directory: string, done: Disk.Done<ReadonlyArray<string>>): void {
    if (this.refuses("list", directory, true, done)) return
    const settle = this.begin("list", directory, done)
    fs.readdir(this.absolute(directory), "buffer", (error, names) => {
      if (error !== null) return settle(error, [])
      settle(
        null,
        names.sort((a, b) => Buffer.compare(a, b)).map((name) => name.toString("utf8"))
      )
    })
  }

  makeDirectory(path: string, done: Disk.Done<void>): void {
    if (this.refuses("make-directory", path, true, done)) return
    const settle = this.begin("make-directory", path, done)
    fs.mkdir(this.absolute(path), (error) => {
      if (error?.code !== "EEXIST") return settle(error)
      fs.stat(this.absolute(path), (_, stats) => settle(stats?.isDirectory() === true ? null : error))
    })
  }

  syncDirectory(path: string, done: Disk.Done<void>): void {
    if (this.refuses("sync-directory", path, true, done)) return
    const settle = this.begin("sync-directory", path, done)
    if (!hasDirectorySync) {
      fs.readdir(this.absolute(path), (error) => settle(error))
      return
    }
    fs.open(this.absolute(path), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY, (error, descriptor) => {
      if (error !== null) return settle(error)
      fs.fsync(descriptor, (error) => fs.close(descriptor, () => settle(error)))
    })
  }

  /**
   * Ends the disk: nothing is told to anybody any more, what has not started never starts, and `done` is called, later,
   * when the last call to the system has returned and every file is closed.
   */
  close(done: () => void): void {
    this.onIdle = done
    for (const file of this.files) file.silence()
    setImmediate(this.checkIdle)
  }

  private absolute(path: string): string {
    return path === "" ? this.root : `${this.root}/${path}`
  }

  /** Answers a call with a bad path, later, and drops all calls to a disk that has ended. True when it took the call. */
  private refuses(operation: DiskOperation, path: string, allowRoot: boolean, done: Disk.Done<any>): boolean {
    if (this.onIdle !== undefined) return true
    const problem = RelativePath.problem(path, { allowRoot })
    if (problem === undefined) return false
    // The root is there, and is a directory; any other bad path names nothing on this disk.
    const code = path !== "" ? "not-found" : operation === "open" ? "not-a-file" : "exists"
    const error = DiskFault.make(code, operation, path, problem)
    setImmediate(() => {
      if (this.onIdle === undefined) done(error, undefined)
    })
    return true
  }

  /** Counts a call to the system as under way until the returned function is called, which answers unless the disk has ended. */
  private begin<A>(operation: DiskOperation, path: string, done: Disk.Done<A>) {
    this.underWay++
    return (error: NodeJS.ErrnoException | null | undefined, value?: A): void => {
      this.underWay--
      if (this.onIdle !== undefined) return this.checkIdle()
      done(error == null ? undefined : DiskFault.fromSystem(error, operation, path), value as A)
    }
  }

  private opened(options: {
    readonly path: string
    readonly descriptor: number
    readonly key: string
    readonly sink: Disk.Sink
    readonly syncsWrites: boolean
  }): RealFile {
    const { key, ...rest } = options
    let inode = this.inodes.get(key)
    if (inode === undefined) {
      inode = { key, files: new Set() }
      this.inodes.set(key, inode)
    }
    const file = new RealFile({ ...rest, inode, onClosed: this.onFileClosed })
    this.files.add(file)
    return file
  }

  private readonly onFileClosed = (file: RealFile): void => {
    this.files.delete(file)
    if (file.inode.files.size === 0) this.inodes.delete(file.inode.key)
    this.checkIdle()
  }

  private readonly checkIdle = (): void => {
    const done = this.onIdle
    if (done === undefined || this.ended || this.underWay > 0 || this.files.size > 0) return
    this.ended = true
    done()
  }
}
