/**
 * RealRedis: Debian's redis-server as a process of this one's, on a socket in a directory of its own, without files of its own; ended and
 * swept away at the end. Says clearly where there is none.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** redis-server is not there or does not start. */
export class Absent extends Error {}

export interface Server {
  readonly address: string
  readonly stop: () => Promise<void>
}

const startMillisMax = 10_000

const ready = (child: ChildProcess): Promise<void> =>
  new Promise((resolve, reject) => {
    let said = ""
    const timer = setTimeout(() => reject(new Absent(`redis-server did not start: ${said}`)), startMillisMax)
    child.once("error", (error) => reject(new Absent(`redis-server is not there (${error.message})`)))
    child.once("exit", () => reject(new Absent(`redis-server ended: ${said}`)))
    child.stdout?.on("data", (bytes) => {
      said += String(bytes)
      if (!said.includes("eady to accept connections")) return
      clearTimeout(timer)
      resolve()
    })
  })

export const start = async (flags: ReadonlyArray<string> = []): Promise<Server> => {
  const directory = mkdtempSync(join(tmpdir(), "orbit-redis-"))
  const address = join(directory, "socket")
  const child = spawn(
    "redis-server",
    [
      "--port",
      "0",
      "--unixsocket",
      address,
      "--dir",
      directory,
      "--save",
      "",
      "--enable-debug-command",
      "yes",
      ...flags
    ],
    { stdio: ["ignore", "pipe", "inherit"] }
  )
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      child.kill("SIGKILL")
      await gone
    }
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await ready(child)
  } catch (error) {
    await stop()
    throw error
  }
  return { address, stop }
}
