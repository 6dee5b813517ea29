/** Listeners at paths of the file system, through RealNet. */
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type * as Net from "../Net.ts"
import type { NetError } from "../WorldError.ts"
import { RealNet } from "./RealNet.ts"
import { RealTimers } from "./RealTimers.ts"
import * as SocketFile from "./SocketFile.ts"

let directory: string
let path: string
let timers: RealTimers
let net: RealNet
const children = new Set<ChildProcess>()

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), "orbit-socket-"))
  path = join(directory, "socket")
  timers = new RealTimers()
  net = new RealNet({ timers, trace: { emit: () => {}, mark: () => {} } })
})
afterEach(() => {
  net.close()
  timers.close()
  for (const child of children) child.kill("SIGKILL")
  children.clear()
  fs.rmSync(directory, { recursive: true })
})

const latin1 = new TextDecoder("latin1")
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Says again what it hears, and who it is that says it. */
const echo = (connection: Net.Connection): Net.StreamSink => ({
  opened: () => {},
  data: (chunk) => void connection.write(chunk.slice()),
  drained: () => {},
  ended: () => connection.end(),
  closed: () => {}
})

const listen = (options: Net.ListenOptions = {}, accept = echo, on = net): Promise<Net.Closable> =>
  new Promise((resolve, reject) => {
    on.listen(
      { host: path, port: 0 },
      accept,
      (error, listener) => (error === undefined ? resolve(listener!) : reject(error)),
      options
    )
  })

/** What comes back of `text`, and how the connection ended. */
const said = (text: string): Promise<{ readonly heard: string; readonly error: NetError | undefined }> =>
  new Promise((resolve) => {
    let heard = ""
    const connection = net.dial(
      { host: path, port: 0 },
      {
        opened: () => {},
        data: (chunk) => {
          heard += latin1.decode(chunk)
          if (heard.length === text.length) connection.end()
        },
        drained: () => {},
        ended: () => {},
        closed: (error) => resolve({ heard, error })
      }
    )
    connection.write(bytes(text))
  })

const rightsOf = (): number => fs.statSync(path).mode & 0o777

/** A process that listens at the path until it is killed, which leaves the socket there. */
const other = (): Promise<ChildProcess> =>
  new Promise((resolve) => {
    const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => console.log("listens"))`
    const child = spawn(process.execPath, ["-e", script])
    children.add(child)
    child.stdout.once("data", () => resolve(child))
  })

const killed = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    child.once("close", () => resolve())
    child.kill("SIGKILL")
  })

describe("a listener at a path", () => {
  it.each([false, true])("carries bytes both ways; it lends its reads: %s", async (lendsReads) => {
    const ends: Array<Net.Address> = []
    await listen({ lendsReads }, (connection) => {
      ends.push(connection.remote, connection.local)
      return echo(connection)
    })
    const text = "a".repeat(300_000)
    expect(await said(text)).toEqual({ heard: text, error: undefined })
    expect(ends).toEqual([
      { host: path, port: 0 },
      { host: path, port: 0 }
    ])
  })

  it("has the rights that were asked for, whatever the process makes files with", async () => {
    const before = process.umask(0o000)
    try {
      await listen({ path: { mode: 0o600 } })
      expect(rightsOf()).toBe(0o600)
    } finally {
      expect(process.umask(before)).toBe(0o000)
    }
  })

  it("may have wider rights than the process makes files with", async () => {
    const before = process.umask(0o077)
    await listen({ path: { mode: 0o777 } })
    process.umask(before)
    expect(rightsOf()).toBe(0o777)
  })

  it("is gone from there when it closes, and another may listen", async () => {
    const listener = await listen()
    listener.close()
    await expect.poll(() => fs.existsSync(path)).toBe(false)
    await listen()
  })

  it("takes the place of a socket that a killed process has left, and of no other", async () => {
    const child = await other()
    await expect(listen()).rejects.toMatchObject({ code: "address-in-use" })
    await killed(child)
    expect(fs.existsSync(path)).toBe(true)
    await listen()
    expect((await said("hello")).heard).toBe("hello")
  })

  it("takes it from whoever listens there, where it is told to", async () => {
    await other()
    await listen({ path: { replaces: true } })
    expect((await said("hello")).heard).toBe("hello")
  })

  it.each([false, true])("leaves alone what is no socket; it replaces sockets: %s", async (replaces) => {
    fs.writeFileSync(path, "precious")
    await expect(listen({ path: { replaces } })).rejects.toThrow(
      "what is there is no socket; remove it or give another"
    )
    expect(fs.readFileSync(path, "utf8")).toBe("precious")
  })

  it("says what to do where there can be none", async () => {
    path = join(directory, "none", "socket")
    await expect(listen()).rejects.toThrow("its directory is not there; make it or give another path (ENOENT)")
    path = join(directory, "x".repeat(SocketFile.pathBytesMax - directory.length))
    await expect(listen()).rejects.toThrow(`a socket's path may have ${SocketFile.pathBytesMax} bytes`)
    path = path.slice(0, -1)
    await listen()
    expect((await said("hello")).heard).toBe("hello")
  })

  it("breaks connections off, and whoever dials where nobody listens is told", async () => {
    const listener = await listen({}, (connection) => {
      connection.reset()
      return echo(connection)
    })
    expect((await said("hello")).heard).toBe("")
    listener.close()
    expect((await said("hello")).error?.code).toBeDefined()
  })
})
