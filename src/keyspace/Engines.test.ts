/** Ranges on every engine, when power fails: those that have files of their own lose what they buffer, and the groups' logs stay. */
import { expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import { Cluster, second } from "./TestCluster.ts"

it.each(["memory", "lsm", "btree"] as const)(
  "a range that was just cut off has what it was cut off with, on the engine %s",
  (engine) => {
    const bench = new TestBench({ machines: 1 })
    const [{ faults }] = bench.machines
    faults.losesUnsynced = faults.losesEntries = true
    const cluster = new Cluster(bench, 1, { engine })
    for (const name of ["a", "b", "c", "d"]) cluster.put(0, name, "1")
    cluster.split("c")
    cluster.crash(0)
    cluster.start(0)
    bench.pass(10 * second)
    expect(cluster.ranges(0)).toEqual([1, 2, 3])
    expect(cluster.scan(0)).toBe("a=1 b=1 c=1 d=1")
    cluster.put(0, "c", "2")
    expect(cluster.scan(0)).toBe("a=1 b=1 c=2 d=1")
  }
)
