/** Reads a packed history into columns, and finds what is in view. */
import type { PackedHistory } from "../../PackedHistory.ts"
import type { HistoryLine, HistoryModel, HistoryPart, HistoryScale } from "./Types.ts"

export function historyModel(packed: PackedHistory): HistoryModel {
  const { count, rows, words } = packed
  const width = 8
  const blockSize = 256
  const lane = new Int32Array(count)
  const outcome = new Uint8Array(count)
  const call = new Float64Array(count)
  const invoked = new Float64Array(count).fill(-1)
  const end = new Float64Array(count)
  const part = new Int32Array(count).fill(-1)

  let before = 0
  let latest = 0
  let invokedBefore = 0
  for (let operation = 0; operation < count; operation++) {
    const at = operation * width
    lane[operation] = rows[at]
    outcome[operation] = rows[at + 3]
    before += rows[at + 4]
    call[operation] = before
    if (rows[at + 6] >= 0) invoked[operation] = invokedBefore += rows[at + 6]
    end[operation] = rows[at + 5] < 0 ? Infinity : before + rows[at + 5]
    latest = Math.max(latest, before, rows[at + 5] < 0 ? 0 : end[operation])
  }
  const first = count === 0 ? 0 : call[0]
  const total = latest + 1

  const barEnd = end.slice()
  const next = new Float64Array(packed.lanes.length).fill(total)
  const blockEnds = new Float64Array(Math.ceil(count / blockSize)).fill(-1)
  for (let operation = count - 1; operation >= 0; operation--) {
    if (end[operation] === Infinity) barEnd[operation] = Math.max(call[operation] + 0.5, next[lane[operation]] - 0.25)
    next[lane[operation]] = call[operation]
    const block = Math.floor(operation / blockSize)
    blockEnds[block] = Math.max(blockEnds[block], barEnd[operation])
  }

  const parts = packed.parts.map((one, index): HistoryPart => {
    let last = 0
    const operations = Int32Array.from(one.operations, (distance) => (last += distance))
    for (const operation of operations) part[operation] = index
    const lines = one.lines.map(({ before: skipped, points }): HistoryLine => {
      const length = points.length / 3
      const operation = Int32Array.from({ length }, (_, at) => points[at * 3])
      return {
        before: skipped,
        operation,
        place: Float64Array.from({ length }, (_, at) => call[points[at * 3]] + points[at * 3 + 1]),
        state: Int32Array.from({ length }, (_, at) => points[at * 3 + 2]),
        at: new Map(Array.from(operation, (row, at) => [row, at]))
      }
    })
    return { packed: one, operations, lines, minimal: new Set(one.minimal) }
  })

  const within = (from: number, to: number, visit: (operation: number) => void): void => {
    for (let block = 0; block < blockEnds.length; block++) {
      if (blockEnds[block] < from) continue
      const start = block * blockSize
      if (call[start] > to) return
      for (let operation = start; operation < Math.min(start + blockSize, count); operation++) {
        if (call[operation] > to) return
        if (barEnd[operation] >= from) visit(operation)
      }
    }
  }

  const whole: HistoryScale = { to: (place) => place, back: (position) => position, total }
  const scales = new Map<number, HistoryScale>()
  const scaleOf = (operations: Int32Array): HistoryScale => {
    const events: Array<number> = []
    for (const operation of operations) {
      events.push(call[operation])
      if (end[operation] < Infinity) events.push(end[operation])
    }
    const sorted = Float64Array.from(events).sort()
    /** How many events are at or before a place. */
    const before = (place: number): number => {
      let low = 0
      let high = sorted.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if (sorted[middle] <= place) low = middle + 1
        else high = middle
      }
      return low
    }
    return {
      to: (place) => {
        const at = before(place) - 1
        return at < 0 ? Math.max(-1, place - sorted[0]) : at + Math.min(1, place - sorted[at])
      },
      back: (position) => {
        const at = Math.min(Math.max(0, Math.floor(position)), sorted.length - 1)
        return sorted[at] + position - at
      },
      total: sorted.length
    }
  }
  const scale = (index: number): HistoryScale => {
    const chosen = parts[index]
    if (chosen === undefined || parts.length === 1 || chosen.operations.length === 0) return whole
    const known = scales.get(index) ?? scaleOf(chosen.operations)
    scales.set(index, known)
    return known
  }

  return {
    ...{ packed, scale, count, lane, outcome, call, end, barEnd, part, parts, within, first, total },
    who: (operation) => words[rows[operation * width + 1]],
    words: (operation) => words[rows[operation * width + 2]],
    state: (line, position) => (line.state[position] < 0 ? undefined : words[line.state[position]]),
    times: (operation) => [invoked[operation], rows[operation * width + 7]]
  }
}
