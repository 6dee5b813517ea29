/**
 * What a page shows of a history that was judged for linearizability (`reports/HistoryPage.ts`): lanes, operations in the
 * model's words, for each part an order that explains it or the longest that there are, and the operation that fits
 * nowhere. Of a very long history, the stretch that matters.
 */
import type { Judged, JudgedLine, JudgedOperation, JudgedPart } from "#reports/Judged.ts"
import type * as Model from "#models/Model.ts"
import type { Operation as SimOperation } from "#sim/run/History.ts"
import * as History from "./History.ts"
import * as LanePacking from "./LanePacking.ts"
import { type Entries, never } from "./linear/Entries.ts"
import type { Refusal } from "./linear/Refusal.ts"
import { text } from "./Value.ts"

/** Beyond it a page grows slow. */
const operationsMax = 150_000
/** Of these, after the point that matters. */
const operationsAfterMax = 10_000
/** Longer orders are drawn without states: telling one may take as long as the order. */
const statedOrderMax = 20_000
/** States told of an order, and characters of all together and of one. */
const statesMax = 2_000
const stateTotalCharactersMax = 2_000_000
const stateCharactersMax = 120
const wordsCharactersMax = 200

/** A part with what explains it, or why nothing does. */
export interface Part {
  readonly part: Model.Key | undefined
  readonly rows: Int32Array
  readonly verdict: JudgedPart["verdict"]
  readonly order: Int32Array | undefined
  readonly refusal: Refusal | undefined
}

export interface Subject {
  readonly title: string
  readonly verdict: Judged["verdict"]
  readonly model: Model.Model
  /** As the user knows it. Default: the model's own. */
  readonly modelName?: string
  readonly sentences: ReadonlyArray<string>
  readonly entries: Entries
  readonly parts: ReadonlyArray<Part>
  readonly partsLeftOut: number
}

/** Operations in the order of their calls; `entries` are some of them. */
interface Shown {
  readonly lanes: ReadonlyArray<string>
  readonly operations: ReadonlyArray<JudgedOperation>
  /** The operation of each entry. */
  readonly ofEntry: ArrayLike<number>
}

const short = (words: string, most = wordsCharactersMax): string =>
  words.length > most ? `${words.slice(0, most - 1)}…` : words

/** The picture of a scenario's run that was refused. */
export const ofScenario = (
  title: string,
  model: Model.Model,
  entries: Entries,
  run: ReadonlyArray<SimOperation>,
  refusal: Refusal
): Judged => {
  const clients = [...new Set(run.map(({ client }) => client))].sort((left, right) => left - right)
  const partModel = refusal.part === undefined ? model : (model.parts?.model ?? model)
  const operations = run.map((operation, row): JudgedOperation => {
    const { client, completedAt, invokedAt, outcome } = operation
    const end = entries.returns[row]!
    return {
      lane: clients.indexOf(client),
      who: `c${client}`,
      words: short(partModel.describe(entries.operations[row], entries.results[row])),
      call: entries.calls[row]!,
      return: end === never ? Infinity : end,
      outcome: outcome.type,
      invokedAt,
      ...(completedAt === Infinity ? {} : { completedAt })
    }
  })
  const shown = { lanes: clients.map((client) => `c${client}`), operations, ofEntry: operations.map((_, row) => row) }
  const part: Part = { part: refusal.part, rows: refusal.rows, verdict: "invalid", order: undefined, refusal }
  const subject: Subject = {
    ...{ title, verdict: "invalid", model, entries, parts: [part], partsLeftOut: 0 },
    sentences: [sentence(partModel, entries, refusal, operations[refusal.stuck]!)]
  }
  return make(subject, shown)
}

