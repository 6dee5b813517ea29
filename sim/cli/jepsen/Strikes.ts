/**
 * Strikes: the faults of a run on real processes, drawn from its seed. The same seed gives the same strikes at the same times of the run; what they
 * meet there is the machine's affair.
 *
 * They come as people know them from operation: some seconds of calm, then one fault, or two that meet; sometimes shorter than anybody notices,
 * sometimes longer than any lease. Most are aimed at the node that has most of the data, whichever that is by then.
 */
import type { Fault, Kind } from "#sim/faults/Fault.ts"
import { definitions } from "#sim/faults/Fault.ts"
import { Draw } from "#sim/kernel/Draw.ts"
import { prngOf } from "#sim/kernel/Stream.ts"

export interface Strike extends Fault {
  /** The first of its nodes is the owner of the data when it strikes; the one that is drawn changes places with it. */
  readonly isAtOwner: boolean
}

const millis = 1_000
const seconds = 1_000_000

interface Drawn {
  readonly forMicros?: number
  readonly amount?: number
  /** How many nodes are struck. */
  readonly nodes?: number
}

/** Unnoticed, noticed, and longer than leases of 5 seconds. */
const aWhile = (draw: Draw): number => draw.between(100 * millis, draw.pick([seconds, 3 * seconds, 8 * seconds]))
const downtime = (draw: Draw): number => draw.between(10 * millis, draw.pick([200 * millis, seconds, 5 * seconds]))

/** What can be done to processes, by the simulator's names. */
const drawKind: Readonly<Partial<Record<Kind, (draw: Draw, nodes: number) => Drawn>>> = {
  crash: (draw) => ({ forMicros: downtime(draw) }),
  stop: (draw) => ({ forMicros: downtime(draw) }),
  pause: (draw) => ({ forMicros: aWhile(draw) }),
  partition: (draw, nodes) => ({
    forMicros: aWhile(draw),
    amount: draw.below(2),
    nodes: draw.chance(2, 3) ? 1 : draw.between(1, Math.max(1, nodes - 1))
  }),
  partial: (draw) => ({ forMicros: aWhile(draw), nodes: 2 }),
  "one-way": (draw) => ({ forMicros: aWhile(draw), nodes: draw.between(1, 2) }),
  delay: (draw) => ({ forMicros: aWhile(draw), amount: draw.between(millis, draw.pick([20, 200, 1_000]) * millis) }),
  "half-open": (draw) => ({ forMicros: aWhile(draw) }),
  reset: () => ({}),
  "disk-full": (draw) => ({ forMicros: aWhile(draw) }),
  step: (draw) => ({ amount: draw.between(1, draw.pick([1, 10, 3_600]) * seconds) * (draw.chance(1, 2) ? 1 : -1) })
}

export const kinds = Object.keys(drawKind) as ReadonlyArray<Kind>

/** What is drawn when nobody names any: whatever needs nothing of the machine but processes and loopback. */
export const usual: ReadonlyArray<Kind> = kinds.filter(
  (kind) => kind === "reset" || ["process", "network"].includes(definitions[kind].group)
)

const calmMicrosMin = seconds
const calmMicrosMax = 5 * seconds
/** Two faults that meet do so within this. */
const meetMicros = 300 * millis
/** The cluster forms, and clients have written something, before anything is done to it. */
const firstMicros = 2 * seconds

export interface Shape {
  readonly seed: string
  readonly nodes: number
  readonly durationMicros: number
  readonly kinds: ReadonlyArray<Kind>
}

const drawOne = (draw: Draw, { nodes }: Shape, kind: Kind, atMicros: number, untilMicros: number): Strike => {
  const drawn = drawKind[kind]!(draw, nodes)
  const all = Array.from({ length: nodes }, (_, node) => node)
  return {
    kind,
    atMicros,
    forMicros: Math.min(drawn.forMicros ?? 0, untilMicros - atMicros),
    nodes: draw.sample(all, drawn.nodes ?? 1),
    amount: drawn.amount ?? 0,
    isAtOwner: draw.chance(2, 3)
  }
}

/** Sorted by time; all are over by the end of the safety phase, and each kind strikes once before any strikes twice, as far as there is time. */
export const draw = (shape: Shape): ReadonlyArray<Strike> => {
  const source = new Draw(prngOf(shape.seed, "jepsen/strikes"))
  const possible = shape.kinds.filter((kind) => kind !== "partial" || shape.nodes > 1)
  if (possible.length === 0) return []
  const strikes: Array<Strike> = []
  let waiting: Array<Kind> = []
  const next = (atMicros: number): Strike => {
    if (waiting.length === 0) waiting = source.sample(possible, possible.length)
    return drawOne(source, shape, waiting.pop()!, atMicros, shape.durationMicros)
  }
  let at = Math.min(firstMicros, Math.floor(shape.durationMicros / 4))
  while (at < shape.durationMicros) {
    const first = next(at)
    strikes.push(first)
    let end = at + first.forMicros
    const meeting = at + source.below(meetMicros)
    if (source.chance(1, 4) && meeting < shape.durationMicros) {
      const second = next(meeting)
      strikes.push(second)
      end = Math.max(end, meeting + second.forMicros)
    }
    at = end + source.between(calmMicrosMin, calmMicrosMax)
  }
  return strikes
}

/** The nodes that a strike hits, now that it is known who owns the data. */
export const aim = ({ isAtOwner, nodes }: Strike, owner: number | undefined): ReadonlyArray<number> => {
  if (!isAtOwner || owner === undefined || nodes[0] === owner) return nodes
  return [owner, ...nodes.slice(1).map((node) => (node === owner ? nodes[0] : node))]
}
