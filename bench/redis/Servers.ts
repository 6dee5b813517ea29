/**
 * Servers: Debian's redis-server and Orbit as processes of their own, each alone on core 0, with their data in a directory that goes with them.
 * `syncs`: every reply is on disk (appendfsync always; durability local); else memory answers and the disk follows within a second.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

export type Name = "redis" | "orbit"

export interface Server {
  readonly name: Name
  readonly port: number
  /** What the process has of the machine's memory now. */
  readonly residentBytes: () => number
  /** What it has used of its core so far, all threads together. */
  readonly cpuMicros: () => number
  readonly stop: () => Promise<void>
}

export interface Options {
  readonly syncs: boolean
  readonly directory: string
}

const serverCore = "0"
const ports: Readonly<Record<Name, number>> = { redis: 17_390, orbit: 17_391 }
const startMillisMax = 30_000
const stopMillisMax = 15_000
const main = fileURLToPath(new URL("../../src/server/main.ts", import.meta.url))

/** Arguments of `taskset`, behind the core. */
const commandOf = (name: Name, data: string, syncs: boolean): ReadonlyArray<string> => {
  const port = String(ports[name])
  if (name === "redis") {
    const durability = syncs ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"]
    return ["redis-server", "--port", port, "--dir", data, "--save", "", ...durability]
  }
  const durability = syncs ? "local" : "async"
  return [
    process.execPath,
    "--max-semi-space-size=32",
    main,
    "--port",
    port,
    "--dir",
    data,
    "--durability",
    durability,
    "--admin-port",
    "0"
  ]
}

/** Resolves when it says that it accepts connections. */
const ready = (child: ChildProcess, name: Name): Promise<void> =>
  new Promise((resolve, reject) => {
    let said = ""
    const fail = (why: string): void => reject(new Error(`${name} ${why}: ${said.slice(-500)}`))
    const timer = setTimeout(() => fail("does not start"), startMillisMax)
    child.once("error", (error) => fail(`is not there (${error.message})`))
    child.once("exit", () => fail("ended"))
    child.stdout?.on("data", (bytes) => {
      said += String(bytes)
      if (!said.includes("eady to accept connections")) return
      clearTimeout(timer)
      said = ""
      resolve()
    })
  })

/** Memory of a process, from its own page of `/proc`. */
const residentOf = (pid: number): number =>
  1_024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0)

/** Ticks of a hundredth of a second, in user and in system mode. */
const cpuOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** With the directory of each. */
const running = new Map<ChildProcess, string>()
process.on("exit", () => {
  for (const [child, data] of running) {
    child.kill("SIGKILL")
    rmSync(data, { recursive: true, force: true })
  }
})
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))

export const start = async (name: Name, { directory, syncs }: Options): Promise<Server> => {
  const data = mkdtempSync(join(directory, `orbit-bench-${name}-`))
  const [command, ...rest] = commandOf(name, data, syncs)
  // `taskset` becomes the server: its process is the server's.
  const child = spawn("taskset", ["-c", serverCore, command, ...rest], { stdio: ["ignore", "pipe", "ignore"] })
  running.set(child, data)
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  void gone.then(() => running.delete(child))
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM")
      const timer = setTimeout(() => child.kill("SIGKILL"), stopMillisMax)
      await gone
      clearTimeout(timer)
    }
    rmSync(data, { recursive: true, force: true })
  }
  try {
    await ready(child, name)
  } catch (error) {
    await stop()
    throw error
  }
  const pid = child.pid!
  return { name, port: ports[name], residentBytes: () => residentOf(pid), cpuMicros: () => cpuOf(pid), stop }
}
