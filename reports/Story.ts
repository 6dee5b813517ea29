/**
 * What a person should read first: the point that the judge means, the nodes that matter there, and the events that led to it.
 *
 * The nodes concerned are the one that the check names and those whose names stand in its sentence; when none of them is a server,
 * all servers join. Everyday repetition (the same message, disk operation or debug line) is told once or a few times, the latest, and counted beyond that.
 */
import { assert } from "#base/Assert.ts"
import type { RecordedCheck, RecordedEvent, Recording } from "./Recording.ts"

/** Where a failed check points. */
export interface Point {
  readonly check: RecordedCheck
  readonly atMicros: number
  /** Absent when the judge blames no single node. */
  readonly node: number | undefined
  /** Lanes concerned, in order. */
  readonly lanes: ReadonlyArray<number>
}

/** An event worth reading. */
export interface Step {
  /** Position in `recording.events`. */
  readonly index: number
  readonly event: RecordedEvent
  /** How many alike came before it and are left out. */
  readonly alike: number
  /** True when some alike were left out: a heartbeat, mostly. */
  readonly common: boolean
}

/** Events looked at behind a judge's point: beyond them the cause is better sought in the page. */
const scannedMax = 20_000

/** Steps that the first view of a point shows: from the least, it takes more until a long silence, up to the most. */
const windowSteps = { least: 8, most: 24 } as const

/** A silence is long when it is this many times what the view spans already. */
const silence = 1.5

/** Times that an everyday event is told in one story: the order of disk operations is often the story itself. */
const toldMax = { message: 1, disk: 6, trace: 2, operation: Infinity, node: Infinity } as const

const verdictOrder = { fail: 0, unknown: 1, pass: 2 } as const

/** The checks, failed ones first, otherwise in their own order. */
export const sortedChecks = (recording: Recording): ReadonlyArray<RecordedCheck> =>
  recording.checks.toSorted((left, right) => verdictOrder[left.verdict] - verdictOrder[right.verdict])

/** The lanes of an event; none means all. */
export const lanesOf = (event: RecordedEvent): ReadonlyArray<number> => {
  switch (event.type) {
    case "message":
      return [event.from, event.to]
    case "fault":
      return event.nodes
    case "phase":
      return []
    default:
      return [event.node]
  }
}

/** True when `name` stands in `text` as a whole word: `node-1` is not in `node-12`. */
const mentions = (text: string, name: string): boolean => {
  if (name === "") return false
  const isWord = (character: string | undefined): boolean => character !== undefined && /[\p{L}\p{N}_]/u.test(character)
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    if (!isWord(text[at - 1]) && !isWord(text[at + name.length])) return true
  }
  return false
}

/** Where `check` points: at its own time, or else at the end of the run. */
export const pointOf = (recording: Recording, check: RecordedCheck): Point => {
  const concerned = new Set<number>()
  recording.lanes.forEach((lane, index) => {
    if (index === check.node || mentions(check.detail, lane.name)) concerned.add(index)
  })
  const isServer = (index: number): boolean => recording.lanes[index]?.kind === "server"
  if (![...concerned].some(isServer)) {
    recording.lanes.forEach((_, index) => (isServer(index) || concerned.size === 0) && concerned.add(index))
  }
  return {
    check,
    atMicros: check.atMicros ?? recording.virtualMicros,
    node: check.node !== undefined && check.node < recording.lanes.length ? check.node : undefined,
    lanes: [...concerned].toSorted((left, right) => left - right)
  }
}

/** The point of a run that failed: of the first failed check with a time, or else of the first failed one. */
export const mainPoint = (recording: Recording): Point | undefined => {
  const failed = recording.checks.filter((check) => check.verdict === "fail")
  const check = failed.find((one) => one.atMicros !== undefined) ?? failed[0]
  return check === undefined ? undefined : pointOf(recording, check)
}

/** Two events with one key are told as repetitions; `undefined`: each is worth its line. */
const repetitionKey = (event: RecordedEvent): string | undefined => {
  switch (event.type) {
    case "message":
      return ["m", event.from, event.to, event.fate, event.label].join("\0")
    case "disk":
      return event.result === "ok" ? ["d", event.node, event.operation, event.path].join("\0") : undefined
    case "trace":
      return event.level === "debug" || event.level === "info"
        ? ["t", event.node, event.name, JSON.stringify(event.fields)].join("\0")
        : undefined
    default:
      return undefined
  }
}

/** The last `count` events worth reading up to `point`, in time order. O(events scanned), which has a bound. */
export const stepsBefore = (recording: Recording, point: Point, count: number): ReadonlyArray<Step> => {
  assert(count >= 0, "a story has a non-negative number of steps")
  const concerned = new Set(point.lanes)
  const told = new Map<string, { times: number; left: number; first: number }>()
  const chosen: Array<{ index: number; key: string | undefined }> = []
  const { events } = recording
  const last = events.findLastIndex((event) => event.at <= point.atMicros)
  for (let index = last; index >= 0 && index > last - scannedMax && chosen.length < count; index--) {
    const event = events[index]
    if (event === undefined || event.type === "fault" || event.type === "phase") continue
    if (!lanesOf(event).some((lane) => concerned.has(lane))) continue
    const key = repetitionKey(event)
    const before = key === undefined ? undefined : told.get(key)
    if (before !== undefined && before.times >= toldMax[event.type]) {
      before.left++
      continue
    }
    if (before !== undefined) {
      before.times++
      before.first = index
    } else if (key !== undefined) told.set(key, { times: 1, left: 0, first: index })
    chosen.push({ index, key })
  }
  return chosen.toReversed().map(({ index, key }) => {
    const event = events[index]
    assert(event !== undefined, "a chosen event exists")
    const repetition = key === undefined ? undefined : told.get(key)
    return {
      index,
      event,
      alike: repetition !== undefined && repetition.first === index ? repetition.left : 0,
      common: (repetition?.left ?? 0) > 0
    }
  })
}

/** The span of time in which the causes of `point` can be seen: its last uncommon steps up to a silence, and a little after it. */
export const windowOf = (recording: Recording, point: Point): readonly [fromMicros: number, toMicros: number] => {
  const steps = stepsBefore(recording, point, 4 * windowSteps.most)
  let from = point.atMicros
  let seen = 0
  for (const { event, common } of steps.toReversed()) {
    if (common) continue
    const at = event.type === "message" ? event.sentAt : event.type === "disk" ? event.submittedAt : event.at
    const span = point.atMicros - from
    if (seen >= windowSteps.most || (seen >= windowSteps.least && from - at > silence * span)) break
    from = Math.min(from, at)
    seen++
  }
  const span = Math.max(point.atMicros - from, 2_000)
  return [Math.max(0, Math.round(point.atMicros - span * 1.1)), Math.round(point.atMicros + span * 0.22)]
}