/** The picture of a history; `rows` are the history's rows of the entries, the others failed. */
export const ofHistory = (
  subject: Omit<Subject, "sentences">,
  history: History.History,
  rows: ArrayLike<number>,
  reason: string | undefined
): Judged => {
  const { entries, model } = subject
  const partModel = subject.parts[0]?.part === undefined ? model : (model.parts?.model ?? model)
  const entryOf = new Int32Array(history.count).fill(-1)
  for (let entry = 0; entry < rows.length; entry += 1) entryOf[rows[entry]!] = entry
  const { lanes, operations } = lanesOf(history, (row) => {
    const entry = entryOf[row]!
    return entry < 0
      ? `${history.functions[row]} ${text(history.inputs[row]!)}`
      : partModel.describe(entries.operations[entry], entries.results[entry])
  })
  const refusal = subject.parts.find((part) => part.refusal !== undefined)?.refusal
  const sentences =
    refusal === undefined ? [] : [sentence(partModel, entries, refusal, operations[rows[refusal.stuck]!]!)]
  if (subject.verdict === "valid") sentences.push(explained)
  if (reason !== undefined) sentences.push(reason)
  return make({ ...subject, sentences }, { lanes, operations, ofEntry: rows })
}

/** Lanes and operations of a history, in words that are the caller's. */
export const lanesOf = (
  history: History.History,
  words: (row: number) => string
): { readonly lanes: ReadonlyArray<string>; readonly operations: ReadonlyArray<JudgedOperation> } => {
  const lane = history.names === undefined ? LanePacking.pack(history) : byName(history)
  const names: Array<string> = []
  const operations = Array.from({ length: history.count }, (_, row): JudgedOperation => {
    const who = History.nameOf(history, row)
    const known = names[lane[row]!]
    names[lane[row]!] = known === undefined || known === who ? who : ""
    const { call, outcome, return: end } = History.operation(history, row)
    const [invoked, completed] = [history.invokedAt[row]!, history.completedAt[row]!]
    return {
      ...{ lane: lane[row]!, who, words: short(words(row)), call, return: end, outcome },
      ...(Number.isFinite(invoked) ? { invokedAt: invoked / 1_000 } : {}),
      ...(Number.isFinite(completed) ? { completedAt: completed / 1_000 } : {})
    }
  })
  return { lanes: names, operations }
}

/** A lane for each name, in the order of the processes' numbers. */
const byName = (history: History.History): Int32Array => {
  const sorted = [...new Set(history.processes)].sort((left, right) => left - right)
  const nameOf = (process: number): string => history.names?.get(process) ?? `process ${process}`
  const places = new Map([...new Set(sorted.map(nameOf))].map((name, place) => [name, place]))
  return history.processes.map((process) => places.get(nameOf(process))!)
}

const explained = "Every result is explained by an order of the operations that keeps to real time."

const sentence = (model: Model.Model, entries: Entries, refusal: Refusal, stuck: JudgedOperation): string => {
  const words = model.describe(entries.operations[refusal.stuck], entries.results[refusal.stuck])
  const key = refusal.part === undefined ? "" : `Key ${String(refusal.part)}: `
  return `${key}${short(words)} by ${stuck.who} fits nowhere between its call at event ${stuck.call} and its return at event ${stuck.return}.`
}

const make = (subject: Subject, shown: Shown): Judged => {
  const { model, parts } = subject
  const refusal = parts.find((part) => part.refusal !== undefined)?.refusal
  const point = refusal === undefined ? 0 : shown.ofEntry[refusal.stuck]!
  const { from, to } = stretch(shown.operations.length, point)
  const place = (entry: number): number => {
    const operation = shown.ofEntry[entry]!
    return operation >= from && operation < to ? operation - from : -1
  }
  const states = { left: stateTotalCharactersMax }
  return {
    ...{
      title: subject.title,
      verdict: subject.verdict,
      model: subject.modelName ?? model.name,
      level: "linearizable"
    },
    ...{ sentences: subject.sentences, order: "realtime", lanes: shown.lanes },
    operations: shown.operations.slice(from, to),
    before: from,
    after: shown.operations.length - to,
    parts: parts.map((part) => partOf(subject, part, place, states)),
    partsLeftOut: subject.partsLeftOut,
    ...{ anomalies: [], counts: {}, models: [] }
  }
}

/** Of `count` operations the stretch that a page shows, with the one that matters. */
export const stretch = (count: number, point: number): { readonly from: number; readonly to: number } => {
  if (count <= operationsMax) return { from: 0, to: count }
  const to = Math.max(operationsMax, Math.min(count, point + operationsAfterMax))
  return { from: to - operationsMax, to }
}

