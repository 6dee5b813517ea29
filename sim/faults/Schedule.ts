/**
 * Schedule: draws the faults of a run. The swarm (Groce et al., "Swarm Testing", ISSTA 2012) leaves out each kind in half
 * of the runs, because a run with everything on hides what a run with little finds.
 */
import type { Draw } from "#sim/kernel/Draw.ts"
import { driftPpmMax, type Fault, type Kind } from "./Fault.ts"

export interface Shape {
  readonly nodes: number
  readonly durationMicros: number
  readonly versions: number
}

const millis = 1_000
const seconds = 1_000_000

/** What a kind needs besides its time: how long, on whom, how much. Absent `forMicros`: over at once. */
interface Drawn {
  readonly forMicros?: number
  readonly nodes?: ReadonlyArray<number>
  readonly amount?: number
}

const someNode = (draw: Draw, shape: Shape): ReadonlyArray<number> => [draw.below(shape.nodes)]
const indexes = (shape: Shape): ReadonlyArray<number> => Array.from({ length: shape.nodes }, (_, index) => index)
/** Short, middling and long ones alike: many bugs need a fault that is over before anybody has noticed. */
const aWhile = (draw: Draw): number => draw.between(10 * millis, draw.pick([200 * millis, seconds, 4 * seconds]))
const downtime = (draw: Draw): number =>
  draw.between(1 * millis, draw.pick([10 * millis, 100 * millis, seconds, 3 * seconds]))
const eitherWay = (draw: Draw, amountMax: number): number => draw.between(1, amountMax) * (draw.chance(1, 2) ? 1 : -1)

const drawKind: Readonly<Record<Kind, (draw: Draw, shape: Shape) => Drawn>> = {
  delay: (draw) => ({ forMicros: aWhile(draw), amount: draw.between(1 * millis, 200 * millis) }),
  loss: (draw) => ({ forMicros: aWhile(draw), amount: draw.between(10, 400) }),
  duplicate: (draw) => ({ forMicros: aWhile(draw), amount: draw.between(10, 400) }),
  reorder: (draw) => ({ forMicros: aWhile(draw), amount: draw.between(10, 500) }),
  partition: (draw, shape) =>
    shape.nodes === 1
      ? { forMicros: aWhile(draw), nodes: [0], amount: 1 }
      : {
          forMicros: aWhile(draw),
          nodes: draw.sample(indexes(shape), draw.between(1, shape.nodes - 1)),
          amount: draw.below(2)
        },
  "one-way": (draw, shape) => ({ forMicros: aWhile(draw), nodes: draw.sample(indexes(shape), draw.between(1, 2)) }),
  partial: (draw, shape) => ({ forMicros: aWhile(draw), nodes: draw.sample(indexes(shape), 2) }),
  clog: (draw) => ({ forMicros: aWhile(draw) }),
  "half-open": (draw, shape) => ({ forMicros: aWhile(draw), nodes: someNode(draw, shape) }),
  fragment: (draw) => ({ forMicros: aWhile(draw), amount: draw.pick([1, 2, 3, 7, 64, 1_000]) }),
  "slow-link": (draw, shape) => ({
    forMicros: aWhile(draw),
    nodes: someNode(draw, shape),
    amount: draw.between(1, 200)
  }),
  reset: (draw, shape) => ({ nodes: someNode(draw, shape) }),
  "lose-unsynced": (draw, shape) => ({ forMicros: downtime(draw), nodes: someNode(draw, shape) }),
  "torn-write": (draw, shape) => ({ forMicros: downtime(draw), nodes: someNode(draw, shape) }),
  "lose-directory-entry": (draw, shape) => ({ forMicros: downtime(draw), nodes: someNode(draw, shape) }),
  misdirect: (draw, shape) => ({ nodes: someNode(draw, shape) }),
  "bit-rot": (draw, shape) => ({ nodes: someNode(draw, shape), amount: draw.between(1, 3) }),
  "io-error": (draw, shape) => ({
    forMicros: aWhile(draw),
    nodes: someNode(draw, shape),
    amount: draw.between(1, 200)
  }),
  "disk-full": (draw, shape) => ({ forMicros: aWhile(draw), nodes: someNode(draw, shape) }),
  "slow-sync": (draw, shape) => ({
    forMicros: aWhile(draw),
    nodes: someNode(draw, shape),
    amount: draw.between(1 * millis, 500 * millis)
  }),
  "stuck-sync": (draw, shape) => ({ forMicros: aWhile(draw), nodes: someNode(draw, shape) }),
  "lying-sync": (draw, shape) => ({ forMicros: aWhile(draw), nodes: someNode(draw, shape) }),
  skew: (draw, shape) => ({ nodes: someNode(draw, shape), amount: eitherWay(draw, 10 * seconds) }),
  drift: (draw, shape) => ({
    forMicros: 2 * aWhile(draw),
    nodes: someNode(draw, shape),
    amount: eitherWay(draw, driftPpmMax)
  }),
  step: (draw, shape) => ({ nodes: someNode(draw, shape), amount: eitherWay(draw, 60 * seconds) }),
  crash: (draw, shape) => ({ forMicros: downtime(draw), nodes: someNode(draw, shape) }),
  stop: (draw, shape) => ({ forMicros: downtime(draw), nodes: someNode(draw, shape) }),
  pause: (draw, shape) => ({ forMicros: aWhile(draw), nodes: someNode(draw, shape) }),
  "kill-at-io": (draw, shape) => ({
    forMicros: downtime(draw),
    nodes: someNode(draw, shape),
    amount: draw.between(1, 40)
  }),
  wipe: (draw, shape) => ({ forMicros: downtime(draw), nodes: someNode(draw, shape) }),
  version: (draw, shape) => ({
    forMicros: downtime(draw),
    nodes: someNode(draw, shape),
    amount: draw.below(shape.versions)
  }),
  config: (draw, shape) => ({ forMicros: downtime(draw), nodes: someNode(draw, shape), amount: draw.below(1_000) })
}

