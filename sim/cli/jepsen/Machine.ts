/**
 * Machine: what faults need of the machine besides processes: a small disk for each node's data, which can be filled, and clocks that can be set. Both
 * may be missing; then `prepare` says so before anything runs.
 *
 * - Full disks: a tmpfs a node, which takes the right to mount. Filling is a file that takes all that is left.
 * - Clocks: libfaketime, from the file that it reads again at each look; clocks that only count up stay as they are.
 */
import { spawnSync } from "node:child_process"
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import type { Kind } from "#sim/faults/Fault.ts"
import { UsageError } from "../CliError.ts"
import { dataOf } from "./Cluster.ts"

const diskMegabytes = 256
const filler = "filler"
const fillerBytes = 65_536
const libraries = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
  "/usr/lib/faketime/libfaketimeMT.so.1"
]

export class Machine {
  private readonly directory: string
  private readonly mounted: Array<string> = []
  private readonly library: string | undefined
  private readonly offsets: Array<number> = []

  constructor(directory: string, library: string | undefined) {
    this.directory = directory
    this.library = library
  }

  private clockOf(node: number): string {
    return join(this.directory, `node-${node}.clock`)
  }

  mount(node: number): boolean {
    const folder = dataOf(this.directory, node)
    mkdirSync(folder, { recursive: true })
    const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${diskMegabytes}m`, "tmpfs", folder])
    if (status === 0) this.mounted.push(folder)
    return status === 0
  }

  /** For the node's process. */
  environment(node: number): Readonly<Record<string, string>> {
    if (this.library === undefined) return {}
    this.step(node, 0)
    return {
      LD_PRELOAD: this.library,
      FAKETIME_TIMESTAMP_FILE: this.clockOf(node),
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1"
    }
  }

  /** The node's wall clock jumps. */
  step(node: number, byMicros: number): void {
    const offset = (this.offsets[node] ?? 0) + byMicros
    this.offsets[node] = offset
    writeFileSync(this.clockOf(node), `${offset < 0 ? "-" : "+"}${Math.abs(offset) / 1_000_000}\n`)
  }

  /** No space is left on the node's disk, until the returned function is called. */
  fill(node: number): () => void {
    const file = join(dataOf(this.directory, node), filler)
    const handle = openSync(file, "a")
    const piece = Buffer.alloc(fillerBytes)
    try {
      for (let written = 0; written < diskMegabytes * 1_048_576;) written += writeSync(handle, piece)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error
    } finally {
      closeSync(handle)
    }
    return () => rmSync(file, { force: true })
  }

  close(): void {
    for (const folder of this.mounted.splice(0)) spawnSync("umount", ["--lazy", folder])
  }
}

/** Refuses faults that this machine does not allow. */
export const prepare = (directory: string, nodes: number, kinds: ReadonlyArray<Kind>): Machine => {
  const library = libraries.find((file) => existsSync(file))
  if (kinds.includes("step") && library === undefined) {
    throw new UsageError({ message: "--faults step: needs libfaketime, from the package of that name." })
  }
  const machine = new Machine(directory, kinds.includes("step") ? library : undefined)
  for (let node = 0; node < nodes && kinds.includes("disk-full"); node++) {
    if (machine.mount(node)) continue
    machine.close()
    throw new UsageError({ message: "--faults disk-full: this machine does not let us mount a small disk." })
  }
  return machine
}
