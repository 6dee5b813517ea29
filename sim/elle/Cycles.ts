/**
 * Cycle anomalies (Adya 1999; Elle 2020, section 6): finds the knots of a graph of dependencies, tells for each which models
 * it breaks, which is linear, and then searches the knot for a short cycle of each class that is still possible, worst
 * first (elle.txn). A knot for which the search runs out of steps keeps its verdict: `PL-3-cycle-exists` and the like.
 *
 * Elle's `G-single` of a key-value history is an item anti-dependency; for what models proscribe, `latticeTypes` says so.
 */
import type { Findings } from "./Anomaly.ts"
import { components, knots } from "./Components.ts"
import * as Consistency from "./Consistency.ts"
import { apart, CycleSearch, dataMakes, type Found, type Make, type Steps as Budget } from "./CycleSearch.ts"
import { anomalyOf, committed, type Explainer, type Steps } from "./Explanation.ts"
import { between, data, type Graph, merged, process, realtime, rw, wr, ww } from "./Graph.ts"
import { addBetween, type Wanted } from "./Order.ts"
import { topological } from "./VectorClocks.ts"
import type { Transactions } from "./Transactions.ts"

/** What must have no cycle if a model holds: edges of these kinds, `si`: with no two rw edges in a row. */
const acyclic: ReadonlyArray<{ readonly model: string; readonly kinds: number; readonly si: boolean }> = [
  { model: "PL-1", kinds: ww, si: false },
  { model: "PL-2", kinds: ww | wr, si: false },
  { model: "PL-SI", kinds: ww | wr, si: true },
  { model: "PL-3", kinds: data, si: false },
  { model: "strong-session-PL-1", kinds: ww | process, si: false },
  { model: "strong-session-PL-2", kinds: ww | wr | process, si: false },
  { model: "strong-session-snapshot-isolation", kinds: ww | wr | process, si: true },
  { model: "strong-session-serializable", kinds: data | process, si: false },
  { model: "strong-PL-1", kinds: ww | process | realtime, si: false },
  { model: "strong-PL-2", kinds: ww | wr | process | realtime, si: false },
  { model: "strong-snapshot-isolation", kinds: ww | wr | process | realtime, si: true },
  { model: "PL-SS", kinds: data | process | realtime, si: false }
]

const variants: ReadonlyArray<{ readonly suffix: string; readonly adds: number; readonly needs: number }> = [
  { suffix: "", adds: 0, needs: 0 },
  { suffix: "-process", adds: process, needs: process },
  { suffix: "-realtime", adds: process | realtime, needs: realtime }
]

/** Edges of real time inside a knot: beyond this it is searched without them. */
const orderEdgesMax = 20_000_000

export interface Input {
  readonly transactions: Transactions
  /** With process edges and moments, where wanted. */
  readonly graph: Graph
  readonly explainer: Explainer
  readonly wanted: Wanted
  readonly steps: Budget
}

/** Adds what cycles there are; returns the number of knots. */
export const find = (input: Input, findings: Findings): number => {
  const { graph, transactions } = input
  // Most histories have no cycle, which this tells with less memory.
  if (topological(graph).length === graph.vertices) return 0
  const tangles = knots(components(graph), transactions.count)
  for (const members of tangles) untangle(input, members, findings)
  return tangles.length
}