/** False for faults that make no sense in this cluster: two nodes are needed, or two versions. */
export const applies = (kind: Kind, shape: Shape): boolean =>
  kind === "partial" ? shape.nodes >= 2 : kind === "version" ? shape.versions >= 2 : true

/** One fault: how long, on whom and how much are drawn. */
export const drawFault = (draw: Draw, shape: Shape, at: { readonly kind: Kind; readonly atMicros: number }): Fault => {
  const { forMicros = 0, nodes = [], amount = 0 } = drawKind[at.kind](draw, shape)
  return { ...at, forMicros, nodes, amount }
}

/** Never more faults than this in a run. */
const faultsMax = 200
/** Calm, middling and stormy runs: faults a second at most, each as likely as the others. */
const faultsPerSecondMax = [1, 2, 6]
/** A run has half of the kinds, or few: two kinds that strike often find what many that strike seldom do not. */
const keptOneIn = [2, 2, 5]

export const drawSchedule = (
  draw: Draw,
  shape: Shape,
  options: {
    readonly allowed: ReadonlyArray<Kind>
    /** Every allowed kind strikes, and often; otherwise the swarm leaves some out. */
    readonly all: boolean
  }
): ReadonlyArray<Fault> => {
  const possible = options.allowed.filter((kind) => applies(kind, shape))
  const oneIn = draw.pick(keptOneIn)
  const kinds = options.all ? possible : possible.filter(() => draw.chance(1, oneIn))
  if (kinds.length === 0) return []
  const perSecond = options.all ? 2 : draw.pick(faultsPerSecondMax)
  const most = Math.min(faultsMax, Math.max(2, Math.round((perSecond * shape.durationMicros) / seconds)))
  const count = options.all ? Math.max(kinds.length, draw.between(Math.ceil(most / 2), most)) : draw.between(1, most)
  const faults: Array<Fault> = []
  for (let i = 0; i < count; i++) {
    const kind = options.all && i < kinds.length ? kinds[i] : draw.pick(kinds)
    const atMicros = draw.below(shape.durationMicros)
    faults.push(drawFault(draw, shape, { kind, atMicros }))
  }
  return faults.sort((left, right) => left.atMicros - right.atMicros)
}
