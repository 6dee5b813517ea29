/** The reader of `reports/Packed.ts`: from one array of numbers to columns that can be drawn 60 times a second. */
import type { Packed } from "../Packed.ts"
import type {
  DiskEvent,
  FaultEvent,
  MessageEvent,
  NodeEvent,
  OperationEvent,
  PhaseEvent,
  RecordedEvent,
  TraceEvent
} from "../Recording.ts"
import type { FaultBar, LifeSpan, Model, TimeIndex } from "./Types.ts"

/** Unpacks. O(events · log events), once; `event(index)` makes one object on demand. */
export function model(packed: Packed): Model {
  const { count, rows, words, shapes, lanes } = packed
  const kind = new Uint8Array(count)
  const lane = new Int16Array(count).fill(-1)
  const peer = new Int16Array(count).fill(-1)
  const start = new Float64Array(count)
  const end = new Float64Array(count)
  const offset = new Uint32Array(count)
  const times = new Float64Array(count)
  const fates = ["delivered", "duplicate", "lost", "cut", "dead"] as const
  const levels = ["debug", "info", "warn", "error"] as const
  const outcomes = ["ok", "failed", "unknown"] as const
  const groups = ["network", "disk", "clock", "process"] as const

  let position = 0
  let now = 0
  let latest = packed.virtualMicros
  for (let index = 0; index < count; index++) {
    const code = rows[position]
    now += rows[position + 1]
    offset[index] = position
    kind[index] = code
    times[index] = now
    start[index] = now
    end[index] = now
    if (code < 18 && (code < 14 || code > 17)) lane[index] = rows[position + 2]
    if (code === 18) lane[index] = rows[position + 2]
    if (code <= 4) {
      peer[index] = rows[position + 3]
      start[index] = now - rows[position + 4]
      position += 8
    } else if (code <= 6) {
      start[index] = now - rows[position + 3]
      position += 8
    } else if (code <= 10) position += 5 + shapes[rows[position + 4]].length
    else if (code <= 13) {
      end[index] = rows[position + 3] < 0 ? Math.max(packed.virtualMicros, now) : now + rows[position + 3]
      position += 6
    } else if (code <= 17) {
      end[index] = now + rows[position + 2]
      position += 6 + rows[position + 5]
    } else position += code === 18 ? 5 : 3
    if (now > latest) latest = now
  }

  const word = (at: number): string => String(words[rows[at]])

  const event = (index: number): RecordedEvent => {
    const at = times[index]
    const o = offset[index]
    const code = kind[index]
    if (code <= 4) {
      const ends = { from: rows[o + 2], to: rows[o + 3], sentAt: start[index], at }
      const channel = rows[o + 7] === 1 ? "stream" : "datagram"
      return {
        type: "message",
        channel,
        ...ends,
        fate: fates[code],
        sizeBytes: rows[o + 5],
        label: word(o + 6)
      } satisfies MessageEvent
    }
    if (code <= 6) {
      const what = { operation: word(o + 4), path: word(o + 5), sizeBytes: rows[o + 6], result: word(o + 7) }
      return { type: "disk", node: rows[o + 2], submittedAt: start[index], at, ...what } satisfies DiskEvent
    }
    if (code <= 10) {
      const fields: Record<string, string | number | boolean> = {}
      shapes[rows[o + 4]].forEach((name, field) => {
        const key = String(words[name])
        Object.defineProperty(fields, key, {
          value: words[rows[o + 5 + field]],
          enumerable: true,
          configurable: true,
          writable: true
        })
      })
      return {
        type: "trace",
        at,
        node: rows[o + 2],
        level: levels[code - 7],
        name: word(o + 3),
        fields
      } satisfies TraceEvent
    }
    if (code <= 13) {
      const until = rows[o + 3] < 0 ? {} : { until: end[index] }
      const what = { label: word(o + 4), outcome: outcomes[code - 11], result: word(o + 5) }
      return { type: "operation", node: rows[o + 2], at, ...until, ...what } satisfies OperationEvent
    }
    if (code <= 17) {
      const nodes = rows.slice(o + 6, o + 6 + rows[o + 5])
      const what = { kind: word(o + 3), group: groups[code - 14], nodes, detail: word(o + 4) }
      return { type: "fault", at, until: end[index], ...what } satisfies FaultEvent
    }
    if (code === 18)
      return { type: "node", at, node: rows[o + 2], change: word(o + 3) as NodeEvent["change"], detail: word(o + 4) }
    return { type: "phase", at, name: word(o + 2) as PhaseEvent["name"] }
  }

  const label = (index: number): string => {
    const o = offset[index]
    const code = kind[index]
    if (code <= 4) return word(o + 6)
    if (code <= 6) return word(o + 7) === "ok" ? word(o + 4) : word(o + 4) + " " + word(o + 7)
    if (code <= 10) return word(o + 3)
    if (code <= 13) return word(o + 4) + (word(o + 5) === "" ? "" : " → " + word(o + 5))
    return word(code === 19 ? o + 2 : o + 3)
  }

  const timeIndex = (from: number, to: number): TimeIndex => {
    const list: Array<number> = []
    for (let index = 0; index < count; index++) if (kind[index] >= from && kind[index] <= to) list.push(index)
    const order = Int32Array.from(list.sort((left, right) => start[left] - start[right] || left - right))
    const longest = new Float64Array(order.length)
    let furthest = -Infinity
    for (let place = 0; place < order.length; place++) longest[place] = furthest = Math.max(furthest, end[order[place]])
    const within = (since: number, until: number, visit: (index: number) => void): void => {
      let low = 0
      let high = order.length
      while (low < high) {
        const half = (low + high) >> 1
        if (longest[half] < since) low = half + 1
        else high = half
      }
      for (let place = low; place < order.length && start[order[place]] <= until; place++) {
        if (end[order[place]] >= since) visit(order[place])
      }
    }
    return { order, within }
  }

  const messages = timeIndex(0, 4)
  const disk = timeIndex(5, 6)
  const traces = timeIndex(7, 10)
  const operations = timeIndex(11, 13)
  const changes = timeIndex(18, 18)

  /** Puts bars that overlap into rows of their lane, at most `rowsMax`. */
  const row = new Uint8Array(count)
  const rowsOfLane = new Uint8Array(lanes.length).fill(1)
  const packRows = (index: TimeIndex, rowsMax: number, counted: boolean): void => {
    const busyUntil = lanes.map(() => new Array<number>())
    for (const one of index.order) {
      const busy = busyUntil[lane[one]]
      if (busy === undefined) continue
      let free = busy.findIndex((until) => until <= start[one])
      if (free < 0) free = busy.length < rowsMax ? busy.length : busy.indexOf(Math.min(...busy))
      busy[free] = end[one]
      row[one] = free
      if (counted) rowsOfLane[lane[one]] = Math.max(rowsOfLane[lane[one]], busy.length)
    }
  }
  packRows(operations, 4, true)
  packRows(disk, 3, false)

  const faults: Array<FaultBar> = []
  const busyFaults: Array<number> = []
  for (const index of timeIndex(14, 17).order) {
    const fault = event(index) as FaultEvent
    let free = busyFaults.findIndex((until) => until <= fault.at)
    if (free < 0) free = busyFaults.length < 6 ? busyFaults.length : busyFaults.indexOf(Math.min(...busyFaults))
    busyFaults[free] = Math.max(fault.until, fault.at + packed.virtualMicros / 400)
    const which = fault.nodes.length === 0 ? lanes.map((_, one) => one) : fault.nodes
    const names = which.length === lanes.length ? "all" : which.map((one) => lanes[one]?.name ?? one).join(", ")
    const wide = fault.kind + " · " + names
    faults.push({ index, from: fault.at, to: fault.until, group: fault.group, label: wide, lanes: which, row: free })
  }

  const life = lanes.map((_, which): Array<LifeSpan> => {
    const spans: Array<LifeSpan> = []
    let since = -Infinity
    let state: LifeSpan["state"] = "up"
    let first = true
    for (const index of changes.order) {
      if (lane[index] !== which) continue
      const change = word(offset[index] + 3)
      if (first && change === "start" && times[index] > 0) state = "down"
      first = false
      const next = change === "start" || change === "resume" ? "up" : change === "pause" ? "paused" : "down"
      if (change === "resume" && state !== "paused") continue
      spans.push({ from: since, to: times[index], state })
      since = times[index]
      state = next
    }
    spans.push({ from: since, to: Infinity, state })
    return spans
  })

  const phases = Array.from({ length: count }, (_, index) => index)
    .filter((index) => kind[index] === 19)
    .map((index) => ({ at: times[index], name: word(offset[index] + 2) }))

  const columns = { kind, lane, peer, start, end, row, rowsOfLane, event, label }
  const indexes = { messages, disk, traces, operations, changes, faults, phases, life }
  return { packed, count, ...columns, ...indexes, faultRows: busyFaults.length, totalMicros: Math.max(1, latest) }
}