const untangle = (input: Input, members: Int32Array, findings: Findings): void => {
  const { graph, transactions, explainer, wanted, steps } = input
  const edges = between(graph, members, data)
  const whole = addBetween(edges, transactions, members, wanted, orderEdgesMax)
  const knot = merged(edges.graph(members.length))
  // Without all edges of real time, what holds by the others is still a knot by real time.
  const broken = whole ? brokenModels(knot) : [...brokenModels(knot), "PL-SS"]
  const search = new CycleSearch(knot)
  const types: Array<string> = []
  const redundant = new Set(impossibleTypes(broken))
  for (const { suffix, adds, needs } of variants) {
    if ((needs & process) !== 0 && !wanted.process) continue
    if ((needs & realtime) !== 0 && !wanted.realtime) continue
    for (const [name, make] of Object.entries(dataMakes)) {
      const type = name + suffix
      if (redundant.has(type)) continue
      const needed = [make.needs, needs].filter((kind) => kind !== 0)
      const full: Make = { rw: make.rw, base: make.base | adds, needs: needed }
      const found = search.find(full, steps)
      if (found === undefined) continue
      types.push(type)
      for (const implied of Consistency.impliedAnomalies([type])) redundant.add(implied)
      const rows = found.vertices.map((place) => members[place]!)
      const cycle = { transactions: rows, kinds: found.kinds, beside: besideOf(knot, found) }
      findings.add(type, () => anomalyOf(transactions, explainer, cycle))
      if (isWriteSkew(transactions, type, cycle)) {
        findings.add("write-skew", () => anomalyOf(transactions, explainer, cycle))
      }
    }
  }
  const explained = Consistency.impossibleModels(latticeTypes(types))
  for (const model of broken.filter((name) => !explained.has(name))) {
    findings.add(`${model}-cycle-exists`, () => ({
      transactions: [...members.subarray(0, membersShownMax)],
      explanation: `among ${members.length} transactions that all depend on each other there is a cycle that ${Consistency.friendlyName(model)} does not allow`
    }))
  }
}

const membersShownMax = 64
/** Of a cycle's transactions, so many other dependencies help somebody who looks at it. */
const besideMax = 24

/** Dependencies of the data between the vertices of a cycle that are none of its steps. */
const besideOf = (knot: Graph, { kinds, vertices }: Found): Steps["beside"] => {
  const places = new Map(vertices.map((vertex, place) => [vertex, place]))
  const found: Array<Steps["beside"][number]> = []
  for (const [from, vertex] of vertices.entries()) {
    for (let edge = knot.offsets[vertex]!; edge < knot.offsets[vertex + 1]! && found.length < besideMax; edge += 1) {
      const to = places.get(knot.targets[edge]!)
      if (to === undefined) continue
      const step = to === (from + 1) % vertices.length ? kinds[from]! : 0
      const others = knot.kinds[edge]! & data & ~step
      if (others !== 0) found.push({ from, to, kinds: others & -others })
    }
  }
  return found
}

/** Two that committed, each of which read what the other then wrote. */
const isWriteSkew = (
  transactions: Transactions,
  type: string,
  cycle: { readonly transactions: ReadonlyArray<number>; readonly kinds: ReadonlyArray<number> }
): boolean =>
  type === "G2-item" &&
  cycle.kinds.length === 2 &&
  cycle.kinds.every((kind) => kind === rw) &&
  cycle.transactions.every((transaction) => committed(transactions, transaction))

/** Models that a knot breaks: the weakest that are found, not those that follow. */
const brokenModels = (knot: Graph): ReadonlyArray<string> => {
  const broken: Array<string> = []
  for (const { model, kinds, si } of acyclic) {
    if (broken.some((weaker) => Consistency.implies(model, weaker))) continue
    const cyclic = si ? hasCycle(apart(knot, kinds)) : hasCycle(knot, (edge) => (edge & kinds) !== 0)
    if (cyclic) broken.push(model)
  }
  return broken
}

const hasCycle = (graph: Graph, admits?: (kinds: number) => boolean): boolean =>
  components(graph, admits).count < graph.vertices

/** Cycle types that a knot cannot have, since it keeps the models that proscribe them. */
const impossibleTypes = (broken: ReadonlyArray<string>): ReadonlyArray<string> => {
  const kept = acyclic.filter(({ model }) => !broken.some((weaker) => Consistency.implies(model, weaker)))
  return kept.flatMap(({ model }) => [...Consistency.anomaliesProhibitedBy(model)])
}

/** The types by which a lattice of models knows anomalies of key-value histories: every anti-dependency is of an item. */
export const latticeTypes = (types: Iterable<string>): ReadonlyArray<string> =>
  [...types].flatMap((type) => {
    const family = /^(G-single|G-nonadjacent)(-process|-realtime)?$/.exec(type)
    return family === null ? [type] : [type, `${family[1]}-item${family[2] ?? ""}`]
  })
