/** ThisMachine: what Redis's INFO and SHUTDOWN want of this process. */
import { randomBytes } from "node:crypto"
import * as os from "node:os"
import { getHeapStatistics } from "node:v8"
import type { Machine } from "#protocols/resp/Machine.ts"

export const machine: Omit<Machine, "port" | "directory" | "save"> = {
  processId: process.pid,
  operatingSystem: `${os.type()} ${os.release()} ${os.machine()}`,
  runId: randomBytes(20).toString("hex"),
  memoryBytes: os.totalmem(),
  heapBytesMax: getHeapStatistics().heap_size_limit,
  usage: () => {
    const { external, heapUsed } = process.memoryUsage()
    const { system, user } = process.cpuUsage()
    const residentBytes = process.memoryUsage.rss()
    return { usedBytes: heapUsed + external, residentBytes, userMicros: user, systemMicros: system }
  },
  // As whoever runs it would: it drains.
  shutdown: () => void process.kill(process.pid, "SIGTERM")
}
