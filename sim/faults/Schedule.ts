/**
 * Schedule: draws the faults of a run. The swarm (Groce et al., "Swarm Testing", ISSTA 2012) leaves out kinds, because a run
 * with everything on hides what a run with little finds: some runs have half of the kinds, some a few families of them.
 *
 * Faults come one by one, or in bursts: several within a short time, most of them on one node. Many bugs need just that: a
 * sync that is stuck and then a crash, a pause behind a partition, two restarts in a row. Far apart they never meet.
 */
import type { Draw } from "#sim/kernel/Draw.ts"
import type { Fault, Kind } from "./Fault.ts"

export interface Shape {
  readonly nodes: number
  readonly durationMicros: number
  readonly versions: number
  /** Clocks drift by at most this many parts per million either way. */
  readonly driftPpmMax: number
}

/** One fault's place: the node on which a burst falls is struck most of the time. */
interface Place extends Shape {
  readonly victim: number | undefined
}

const millis = 1_000
const seconds = 1_000_000

/** What a kind needs besides its time: how long, on whom, how much. Absent `forMicros`: over at once. */
interface Drawn {
  readonly forMicros?: number
  readonly nodes?: ReadonlyArray<number>
  readonly amount?: number
}

const aNode = (draw: Draw, { nodes, victim }: Place): number =>
  victim !== undefined && draw.chance(3, 4) ? victim : draw.below(nodes)
const someNode = (draw: Draw, place: Place): ReadonlyArray<number> => [aNode(draw, place)]
const indexes = (shape: Shape): ReadonlyArray<number> => Array.from({ length: shape.nodes }, (_, index) => index)
/** Short, middling and long ones alike: many bugs need a fault that is over before anybody has noticed. */
const aWhile = (draw: Draw): number => draw.between(10 * millis, draw.pick([200 * millis, seconds, 4 * seconds]))
const downtime = (draw: Draw): number =>
  draw.between(1 * millis, draw.pick([10 * millis, 100 * millis, seconds, 3 * seconds]))
const eitherWay = (draw: Draw, amountMax: number): number => draw.between(1, amountMax) * (draw.chance(1, 2) ? 1 : -1)
/** A node and others, up to `count` of them, in random order. */
const nodesAround = (draw: Draw, place: Place, count: number): ReadonlyArray<number> => {
  const first = aNode(draw, place)
  const others = indexes(place).filter((node) => node !== first)
  const nodes = [first, ...draw.sample(others, count - 1)]
  return draw.sample(nodes, nodes.length)
}

/** At any time, or just when something is on its way to the device. */
const powerLoss = (draw: Draw, place: Place): Drawn => ({
  forMicros: downtime(draw),
  nodes: someNode(draw, place),
  amount: draw.below(2)
})

