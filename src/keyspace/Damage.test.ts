/** Ranges on disks that rot: what is damaged is not answered, its store leaves where others have everything, and stays away. */
import { describe, expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import { Cluster, key, second } from "./TestCluster.ts"

/** All is small, so that most is in tables, and read from there. */
const lsm = {
  memoryBytesMax: 100_000,
  memtableBytes: 1_000,
  cacheBytes: 1_000,
  blockBytes: 300,
  tableBytes: 1_000,
  level0Tables: 8,
  level1Bytes: 1_000_000,
  manifestBytesMax: 10_000
}
const text = new TextDecoder()
const names = Array.from({ length: 60 }, (_, number) => `k${String(number).padStart(2, "0")}`)
const everything = names.map((name) => `${name}=v`).join(" ")

/** A cluster with tables, and what its stores said when they ended. */
const make = (machines: number): { bench: TestBench; cluster: Cluster; ends: Array<string> } => {
  const bench = new TestBench({ machines, atlas: { copiesIntactMin: 0, files: (path) => path.endsWith(".table") } })
  const ends: Array<string> = []
  const cluster = new Cluster(bench, machines, { engine: "lsm", lsm, halted: (message) => ends.push(message) })
  for (const name of names) cluster.put(0, name, "v")
  bench.pass(5 * second)
  return { bench, cluster, ends }
}

/** Of the tables; where there are many bits, there is hardly a block without one. */
const rot = (bench: TestBench, index: number, bits: number): void => {
  for (let left = bits; left > 0;) if (bench.machines[index].disk.rot() !== undefined) left--
}

describe("a store whose tables are damaged", () => {
  it("answers nothing wrong, leaves its ranges to the others, and is not opened again until somebody has looked", () => {
    const { bench, cluster, ends } = make(3)
    const damaged = cluster.leaseholder(2)
    const other = (damaged + 1) % 3
    rot(bench, damaged, 500)
    expect(cluster.scan(other)).toBe(everything)
    expect(ends.length).toBe(1)
    expect(ends[0]).toContain("the store's consensus has stopped")
    cluster.crash(damaged)
    expect(cluster.scan(other)).toBe(everything)
    cluster.start(damaged)
    bench.pass(second)
    expect(bench.notes.at(-1)).toMatchObject({ machine: damaged, what: "exited" })
    expect(bench.notes.at(-1)!.error).toContain("damage was found in this store")
    expect(cluster.put(other, "k00", "w")).toBeGreaterThan(0)
  })

  it("that has something alone stays, and answers what it can read", () => {
    const { bench, cluster, ends } = make(1)
    const at = cluster.on(0, 1, ({ keyspace }) => keyspace.timestamp())
    rot(bench, 0, 20)
    const answers = new Map<string, number>()
    for (const name of names) {
      const request = { type: "get" as const, at, keys: [key(name)] }
      cluster.nodes[0]!.ranges.submit({ range: 2, timeoutMicros: second, waiter: undefined, request }, (error, got) => {
        const value = got?.type === "values" ? got.values[0].value : undefined
        const answer = error?._tag ?? (value !== undefined && text.decode(value) === "v" ? "right" : "wrong")
        answers.set(answer, (answers.get(answer) ?? 0) + 1)
      })
    }
    bench.pass(2 * second)
    expect([...answers.keys()].sort()).toEqual(["Unavailable", "right"])
    expect(ends).toEqual([])
  })
})
