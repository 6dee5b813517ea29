/** The beginning of a cluster, cut off anywhere. */
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import * as KeyspaceNode from "./KeyspaceNode.ts"

const second = 1_000_000
const callsMax = 60
const key = new TextEncoder().encode("a")

/** Founds a cluster of one store, or opens it again, and writes and reads a key. */
const founding = (found: (value: Uint8Array | undefined) => void) =>
  Effect.gen(function* () {
    const { keyspace } = yield* KeyspaceNode.open({
      store: 1,
      cluster: "0123456789abcdef0123456789abcdef",
      listen: { host: "n0", port: 7_000 },
      peers: new Map(),
      directory: "store",
      memory: { slabBytes: 4_096 },
      founders: [1],
      halted: () => {}
    })
    const id = yield* keyspace.timestamp()
    const mutations = [{ key, value: key }]
    const reads = { since: id, keys: [], spans: [] }
    yield* keyspace.commitOnce({ txn: { id, anchor: key, age: id }, snapshot: id, mutations, reads })
    const [{ value }] = yield* keyspace.get([key], yield* keyspace.timestamp())
    found(value)
    return yield* Effect.never
  })

it("is over as soon as there is a leader: nobody waits for the next look at what it leads", () => {
  const bench = new TestBench({ machines: 1, seed: "founding" })
  let read: Uint8Array | undefined
  bench.start(
    0,
    founding((value) => {
      read = value
    })
  )
  bench.pass(100_000)
  expect(read).toEqual(key)
})

it("survives the death of the only store at each of its disk calls", () => {
  let deaths = 0
  for (let call = 1; call < callsMax; call++) {
    const bench = new TestBench({ machines: 1, seed: `founding ${call}` })
    const [machine] = bench.machines
    let read: Uint8Array | undefined
    const program = founding((value) => {
      read = value
    })
    machine.faults.losesUnsynced = machine.faults.losesEntries = machine.faults.tearsWrites = true
    machine.faults.killAtCall = call
    bench.start(0, program)
    bench.pass(5 * second)
    if (machine.isUp) machine.crash({ powerLost: true })
    else deaths++
    machine.faults.heal()
    read = undefined
    bench.start(0, program)
    bench.pass(15 * second)
    expect([call, read]).toEqual([call, key])
  }
  expect(deaths).toBeGreaterThan(20)
})