const partOf = (
  { entries, model }: Subject,
  { order, part, refusal, rows, verdict }: Part,
  place: (entry: number) => number,
  states: { left: number }
): JudgedPart => {
  const partModel = part === undefined ? model : (model.parts?.model ?? model)
  const orders = refusal === undefined ? (order === undefined ? [] : [order]) : refusal.partials.map((one) => one.rows)
  const lines = orders.map((one) => lineOf(partModel, entries, one, place, refusal !== undefined, states))
  const stuck = refusal === undefined ? -1 : place(refusal.stuck)
  return {
    ...{ name: part === undefined ? "" : String(part), verdict, lines },
    operations: [...rows].map(place).filter((operation) => operation >= 0),
    note: refusal === undefined ? noteOf(verdict, order) : noteOfRefusal(partModel, entries, refusal),
    ...(stuck < 0 ? {} : { stuck }),
    minimal: refusal === undefined ? [] : [...refusal.minimal.rows].map(place).filter((operation) => operation >= 0)
  }
}

const noteOf = (verdict: JudgedPart["verdict"], order: Int32Array | undefined): string => {
  if (verdict === "unknown") return "The search ended before it found an order or ruled all out."
  return order === undefined
    ? "Linearizable: an algorithm that needs no order decided it, and the search for one to draw took too long."
    : "Linearizable: every operation takes effect at its numbered moment, and all results agree with that order."
}

const noteOfRefusal = (model: Model.Model, entries: Entries, refusal: Refusal): string => {
  const words = short(model.describe(entries.operations[refusal.stuck], entries.results[refusal.stuck]), 80)
  const end = entries.returns[refusal.stuck]
  const states = [...new Set(refusal.partials.map(({ state }) => short(state, 60)))]
  if (states.length === 0) return `No order of what was called before event ${end} explains all results and ${words}.`
  const shown = states.slice(0, 4).join(" or ")
  const longest = Math.max(...refusal.partials.map(({ rows }) => rows.length))
  return `What was called before event ${end} can be ordered so that ${longest} results agree, and no further: the state then is ${shown}${states.length > 4 ? " or another" : ""}, from which ${words} does not follow, whatever else takes effect first.`
}

/** The moments of an order, each as early as it can be; those of operations that the page does not have are left out. */
const lineOf = (
  model: Model.Model,
  entries: Entries,
  order: Int32Array,
  place: (entry: number) => number,
  fromEnd: boolean,
  states: { left: number }
): JudgedLine => {
  const places = placesOf(entries, order)
  const told = order.length > statedOrderMax ? [] : statesOf(model, entries, order, fromEnd, states)
  let before = 0
  const points = [...order].flatMap((row, at) => {
    const operation = place(row)
    if (operation < 0) return []
    const state = told[at]
    return [{ operation, place: places[at]!, ...(state === undefined ? {} : { state }) }]
  })
  for (const row of order) {
    if (place(row) >= 0) break
    before += 1
  }
  return { before, points }
}

/** Several moments between the same two events: each a little later than the one before. */
const placesOf = (entries: Entries, order: Int32Array): Float64Array => {
  const events = new Int32Array(order.length)
  let latest = -1
  for (let at = 0; at < order.length; at += 1) events[at] = latest = Math.max(latest, entries.calls[order[at]!]!)
  const places = new Float64Array(order.length)
  for (let from = 0; from < order.length;) {
    let to = from
    while (to < order.length && events[to] === events[from]) to += 1
    for (let at = from; at < to; at += 1) places[at] = events[from]! + (at - from + 1) / (to - from + 1)
    from = to
  }
  return places
}

/** States along an order, at its end or its beginning first, as far as there is room for them. */
const statesOf = (
  model: Model.Model,
  entries: Entries,
  order: Int32Array,
  fromEnd: boolean,
  room: { left: number }
): ReadonlyArray<string | undefined> => {
  const told: Array<string | undefined> = []
  const kept: Array<{ readonly at: number; readonly state: unknown }> = []
  let state: unknown = model.init()
  for (let at = 0; at < order.length; at += 1) {
    state = model.step(state, entries.operations[order[at]!], entries.results[order[at]!])
    if (fromEnd ? at >= order.length - statesMax : at < statesMax) kept.push({ at, state })
  }
  for (const one of fromEnd ? kept.reverse() : kept) {
    if (room.left <= 0) break
    const words = model.describeState(one.state)
    room.left -= words.length
    told[one.at] = short(words, stateCharactersMax)
  }
  return told
}
