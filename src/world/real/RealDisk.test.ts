import mutableFs, * as fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type * as Disk from "../Disk.ts"
import { DiskError } from "../WorldError.ts"
import * as DiskFault from "./DiskFault.ts"
import { RealDisk } from "./RealDisk.ts"
import { RealFile } from "./RealFile.ts"

let root: string
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "orbit-disk-"))
})
afterEach(() => fs.rmSync(root, { recursive: true }))

const systemError = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code })

type Told = ["done", number] | ["bytes", string] | ["failed", string]

/** What a file's sink is told, by ticket, and a way to wait for it. */
class Tickets implements Disk.Sink {
  readonly told: Array<Told> = []
  private waiting: (() => void) | undefined
  private wanted = 0

  /** Resolves when so many operations have completed in all. */
  completed(count: number): Promise<void> {
    this.wanted = count
    return new Promise((resolve) => {
      this.waiting = resolve
      this.check()
    })
  }
  private check(): void {
    if (this.told.length >= this.wanted) this.waiting?.()
  }
  done(ticket: number, value: number): void {
    this.told[ticket] = ["done", value]
    this.check()
  }
  bytes(ticket: number, bytes: Uint8Array): void {
    this.told[ticket] = ["bytes", Buffer.from(bytes).toString("latin1")]
    this.check()
  }
  failed(ticket: number, error: DiskError): void {
    this.told[ticket] = ["failed", error.code]
    this.check()
  }
}

const open = (disk: RealDisk, path: string, sink: Disk.Sink): Promise<Disk.File> =>
  new Promise((resolve, reject) => {
    disk.open(path, { create: true }, sink, (error, file) => (error === undefined ? resolve(file!) : reject(error)))
  })

const close = (disk: RealDisk): Promise<void> => new Promise((resolve) => disk.close(resolve))

/** The files of `root` that this process has open, where the system tells. */
const openFiles = (): ReadonlyArray<string> => {
  if (!fs.existsSync("/proc/self/fd")) return []
  return fs.readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      const target = fs.readlinkSync(`/proc/self/fd/${descriptor}`)
      return target.startsWith(root) ? [target] : []
    } catch {
      return []
    }
  })
}

describe("an error of the system becomes a DiskError", () => {
  it.each([
    ["ENOENT", "not-found"],
    ["EEXIST", "exists"],
    ["ENOTEMPTY", "exists"],
    ["EISDIR", "not-a-file"],
    ["ENOTDIR", "not-a-file"],
    ["ENOSPC", "no-space"],
    ["EDQUOT", "no-space"],
    ["EIO", "io"],
    ["EMFILE", "io"],
    ["EROFS", "io"],
    ["ESOMETHINGNEW", "io"]
  ])("by its code, with a message that says what to do: %s", (code, expected) => {
    const error = DiskFault.fromSystem(systemError(code), "write", "wal/1.log")
    expect(error).toBeInstanceOf(DiskError)
    expect(error).toMatchObject({ _tag: "DiskError", code: expected, operation: "write", path: "wal/1.log" })
    expect(error.message).toMatch(/^write of "wal\/1\.log" failed \(E[A-Z]+\): .+; .+/)
  })

  it("that takes unsynced bytes for lost after any failure of a sync", () => {
    for (const code of ["EIO", "ENOSPC", "EDQUOT"]) {
      const error = DiskFault.fromSystem(systemError(code), "sync", "log")
      expect(error.code).toBe("io")
      expect(error.message).toContain("must be taken for lost")
    }
    expect(DiskFault.fromSystem(systemError("ENOENT"), "sync-directory", "wal").code).toBe("not-found")
  })
})

