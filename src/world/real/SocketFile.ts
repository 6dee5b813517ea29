/**
 * SocketFile: listening at a path: a socket in the file system of this machine.
 *
 * A process that was killed leaves its socket behind, and nothing else can listen there until it is removed. It is, where a dial finds nobody; what is
 * there and is no socket never is. The system removes it when its listener closes.
 *
 * With a `mode` the socket is never there with wider rights: it is made for its owner alone, and then given those.
 */
import * as fs from "node:fs"
import * as net from "node:net"
import { dirname } from "node:path"
import type { PathOptions } from "../Net.ts"
import type { NetError } from "../WorldError.ts"
import * as NetFault from "./NetFault.ts"

/** What the system has room for (`sun_path`), without the byte that ends it. */
export const pathBytesMax = process.platform === "linux" ? 107 : 103

const advices: Readonly<Record<string, string>> = {
  EACCES: "this user may not make a socket there; change the rights of its directory or give another path",
  ENOENT: "its directory is not there; make it or give another path",
  ENOTDIR: "its directory is none; give another path",
  EROFS: "the file system is read-only; give another path"
}

const unusable = (error: NodeJS.ErrnoException, path: string): NetError =>
  NetFault.make(
    "address-not-available",
    path,
    `${advices[error.code ?? ""] ?? "no socket can be made there; give another path"} (${error.code ?? error.message})`
  )

const inUse = (path: string): NetError =>
  NetFault.make("address-in-use", path, "another process listens there; stop it or give another path")

const bytesOf = (path: string): number => Buffer.byteLength(path)

const tooLong = (path: string): NetError =>
  NetFault.make(
    "address-not-available",
    path,
    `a socket's path may have ${pathBytesMax} bytes, and this one has ${bytesOf(path)}; give a shorter one`
  )

/** What is there; undefined: nothing. Throws what the system says, also that the directory is not there: when a socket is bound Node has that as EACCES. */
const found = (path: string): "socket" | "other" | undefined => {
  fs.statSync(dirname(path))
  const stat = fs.lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return undefined
  return stat.isSocket() ? "socket" : "other"
}

/** Whether somebody listens at the socket there. */
const isServed = (path: string, done: (isServed: boolean) => void): void => {
  const dial = net.connect({ path })
  dial.on("connect", () => {
    dial.destroy()
    done(true)
  })
  // Whoever has no room for more, or lets nobody in, is there.
  dial.on("error", (error: NodeJS.ErrnoException) => done(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"))
}

/** Throws what the system says. */
const bind = (server: net.Server, path: string, { mode }: PathOptions, backlog: number): void => {
  const before = mode === undefined ? undefined : process.umask(0o177)
  try {
    server.listen({ path, backlog, exclusive: true })
  } finally {
    if (before !== undefined) process.umask(before)
  }
}

/** One call of `done`, never from within this one. */
export const listen = (
  server: net.Server,
  path: string,
  options: PathOptions,
  backlog: number,
  done: (error: NetError | undefined) => void
): void => {
  const fail = (error: NetError): void => void setImmediate(() => done(error))
  const begin = (): void => {
    const failed = (error: NodeJS.ErrnoException): void =>
      done(error.code === "EADDRINUSE" ? inUse(path) : unusable(error, path))
    const listening = (): void => {
      server.off("error", failed)
      try {
        if (options.mode !== undefined) fs.chmodSync(path, options.mode)
        done(undefined)
      } catch (error) {
        done(unusable(error as NodeJS.ErrnoException, path))
      }
    }
    server.once("error", failed).once("listening", listening)
    bind(server, path, options, backlog)
  }
  const replace = (): void => {
    try {
      fs.rmSync(path, { force: true })
      begin()
    } catch (error) {
      fail(unusable(error as NodeJS.ErrnoException, path))
    }
  }
  if (process.platform === "win32") {
    return fail(
      NetFault.make("address-not-available", path, "this system has no sockets in the file system; use ports")
    )
  }
  if (bytesOf(path) > pathBytesMax) return fail(tooLong(path))
  try {
    const there = found(path)
    if (there === undefined) return begin()
    if (there === "other") {
      return fail(
        NetFault.make("address-not-available", path, "what is there is no socket; remove it or give another path")
      )
    }
  } catch (error) {
    return fail(unusable(error as NodeJS.ErrnoException, path))
  }
  if (options.replaces === true) return replace()
  isServed(path, (served) => (served ? fail(inUse(path)) : replace()))
}
