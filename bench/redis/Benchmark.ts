/** Benchmark: one run of Debian's redis-benchmark on core 1, and what it has measured. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import type { Server } from "./Servers.ts"

const run = promisify(execFile)

export interface Load {
  /** As the table names it. */
  readonly name: string
  /** What redis-benchmark is told to run: one of its own tests, or a command. */
  readonly test: string | ReadonlyArray<string>
  /** What has to be there before: a test of its own that is run first, not counted. */
  readonly before?: string
}

export interface Measured {
  readonly operationsPerSecond: number
  readonly p50Millis: number
  readonly p99Millis: number
  /** Of the server, a command: what the machine does beside has little part in it. */
  readonly cpuMicros: number
}

export interface Shape {
  readonly server: Server
  readonly pipeline: number
  readonly requests: number
}

const clientCore = "1"
const clients = 50
const valueBytes = 64
const keys = 100_000
const runMillisMax = 300_000

/** Tests that first push as many items as they then ask for. */
const preparesLists = new Set(["LRANGE_100"])

const fields = /"([^"]*)"/g

const flagsOf = ({ pipeline, requests, server }: Shape): ReadonlyArray<string> =>
  ["-p", server.port, "-c", clients, "-n", requests, "-P", pipeline, "-d", valueBytes, "-r", keys].map(String)

const started = async (flags: ReadonlyArray<string>): Promise<string> => {
  const { stdout } = await run("taskset", ["-c", clientCore, "redis-benchmark", ...flags], { timeout: runMillisMax })
  return stdout
}

export const measure = async ({ before, name, test }: Load, shape: Shape): Promise<Measured> => {
  const flags = flagsOf(shape)
  if (before !== undefined) await started([...flags, "-q", "-t", before])
  const usedMicros = shape.server.cpuMicros()
  const stdout = await started([...flags, "--csv", ...(typeof test === "string" ? ["-t", test] : test)])
  // Behind the heading; a test that needs a list has the row of its preparation first.
  const row = stdout.trim().split("\n").slice(1).at(-1) ?? ""
  const [, rate, , , p50, , p99] = [...row.matchAll(fields)].map(([, text]) => text)
  const cpuMicros = (shape.server.cpuMicros() - usedMicros) / (shape.requests * (preparesLists.has(name) ? 2 : 1))
  const measured = { operationsPerSecond: Number(rate), p50Millis: Number(p50), p99Millis: Number(p99), cpuMicros }
  if (!(measured.operationsPerSecond > 0)) throw new Error(`redis-benchmark says of ${name}: ${stdout.slice(0, 300)}`)
  return measured
}

/** Empties the server. */
export const flush = async (port: number): Promise<void> => {
  await run("redis-cli", ["-p", String(port), "flushall"], { timeout: runMillisMax })
}

/** Names that many keys, each with a value of a few bytes. */
export const fill = async (port: number, count: number): Promise<void> => {
  const text = Array.from({ length: 10_000 }, (_, at) => `key:__BASE__:${at}`)
  for (let base = 0; base < count / text.length; base++) {
    const pairs = text.flatMap((name) => [name.replace("__BASE__", String(base)), "value-of-16-byte"])
    await run("redis-cli", ["-p", String(port), "mset", ...pairs], { timeout: runMillisMax, maxBuffer: 1_048_576 })
  }
}

export const loads: ReadonlyArray<Load> = [
  { name: "GET", test: "get", before: "set" },
  { name: "SET", test: "set" },
  { name: "INCR", test: "incr" },
  { name: "LPUSH", test: "lpush" },
  { name: "RPOP", test: "rpop", before: "lpush" },
  { name: "SADD", test: "sadd" },
  { name: "HSET", test: "hset" },
  { name: "ZADD", test: "zadd" },
  { name: "XADD", test: ["XADD", "stream", "*", "field", "__rand_int__"] },
  { name: "MSET", test: "mset" },
  { name: "LRANGE_100", test: "lrange_100" }
]