const drawKind: Readonly<Record<Kind, (draw: Draw, place: Place) => Drawn>> = {
  delay: (draw) => ({ forMicros: aWhile(draw), amount: draw.between(1 * millis, 200 * millis) }),
  loss: (draw) => ({ forMicros: aWhile(draw), amount: draw.between(10, 400) }),
  duplicate: (draw) => ({ forMicros: aWhile(draw), amount: draw.between(10, 400) }),
  reorder: (draw) => ({ forMicros: aWhile(draw), amount: draw.between(10, 500) }),
  // One node alone, or any two sides; its clients may see it still.
  partition: (draw, shape) =>
    shape.nodes === 1
      ? { forMicros: aWhile(draw), nodes: [0], amount: 1 }
      : {
          forMicros: aWhile(draw),
          nodes: nodesAround(draw, shape, draw.chance(1, 2) ? 1 : draw.between(1, shape.nodes - 1)),
          amount: draw.below(2)
        },
  "one-way": (draw, shape) => ({ forMicros: aWhile(draw), nodes: nodesAround(draw, shape, draw.between(1, 2)) }),
  partial: (draw, shape) => ({ forMicros: aWhile(draw), nodes: nodesAround(draw, shape, 2) }),
  clog: (draw) => ({ forMicros: aWhile(draw) }),
  "half-open": (draw, shape) => ({ forMicros: aWhile(draw), nodes: someNode(draw, shape) }),
  fragment: (draw) => ({ forMicros: aWhile(draw), amount: draw.pick([1, 2, 3, 7, 64, 1_000]) }),
  "slow-link": (draw, shape) => ({
    forMicros: aWhile(draw),
    nodes: someNode(draw, shape),
    amount: draw.between(1, 200)
  }),
  reset: (draw, shape) => ({ nodes: someNode(draw, shape) }),
  "lose-unsynced": powerLoss,
  "torn-write": powerLoss,
  "lose-directory-entry": powerLoss,
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
  // At the bound half of the time: a margin that is too small shows nowhere else.
  drift: (draw, shape) => ({
    forMicros: 2 * aWhile(draw),
    nodes: nodesAround(draw, shape, draw.between(1, shape.nodes)),
    amount: draw.chance(1, 2) ? eitherWay(draw, shape.driftPpmMax) : shape.driftPpmMax * (draw.chance(1, 2) ? 1 : -1)
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
export const drawFault = (
  draw: Draw,
  shape: Shape,
  at: { readonly kind: Kind; readonly atMicros: number },
  victim?: number
): Fault => {
  const { forMicros = 0, nodes = [], amount = 0 } = drawKind[at.kind](draw, { ...shape, victim })
  return { ...at, forMicros, nodes, amount }
}

/** Kinds that a bug cannot well tell apart: a run with one or two of a few families goes deep. */
const families: ReadonlyArray<ReadonlyArray<Kind>> = [
  ["delay", "loss", "duplicate", "reorder"],
  ["partition", "one-way", "partial"],
  ["clog", "half-open", "fragment", "slow-link", "reset"],
  ["crash", "stop", "kill-at-io", "lose-unsynced", "torn-write", "lose-directory-entry"],
  ["config", "version", "wipe"],
  ["slow-sync", "stuck-sync"],
  ["io-error", "disk-full"],
  ["misdirect", "bit-rot", "lying-sync"],
  ["skew", "drift", "step"],
  ["pause"]
]

/** Never more faults than this in a run. */
const faultsMax = 200
/** Calm, middling and stormy runs: faults a second at most, each as likely as the others. */
const faultsPerSecondMax = [1, 2, 6]
/** A burst falls within this: within one exchange of messages, within a lease, or over some of them. */
const burstMicros = [10 * millis, 100 * millis, seconds]
const burstFaultsMax = 5

/** Some of a list, each one of it one time in `oneIn`; one at least, if there are any. */
const someOf = <A>(draw: Draw, values: ReadonlyArray<A>, oneIn: number): ReadonlyArray<A> => {
  const kept = values.filter(() => draw.chance(1, oneIn))
  return kept.length > 0 || values.length === 0 ? kept : [draw.pick(values)]
}

/** Half of the kinds, one of five, or some of a few families. */
const drawKinds = (draw: Draw, possible: ReadonlyArray<Kind>): ReadonlyArray<Kind> => {
  const style = draw.below(4)
  if (style < 2) return possible.filter(() => draw.chance(1, style === 0 ? 2 : 5))
  const present = families
    .map((family) => family.filter((kind) => possible.includes(kind)))
    .filter((family) => family.length > 0)
  return someOf(draw, present, 5).flatMap((family) => someOf(draw, family, 2))
}

/** When each of `count` faults strikes, and whom it is after. */
const drawTimes = (
  draw: Draw,
  shape: Shape,
  { bursts, count }: { readonly count: number; readonly bursts: boolean }
): ReadonlyArray<{ readonly atMicros: number; readonly victim: number | undefined }> => {
  const times: Array<{ readonly atMicros: number; readonly victim: number | undefined }> = []
  while (times.length < count) {
    const from = draw.below(shape.durationMicros)
    if (!bursts) {
      times.push({ atMicros: from, victim: undefined })
      continue
    }
    const within = Math.min(draw.pick(burstMicros), shape.durationMicros - from)
    const victim = draw.below(shape.nodes)
    for (let left = draw.between(2, burstFaultsMax); left > 0 && times.length < count; left--)
      times.push({ atMicros: from + draw.below(within), victim })
  }
  return times
}

export const drawSchedule = (
  draw: Draw,
  shape: Shape,
  options: {
    readonly allowed: ReadonlyArray<Kind>
    /** Every allowed kind strikes, often and evenly; otherwise the swarm leaves some out, and may strike in bursts. */
    readonly all: boolean
    /** Every second fault is one of these. Default: none is. */
    readonly subject?: ReadonlyArray<Kind>
  }
): ReadonlyArray<Fault> => {
  const { subject = [] } = options
  const possible = options.allowed.filter((kind) => applies(kind, shape))
  const kinds = options.all ? possible : drawKinds(draw, possible)
  if (kinds.length === 0) return []
  const perSecond = options.all ? 2 : draw.pick(faultsPerSecondMax)
  const most = Math.min(faultsMax, Math.max(2, Math.round((perSecond * shape.durationMicros) / seconds)))
  const count = options.all ? Math.max(kinds.length, draw.between(Math.ceil(most / 2), most)) : draw.between(1, most)
  const faults = drawTimes(draw, shape, { count, bursts: !options.all && draw.chance(2, 3) }).map(
    ({ atMicros, victim }, index) => {
      const isOfSubject = subject.length > 0 && draw.chance(1, 2)
      const kind = options.all && index < kinds.length ? kinds[index] : draw.pick(isOfSubject ? subject : kinds)
      return drawFault(draw, shape, { kind, atMicros }, victim)
    }
  )
  return faults.sort((left, right) => left.atMicros - right.atMicros)
}