describe("RealDisk", () => {
  it("makes its root, with all directories on the way", () => {
    new RealDisk(join(root, "a", "b"))
    expect(fs.statSync(join(root, "a", "b")).isDirectory()).toBe(true)
  })

  it("fails with a DiskError where its root cannot be", () => {
    fs.writeFileSync(join(root, "file"), "")
    expect(() => new RealDisk(join(root, "file", "data"))).toThrow(DiskError)
  })

  it("opens nothing but regular files", async () => {
    const disk = new RealDisk(root)
    fs.symlinkSync("/dev/null", join(root, "device"))
    await expect(open(disk, "device", new Tickets())).rejects.toMatchObject({ code: "not-a-file" })
    await close(disk)
  })

  it("follows links that the administrator made, so that a log may have a device of its own", async () => {
    const disk = new RealDisk(join(root, "data"))
    fs.mkdirSync(join(root, "fast"))
    fs.symlinkSync(join(root, "fast"), join(root, "data", "wal"))
    const tickets = new Tickets()
    const file = await open(disk, "wal/log", tickets)
    file.append(0, Buffer.from("abc"))
    await tickets.completed(1)
    expect(fs.readFileSync(join(root, "fast", "log"), "utf8")).toBe("abc")
    await close(disk)
  })

  it("continues short reads and writes where they stopped", async () => {
    const { read, write } = mutableFs
    let calls = 0
    const cut =
      (call: any, bytesMax: number): any =>
      (descriptor: number, bytes: Uint8Array, offset: number, length: number, position: number, done: () => void) => {
        calls++
        call(descriptor, bytes, offset, Math.min(length, bytesMax), position, done)
      }
    Object.assign(mutableFs, { read: cut(read, 5), write: cut(write, 7) })
    syncBuiltinESMExports()
    try {
      const disk = new RealDisk(root)
      const tickets = new Tickets()
      const file = await open(disk, "log", tickets)
      const text = "a text that is written and read in many short pieces"
      file.append(0, Buffer.from(text))
      file.writeAt(1, 2, Buffer.from("long text"))
      file.readAt(2, 0, 1_000)
      await tickets.completed(3)
      expect(tickets.told).toEqual([
        ["done", 0],
        ["done", 0],
        ["bytes", `a long text${text.slice(11)}`]
      ])
      // 8 and 2 to write, 11 to read, and one that finds the end.
      expect(calls).toBe(8 + 2 + 11 + 1)
      await close(disk)
    } finally {
      Object.assign(mutableFs, { read, write })
      syncBuiltinESMExports()
    }
  })

  it("reports a full device as no-space and a failed sync as io, and goes on with the operations behind them", async () => {
    // Where the system has no device that is always full, a descriptor that may not be written to fails as well, with `io`.
    const full = fs.existsSync("/dev/full")
    fs.writeFileSync(join(root, "read-only"), "")
    const descriptor = full ? fs.openSync("/dev/full", "r+") : fs.openSync(join(root, "read-only"), "r")
    const tickets = new Tickets()
    const closed = new Promise((resolve) => {
      const file = new RealFile({
        path: "full",
        descriptor,
        inode: { key: "full", files: new Set() },
        sink: tickets,
        onClosed: resolve
      })
      file.append(0, Buffer.from("abc"))
      file.writeAt(1, 5, Buffer.from("abc"))
      file.sync(2)
      file.readAt(3, 0, 2)
      file.close()
    })
    await closed
    expect(tickets.told.slice(0, 2)).toEqual(Array(2).fill(["failed", full ? "no-space" : "io"]))
    expect(tickets.told[2]).toEqual(full ? ["failed", "io"] : ["done", 0])
    expect(tickets.told[3]).toEqual(["bytes", full ? "\0\0" : ""])
  })

  it("syncs each write, as part of it, where the system cannot write through", async () => {
    const { fdatasync } = mutableFs
    let syncs = 0
    const failingSecond = (descriptor: number, done: (error: NodeJS.ErrnoException | null) => void): void => {
      if (++syncs === 2) setImmediate(() => done(systemError("EIO")))
      else fdatasync(descriptor, done)
    }
    Object.assign(mutableFs, { fdatasync: failingSecond })
    syncBuiltinESMExports()
    try {
      const tickets = new Tickets()
      const closed = new Promise((resolve) => {
        const file = new RealFile({
          path: "log",
          descriptor: fs.openSync(join(root, "log"), "w+"),
          inode: { key: "log", files: new Set() },
          sink: tickets,
          syncsWrites: true,
          onClosed: resolve
        })
        file.append(0, Buffer.from("abc"))
        file.append(1, Buffer.from("def"))
        file.writeAt(2, 1, Buffer.from("x"))
        file.readAt(3, 0, 6)
        file.close()
      })
      await closed
      expect(tickets.told).toEqual([
        ["done", 0],
        ["failed", "io"],
        ["done", 0],
        ["bytes", "axcdef"]
      ])
      expect(syncs).toBe(3)
    } finally {
      Object.assign(mutableFs, { fdatasync })
      syncBuiltinESMExports()
    }
  })

  it("tells nothing after close, starts nothing, and calls back when every file is closed", async () => {
    const disk = new RealDisk(root)
    const tickets = new Tickets()
    const file = await open(disk, "log", tickets)
    const answers: Array<string> = []
    for (let ticket = 0; ticket < 100; ticket++) file.append(ticket, Buffer.alloc(1_000, ticket))
    disk.makeDirectory("made", () => answers.push("made"))
    disk.open("late", { create: true }, tickets, () => answers.push("late"))
    disk.open("../bad", {}, tickets, () => answers.push("bad"))
    await close(disk)
    expect(openFiles()).toEqual([])
    const size = fs.statSync(join(root, "log")).size
    file.append(0, Buffer.from("after"))
    disk.makeDirectory("after", () => answers.push("after"))
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect([tickets.told, answers]).toEqual([[], []])
    expect(size).toBeLessThanOrEqual(1_000)
    expect(fs.statSync(join(root, "log")).size).toBe(size)
    expect(fs.existsSync(join(root, "after"))).toBe(false)
  })

  it("frees a file's descriptor when the file is closed and its last operation is done", async () => {
    const disk = new RealDisk(root)
    const tickets = new Tickets()
    const file = await open(disk, "log", tickets)
    file.append(0, Buffer.from("abc"))
    file.close()
    await tickets.completed(1)
    await close(disk)
    expect(openFiles()).toEqual([])
    expect(fs.readFileSync(join(root, "log"), "utf8")).toBe("abc")
  })
})
