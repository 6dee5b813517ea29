/**
 * Write-once blobs on every node, under all that can happen to a disk: one intact copy of each is left, and that must be
 * enough. Each key has one value for ever, so a key that was put, or seen, is never absent again.
 */
import * as Effect from "effect/Effect"
import * as KeyValue from "#models/KeyValue.ts"
import { unknown } from "#models/Model.ts"
import * as Linearizability from "#sim/judges/Linearizability.ts"
import type { ClientSpec, Perform, Scenario } from "#sim/run/Scenario.ts"
import * as Archive from "../systems/Archive.ts"
import { contract, valueOf, type Operation } from "./Contract.ts"

const keys = 24

const client = Effect.fnUntraced(function* (spec: ClientSpec) {
  const archive = yield* Archive.client(spec, { retryMicros: 100_000, timeoutMicros: 2_000_000 })
  const perform: Perform<Operation, number | null> = ({ key, type }, done) => {
    if (type === "get") archive.get(key, done)
    else archive.put(key, valueOf(key), done)
  }
  return perform
})

export const scenario: Scenario<Operation, number | null> = {
  name: "archive/write-all",
  summary: "write-once blobs on every node: one intact copy survives rot, lying syncs and wiped disks",
  nodes: { default: 3, min: 1, max: 5 },
  clients: { default: 3, min: 1, max: 4 },
  durationMicros: 10_000_000,
  livenessMicros: 20_000_000,
  versions: 2,
  server: Archive.server,
  workload: {
    gapMicros: 50_000,
    draw: (draw) => ({ type: draw.chance(1, 4) ? "put" : "get", key: draw.below(keys) }),
    client,
    final: () => Array.from({ length: keys }, (_, key) => ({ type: "get", key })),
    label: ({ key, type }) => `${type} ${key}`
  },
  faults: [
    "delay",
    "loss",
    "duplicate",
    "reorder",
    "partition",
    "one-way",
    "clog",
    "slow-link",
    "lose-unsynced",
    "torn-write",
    "lose-directory-entry",
    "misdirect",
    "bit-rot",
    "io-error",
    "disk-full",
    "slow-sync",
    "stuck-sync",
    "lying-sync",
    "skew",
    "drift",
    "step",
    "crash",
    "stop",
    "pause",
    "kill-at-io",
    "wipe",
    "version",
    "config"
  ],
  atlas: { copiesIntactMin: 1, files: (path) => path.startsWith("blobs/") },
  describe: Archive.describe,
  judges: [
    Linearizability.judge({
      name: "linearizability",
      model: KeyValue.make(),
      toOperation: ({ key, type }: Operation, outcome) => ({
        operation: type === "get" ? KeyValue.get(String(key)) : KeyValue.put(String(key), valueOf(key)),
        result: outcome.type === "ok" && type === "get" ? outcome.value : unknown
      })
    }),
    contract
  ]
}
