/**
 * A recording, packed for the page: one flat array of small numbers, and a table of the words in it. About 25 bytes an event
 * instead of 150, and one `JSON.parse` reads 100,000 of them in a few milliseconds. `client/Model.ts` is the reader.
 *
 * Rows follow one another; the first number is the kind (`kindOf`), the second the microseconds since the row before:
 *
 *     message    0..4    from to duration bytes label channel
 *     disk       5 6     node duration operation path bytes result
 *     trace      7..10   node name shape value...              (as many values as the shape has names)
 *     operation  11..13  node duration|-1 label result
 *     fault      14..17  duration kind detail count node...
 *     node       18      node change detail
 *     phase      19      name
 *
 * Words and values are positions in `words`. Times become whole microseconds; numbers that JSON cannot say become
 * text, and text is made printable.
 */
import { describe } from "./Describe.ts"
import { printable } from "./Printable.ts"
import type { RecordedEvent, Recording } from "./Recording.ts"
import * as Story from "./Story.ts"

export interface PackedPoint {
  readonly check: number
  readonly atMicros: number
  readonly node: number
  readonly lanes: ReadonlyArray<number>
  readonly window: readonly [number, number]
  /** Positions of events, and how many alike each stands for. */
  readonly steps: ReadonlyArray<readonly [index: number, alike: number]>
}

export interface Packed {
  /** The command, exactly, for the copy button. */
  readonly reproduce: string
  readonly virtualMicros: number
  readonly lanes: Recording["lanes"]
  /** As `Story.sortedChecks` has them. */
  readonly checks: Recording["checks"]
  /** One for each check that failed. */
  readonly points: ReadonlyArray<PackedPoint>
  /** Position in `points` of the one to open at, or -1. */
  readonly mainPoint: number
  readonly words: ReadonlyArray<string | number | boolean>
  /** Names of the fields of trace events, as positions in `words`. */
  readonly shapes: ReadonlyArray<ReadonlyArray<number>>
  readonly count: number
  readonly rows: ReadonlyArray<number>
}

const fates = { delivered: 0, duplicate: 1, lost: 2, cut: 3, dead: 4 } as const
const levels = { debug: 7, info: 8, warn: 9, error: 10 } as const
const outcomes = { ok: 11, failed: 12, unknown: 13 } as const
const groups = { network: 14, disk: 15, clock: 16, process: 17 } as const

/** Steps shown beside the diagram for each failed check. */
const pointSteps = 40

/** The number that says what an event is and what became of it. */
export const kindOf = (event: RecordedEvent): number => {
  switch (event.type) {
    case "message":
      return fates[event.fate]
    case "disk":
      return describe(event, { names: [], duration: String, bytes: String }).tone === "bad" ? 6 : 5
    case "trace":
      return levels[event.level]
    case "operation":
      return outcomes[event.outcome]
    case "fault":
      return groups[event.group]
    case "node":
      return 18
    case "phase":
      return 19
  }
}

/** Gives each distinct key the next position. */
class Table<A> {
  readonly entries: Array<A> = []
  private readonly positions = new Map<unknown, number>()

  position(entry: A, key: unknown = entry): number {
    const known = this.positions.get(key)
    if (known !== undefined) return known
    this.positions.set(key, this.entries.length)
    return this.entries.push(entry) - 1
  }
}

const sayable = (value: string | number | boolean): string | number | boolean => {
  if (typeof value === "string") return printable(value)
  return typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0)) ? String(value) : value
}

const packPoint = (recording: Recording, point: Story.Point, check: number): PackedPoint => ({
  check,
  atMicros: Math.round(point.atMicros),
  node: point.node ?? -1,
  lanes: point.lanes,
  window: Story.windowOf(recording, point),
  steps: Story.stepsBefore(recording, point, pointSteps).map(({ index, alike }) => [index, alike] as const)
})

/** Packs a recording. O(size of it). */
export const pack = (recording: Recording): Packed => {
  const words = new Table<string | number | boolean>()
  const shapes = new Table<ReadonlyArray<number>>()
  const rows: Array<number> = []
  const word = (value: string | number | boolean): number => words.position(sayable(value))
  const rest = (event: RecordedEvent): ReadonlyArray<number> => {
    const until = (from: number, to: number): number => Math.round(to) - Math.round(from)
    switch (event.type) {
      case "message": {
        const { from, to, sentAt, at, sizeBytes, label, channel } = event
        return [from, to, until(sentAt, at), sizeBytes, word(label), channel === "stream" ? 1 : 0]
      }
      case "disk": {
        const { node, submittedAt, at, operation, path, sizeBytes, result } = event
        return [node, until(submittedAt, at), word(operation), word(path), sizeBytes, word(result)]
      }
      case "trace": {
        const names = Object.keys(event.fields).map(word)
        const values = Object.values(event.fields).map(word)
        return [event.node, word(event.name), shapes.position(names, names.join()), ...values]
      }
      case "operation":
        return [
          event.node,
          event.until === undefined ? -1 : until(event.at, event.until),
          word(event.label),
          word(event.result)
        ]
      case "fault":
        return [until(event.at, event.until), word(event.kind), word(event.detail), event.nodes.length, ...event.nodes]
      case "node":
        return [event.node, word(event.change), word(event.detail)]
      case "phase":
        return [word(event.name)]
    }
  }
  let before = 0
  for (const event of recording.events) {
    const at = Math.round(event.at)
    rows.push(kindOf(event), at - before, ...rest(event))
    before = at
  }
  const checks = Story.sortedChecks(recording)
  const points = checks.flatMap((check, index) =>
    check.verdict === "fail" ? [packPoint(recording, Story.pointOf(recording, check), index)] : []
  )
  const main = Story.mainPoint(recording)
  const lanes = recording.lanes.map((lane) => ({ ...lane, name: printable(lane.name) }))
  const shown = checks.map((check) => ({ ...check, name: printable(check.name), detail: printable(check.detail) }))
  return {
    ...{ reproduce: recording.reproduce, lanes, checks: shown, points },
    virtualMicros: Math.round(recording.virtualMicros),
    mainPoint: points.findIndex((point) => checks[point.check] === main?.check),
    ...{ words: words.entries, shapes: shapes.entries, count: recording.events.length, rows }
  }
}
