/**
 * What a page needs to draw a judged history: a lane for each process, a bar for each operation, and lines through the
 * moments at which operations took effect, each with the state after it. For a refusal the lines are the longest
 * linearizations, and the operation that fits nowhere is named. Of a long history, the stretch that matters.
 */
import type * as Model from "#models/Model.ts"
import { type Entries, never } from "./linear/Entries.ts"
import * as Linearizability from "./Linearizability.ts"

export interface Bar {
  /** Row of the history. */
  readonly row: number
  readonly process: number
  readonly words: string
  /** Places in the order of events. */
  readonly call: number
  /** `Infinity` when it is not known to have ended. */
  readonly return: number
}

export interface Point {
  readonly row: number
  /** When it took effect: between its call and its return, increasing along a line. */
  readonly place: number
  /** The state after it, in the model's words. */
  readonly state: string
}

export interface Lanes {
  readonly part: Model.Key | undefined
  readonly processes: ReadonlyArray<number>
  readonly bars: ReadonlyArray<Bar>
  readonly lines: ReadonlyArray<ReadonlyArray<Point>>
  /** The operation whose completion no line reaches. */
  readonly stuck: number | undefined
  /** The operations that suffice for the refusal. */
  readonly minimal: ReadonlyArray<number>
  /** How many operations are left out before and after the bars. */
  readonly before: number
  readonly after: number
}

export interface Options {
  /** Bars at most. Default: 200. */
  readonly barsMax?: number
}

/** The lanes of a refusal: what leads to the operation that fits nowhere. */
export const ofRefusal = (
  model: Model.Model,
  entries: Entries,
  refusal: Linearizability.Refusal,
  options: Options = {}
): Lanes => {
  const part = refusal.part === undefined ? model : (model.parts?.model ?? model)
  const orders = refusal.partials.map((partial) => partial.rows)
  const seen = refusal.rows.filter((row) => entries.calls[row]! < entries.returns[refusal.stuck]!)
  const shown = shownRows(seen, options, "last")
  return {
    ...lanes(part, entries, shown, orders),
    part: refusal.part,
    stuck: refusal.stuck,
    minimal: [...refusal.minimal.rows],
    before: seen.length - shown.length,
    after: refusal.rows.length - seen.length
  }
}

/** The lanes of rows that can be linearized, with one linearization; `undefined` when none is found within the budget. */
export const ofLinearization = (
  model: Model.Model,
  entries: Entries,
  part: Model.Key | undefined,
  options: Options & Linearizability.Options = {}
): Lanes | undefined => {
  const found = Linearizability.linearize(model, entries, part, options)
  if (found === undefined) return undefined
  const shown = shownRows(found.rows, options, "first")
  const partModel = part === undefined ? model : (model.parts?.model ?? model)
  return {
    ...lanes(partModel, entries, shown, [found.order]),
    part,
    stuck: undefined,
    minimal: [],
    before: 0,
    after: found.rows.length - shown.length
  }
}

const shownRows = (rows: Int32Array, { barsMax = 200 }: Options, end: "first" | "last"): Int32Array =>
  end === "first" ? rows.slice(0, barsMax) : rows.slice(Math.max(0, rows.length - barsMax))

const lanes = (
  model: Model.Model,
  entries: Entries,
  rows: Int32Array,
  orders: ReadonlyArray<Int32Array>
): Pick<Lanes, "processes" | "bars" | "lines"> => {
  const shown = new Set(rows)
  const bars = [...rows].map((row) => ({
    row,
    process: entries.processes[row]!,
    words: model.describe(entries.operations[row], entries.results[row]),
    call: entries.calls[row]!,
    return: entries.returns[row] === never ? Infinity : entries.returns[row]!
  }))
  return {
    bars,
    processes: [...new Set(bars.map((bar) => bar.process))].sort((left, right) => left - right),
    lines: orders.map((order) => line(model, entries, order).filter((point) => shown.has(point.row)))
  }
}

/** The points of an order, each as early as it can be. */
const line = (model: Model.Model, entries: Entries, order: Int32Array): ReadonlyArray<Point> => {
  let state: unknown = model.init()
  let latest = -1
  let together = 0
  const points = [...order].map((row) => {
    state = model.step(state, entries.operations[row], entries.results[row])
    // Several between the same two events: each a little later than the one before.
    const earliest = Math.max(latest, entries.calls[row]!)
    together = earliest === latest ? together + 1 : 1
    latest = earliest
    return { row, place: earliest, together, state: model.describeState(state) }
  })
  const most = new Map<number, number>()
  for (const { place, together: count } of points) most.set(place, Math.max(count, most.get(place) ?? 0))
  return points.map((point) => ({
    row: point.row,
    place: point.place + point.together / (most.get(point.place)! + 1),
    state: point.state
  }))
}
