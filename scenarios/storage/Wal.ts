/** The log by itself: streams that are appended to, cut at both ends and read, under all that can happen to a disk. */
import * as Effect from "effect/Effect"
import * as AppendLog from "#models/AppendLog.ts"
import * as Keyed from "#models/Keyed.ts"
import { unknown } from "#models/Model.ts"
import * as Linearizability from "#sim/judges/Linearizability.ts"
import type { ClientSpec, Perform, Scenario } from "#sim/run/Scenario.ts"
import type { Draw } from "#sim/kernel/Draw.ts"
import type { OptionValue } from "#sim/run/Plan.ts"
import * as Faults from "../Faults.ts"
import * as Call from "../systems/Call.ts"
import * as LogServer from "./LogServer.ts"

type Operation = LogServer.Operation

const client = Effect.fnUntraced(function* (spec: ClientSpec) {
  const caller = yield* Call.make(spec, { retryMicros: 100_000, timeoutMicros: 10_000_000 })
  const perform: Perform<Operation, string> = (operation, done) => {
    caller.call<string>(
      (writer) => LogServer.writeOperation(writer, operation),
      (body) => body.text(),
      done
    )
  }
  return perform
})

const drawOperation = (draw: Draw, at: { readonly client: number; readonly index: number }): Operation => {
  const stream = draw.below(LogServer.streams)
  const coin = draw.below(20)
  if (coin < 6) return { type: "read", stream }
  if (coin < 8) return { type: "rot", where: draw.below(1_000_000) }
  return {
    type: "append",
    stream,
    value: at.index * 8 + at.client + 1,
    sizeBytes: draw.pick([0, 0, 10, 300, 600, 3_000]),
    durability: draw.chance(1, 2) ? "synced" : "buffered",
    ...(coin === 8 && { keep: draw.below(6) }),
    ...(coin === 9 && { drop: draw.below(4) })
  }
}

const modelOf = (operation: Exclude<Operation, { readonly type: "rot" }>): AppendLog.Operation => {
  if (operation.type === "read") return operation
  const { drop, keep, value } = operation
  if (drop !== undefined) return { type: "cut-tail", drop, value }
  return keep === undefined ? { type: "append", value } : { type: "cut-head", keep, value }
}

/** The log's options, of the run's. */
const optionsOf = (options: Readonly<Record<string, OptionValue>>) => ({
  segmentBytesMax: Number(options.segmentBytesMax),
  groupBytesMax: Number(options.groupBytesMax),
  bufferedBytesMax: Number(options.bufferedBytesMax),
  aheadBytes: Number(options.aheadBytes),
  idleMicros: Number(options.idleMicros),
  carryAboveBytes: Number(options.carryAboveBytes)
})

export const scenario: Scenario<Operation, string> = {
  name: "storage/wal",
  summary:
    "streams of one log: what was acknowledged stays in its place, and a damaged record is never taken for the end",
  nodes: { default: 1, min: 1, max: 1 },
  clients: { default: 3, min: 1, max: 5 },
  durationMicros: 6_000_000,
  livenessMicros: 15_000_000,
  server: (spec) => LogServer.server(spec, optionsOf(spec.options)),
  options: {
    segmentBytesMax: [10_000, 1_024, 100_000],
    groupBytesMax: [100_000, 1, 1_000],
    bufferedBytesMax: [1_000, 1, 100_000],
    aheadBytes: [4_096, 0, 700],
    idleMicros: [1_000, 1, 5_000],
    carryAboveBytes: [4_000, 1, 1_048_576]
  },
  workload: {
    gapMicros: 20_000,
    draw: drawOperation,
    client,
    final: () => Array.from({ length: LogServer.streams }, (_, stream) => ({ type: "read", stream })),
    label: (operation) => `${operation.type} ${JSON.stringify(operation)}`
  },
  faults: [
    ...Faults.datagrams,
    ...Faults.powerLoss,
    "io-error",
    "disk-full",
    "slow-sync",
    "stuck-sync",
    "drift",
    "step",
    "crash",
    "stop",
    "pause",
    "kill-at-io",
    "config"
  ],
  atlas: { copiesIntactMin: 1 },
  judges: [
    Linearizability.judge({
      name: "linearizability",
      model: Keyed.make(AppendLog.make()),
      // Where many outcomes are unknown, the search has no end.
      configurationsMax: 1_000_000,
      toOperation: (operation: Operation, outcome) =>
        operation.type === "rot"
          ? undefined
          : {
              operation: { key: operation.stream, operation: modelOf(operation) },
              result: outcome.type === "ok" && operation.type === "read" ? outcome.value : unknown
            }
    })
  ]
}
