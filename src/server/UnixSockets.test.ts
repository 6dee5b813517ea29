/** The server's process at sockets of the file system: Redis's `unixsocket`, and the administrator's own. */
import type { ChildProcess } from "node:child_process"
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Redis } from "ioredis"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { freePort, serve } from "./cli/TestServer.ts"

const parent = mkdtempSync(join(tmpdir(), "orbit-sockets-"))
const timeoutMillis = 60_000
const children = new Set<ChildProcess>()

afterEach(() => {
  for (const child of children) child.kill("SIGKILL")
  children.clear()
})
afterAll(() => rmSync(parent, { recursive: true, force: true }))

const start = async (name: string, port: number, ...more: ReadonlyArray<string>): Promise<ChildProcess> => {
  const child = await serve(join(parent, name), port, ...more)
  children.add(child)
  return child
}

const ended = (child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> =>
  new Promise((resolve) => {
    child.once("close", (code) => resolve(code))
    child.kill(signal)
  })

/** One command, and its reply or error as text. */
const ask = async (path: string, command: string, ...values: ReadonlyArray<string>): Promise<string> => {
  const redis = new Redis({ path, retryStrategy: () => null })
  redis.on("error", () => {})
  try {
    return String(await redis.call(command, ...values))
  } catch (error) {
    return (error as Error).message
  } finally {
    redis.disconnect()
  }
}

const rightsOf = (path: string): number => statSync(path).mode & 0o777

describe("sockets of the file system", { timeout: timeoutMillis }, () => {
  it("let the administrator in without a password, for the files' owner alone, and are gone when the node is", async () => {
    const path = join(parent, "admin", "admin.sock")
    const port = await freePort()
    const flags = ["--requirepass", "secret", "--maxclients", "1"]
    const child = await start("admin", port, ...flags)
    expect(rightsOf(path)).toBe(0o600)
    const only = new Redis({ port, password: "secret" })
    expect(await only.set("k", "v")).toBe("OK")
    expect(await ask(path, "GET", "k")).toBe("v")
    expect(await ask(path, "ACL", "WHOAMI")).toBe("administrator")
    only.disconnect()
    // What a killed process leaves does not keep the next one from its place.
    await ended(child, "SIGKILL")
    expect(existsSync(path)).toBe(true)
    const next = await start("admin", port, ...flags)
    expect(await ask(path, "GET", "k")).toBe("v")
    expect(await ended(next, "SIGTERM")).toBe(0)
    expect(existsSync(path)).toBe(false)
  })

  it("serve clients by unixsocket alone, who need a password as everywhere", async () => {
    const path = join(parent, "clients", "redis.sock")
    const flags = ["--unixsocket", "redis.sock", "--unixsocketperm", "770", "--requirepass", "secret"]
    await start("clients", 0, ...flags, "--admin-socket", "own.sock")
    expect([rightsOf(path), rightsOf(join(parent, "clients", "own.sock"))]).toEqual([0o770, 0o600])
    expect(await ask(path, "GET", "k")).toMatch(/^NOAUTH/)
    const redis = new Redis({ path, password: "secret" })
    expect(await redis.set("k", "x".repeat(1_000_000))).toBe("OK")
    expect((await redis.get("k"))!.length).toBe(1_000_000)
    expect(await redis.config("GET", "unixsocket*")).toEqual(["unixsocket", "redis.sock", "unixsocketperm", "770"])
    expect(await redis.client("LIST")).toContain(`addr=${path}:0`)
    redis.disconnect()
  })

  it("are told what to do where there can be none, unless nobody asked for one", async () => {
    const deep = join("deep", "x".repeat(120))
    await expect(start(deep, 0, "--unixsocket", "redis.sock")).rejects.toThrow("it ended")
    await expect(start(deep, await freePort(), "--admin-socket", "boss.sock")).rejects.toThrow("it ended")
    const port = await freePort()
    await start(deep, port)
    const redis = new Redis({ port })
    expect(await redis.ping()).toBe("PONG")
    redis.disconnect()
  })
})
