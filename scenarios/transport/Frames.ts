/**
 * Stores exchange frames on all lanes, whatever becomes of their connections: each comes at most once, whole, and in the order in
 * which those of its lane were sent; and once the network is well, every store reaches every other.
 */
import * as Effect from "effect/Effect"
import { lanes, type Lane } from "#cluster/transport/Lane.ts"
import * as Atlas from "#sim/faults/Atlas.ts"
import type { Judge } from "#sim/run/Judge.ts"
import type { ClientSpec, Perform, Scenario } from "#sim/run/Scenario.ts"
import * as Call from "../systems/Call.ts"
import * as FrameServer from "./FrameServer.ts"
import * as Faults from "../Faults.ts"

/** An echo of all peers of a server. */
export interface Operation {
  readonly lane: Lane
  readonly sizeBytes: number
}

const smallBytesMax = 1_000
const largeBytesMax = 150_000

const client = Effect.fnUntraced(function* (spec: ClientSpec) {
  const caller = yield* Call.make(spec, { retryMicros: 300_000, timeoutMicros: 5_000_000 })
  const perform: Perform<Operation, number> = ({ lane, sizeBytes }, done) => {
    caller.call<number>(
      (writer) => writer.u8(lanes.indexOf(lane)).u32(sizeBytes),
      (body) => body.u32(),
      done
    )
  }
  return perform
})

/** What a receiver has heard last of a sender on a lane. Restarts of either begin nothing anew. */
export const inOrder: Judge<Operation, number> = {
  name: "frames",
  make: () => {
    const newest = new Map<string, { readonly epoch: number; readonly number: number }>()
    return {
      observe: ({ atMicros, fields, name, node }) => {
        if (name !== FrameServer.receivedEvent) return undefined
        const [epoch, number] = [Number(fields["epoch"]), Number(fields["number"])]
        const key = `n${node} from store ${fields["from"]} on ${fields["lane"]}`
        const last = newest.get(key)
        newest.set(key, { epoch, number })
        const frame = `${key}: frame ${number} of epoch ${epoch}`
        if (fields["whole"] !== true) return { detail: `${frame} is not what was sent`, atMicros, node }
        if (last === undefined || epoch > last.epoch || (epoch === last.epoch && number > last.number)) return undefined
        return { detail: `${frame} came behind frame ${last.number} of epoch ${last.epoch}`, atMicros, node }
      }
    }
  }
}

export const scenario: Scenario<Operation, number> = {
  name: "transport/frames",
  summary: "stores exchange frames: each at most once, whole and in the order of its lane, however connections fare",
  nodes: { default: 3, min: 2, max: 5 },
  clients: { default: 3, min: 1, max: 5 },
  durationMicros: 15_000_000,
  livenessMicros: 20_000_000,
  server: FrameServer.server,
  workload: {
    gapMicros: 150_000,
    draw: (draw) => ({
      lane: lanes[draw.below(lanes.length)],
      sizeBytes: draw.chance(1, 30) ? draw.between(smallBytesMax, largeBytesMax) : draw.between(0, smallBytesMax)
    }),
    client,
    final: () => lanes.map((lane) => ({ lane, sizeBytes: smallBytesMax })),
    label: ({ lane, sizeBytes }) => `echo of all, ${sizeBytes} bytes on ${lane}`
  },
  faults: [...Faults.network, ...Faults.clock, "crash", "stop", "pause"],
  atlas: Atlas.nothing,
  options: { creditBytes: [4_194_304, 2_000], writeBytes: [262_144, 600] },
  judges: [inOrder]
}
