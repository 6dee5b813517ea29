/** Paints lanes, bars of operations, the axis of events, and the first point where nothing fits. */
import type { HistoryFrame } from "./Types.ts"

export function paintHistory(frame: HistoryFrame) {
  const { pen, theme, model, state, width, height, gutter, lanesTop, laneHeight, barHeight } = frame
  const { color } = theme
  const { lanes } = model.packed
  const part = model.parts[state.part]
  const line = part?.lines[Math.min(state.line, part.lines.length - 1)]
  const marked = new Map((model.packed.anomalies[state.anomaly] ?? []).map((row, at) => [row, "T" + (at + 1)]))
  /** Who is in view in each lane, for the gutter. */
  const seen = lanes.map(() => new Set<string>())

  const bands = (): void => {
    for (let lane = 0; lane < lanes.length; lane++) {
      const top = frame.y(lane) - laneHeight / 2
      if (top > height || top + laneHeight < lanesTop) continue
      pen.fillStyle = lane % 2 === 0 ? color.band : color.card
      pen.fillRect(gutter, top, width - gutter, laneHeight)
    }
  }

  /** What stays open while its lane goes on: a dashed line below the bars. */
  const tails = (): void => {
    const from = new Float64Array(lanes.length).fill(Infinity)
    for (let operation = 0; operation < model.count && model.call[operation] <= state.to; operation++) {
      if (model.end[operation] !== Infinity || model.outcome[operation] !== 2 || !frame.isShown(operation)) continue
      const lane = model.lane[operation]
      from[lane] = Math.min(from[lane], model.barEnd[operation])
    }
    pen.strokeStyle = color.amber
    pen.lineWidth = 1.2
    pen.setLineDash([2, 4])
    pen.beginPath()
    for (let lane = 0; lane < lanes.length; lane++) {
      if (from[lane] >= model.total - 1) continue
      const y = frame.y(lane) + barHeight / 2 + 3
      pen.moveTo(Math.max(gutter, frame.x(from[lane])), y)
      pen.lineTo(width, y)
    }
    pen.stroke()
    pen.setLineDash([])
  }

  const inkOf = (operation: number): string => {
    if (part !== undefined && operation === part.packed.stuck) return color.fail
    if (marked.has(operation)) return color.accent
    const outcome = model.outcome[operation]
    return outcome === 0 ? color.green : outcome === 1 ? color.vermilion : color.amber
  }

  const bar = (operation: number): void => {
    const left = Math.max(frame.x(model.call[operation]), gutter - 20)
    const right = Math.min(Math.max(frame.x(model.barEnd[operation]), left + 3), width + 20)
    const middle = frame.y(model.lane[operation])
    const top = middle - barHeight / 2
    const ink = inkOf(operation)
    const stuck = part !== undefined && operation === part.packed.stuck
    const strong = stuck || marked.has(operation)
    const open = model.end[operation] === Infinity && model.outcome[operation] === 2
    pen.beginPath()
    pen.roundRect(left, top, right - left, barHeight, Math.min(5, (right - left) / 2))
    pen.fillStyle = color.card
    pen.fill()
    pen.globalAlpha = stuck ? 1 : strong ? 0.35 : right - left < 6 ? 0.75 : 0.16
    pen.fillStyle = ink
    pen.fill()
    pen.globalAlpha = 1
    if (right - left < 6 && !strong) return
    const needed = part?.minimal.has(operation) === true
    pen.strokeStyle = needed && !stuck ? color.accent : ink
    pen.lineWidth = needed || strong ? 2.6 : 1.2
    pen.setLineDash(open ? [5, 3] : [])
    pen.stroke()
    pen.setLineDash([])
    if (operation === state.selected || operation === state.hover) {
      pen.strokeStyle = color.ink
      pen.lineWidth = operation === state.selected ? 2 : 1
      pen.beginPath()
      pen.roundRect(left - 3, top - 3, right - left + 6, barHeight + 6, 7)
      pen.stroke()
    }
    name(operation, left, right, stuck ? color.card : ink, stuck)
  }

  const name = (operation: number, left: number, right: number, ink: string, stuck: boolean): void => {
    const sign = stuck ? "✗ " : model.outcome[operation] === 1 ? "✗ " : model.outcome[operation] === 2 ? "? " : ""
    const badge = marked.get(operation)
    const text = (badge === undefined ? "" : badge + " ") + sign + model.words(operation)
    const from = Math.max(left, gutter) + (line?.at.has(operation) === true ? 24 : 5)
    const room = Math.min(right, width) - 5 - from
    const middle = frame.y(model.lane[operation])
    pen.font = theme.font(11, 600)
    pen.textAlign = "left"
    pen.textBaseline = "middle"
    const full = pen.measureText(text).width
    // A mark may lie on the bar: its text then stands beside it.
    const hasMark = line?.at.has(operation) === true && room < full + 40
    if (!hasMark && (full <= room || (room > 46 && model.outcome[operation] !== 1))) {
      pen.fillStyle = ink
      let shown = text
      if (full > room) shown = text.slice(0, Math.max(1, Math.floor((text.length * (room - 14)) / full))) + "…"
      pen.fillText(shown, from, middle + 0.5)
      return
    }
    // At the right edge it stands further left, so that all of it can be read.
    const start = Math.max(gutter + 4, Math.min(left, width - full - 6))
    const above = middle - barHeight / 2 - 8
    const below = middle + barHeight / 2 + 9
    const important = stuck || badge !== undefined || part?.minimal.has(operation) === true
    frame.label({
      texts: [text, text.slice(0, 24)],
      spots: [
        [start, above],
        [start, below]
      ],
      align: "left",
      color: stuck ? color.fail : ink,
      priority: important ? 90 : operation === state.selected ? 95 : 62,
      room: important ? 300 : 170,
      weight: important ? 700 : 500
    })
  }

  const bars = (): void => {
    const paintedTo = new Float64Array(lanes.length).fill(-Infinity)
    const last: Array<number> = []
    model.within(state.from, state.to, (operation) => {
      if (!frame.isShown(operation)) return
      const lane = model.lane[operation]
      if (seen[lane].size < 4) seen[lane].add(model.who(operation))
      const needed = operation === part?.packed.stuck || part?.minimal.has(operation) === true || marked.has(operation)
      if (needed || operation === state.selected) return void last.push(operation)
      const right = frame.x(model.barEnd[operation])
      if (right < paintedTo[lane] + 1) return
      paintedTo[lane] = right
      bar(operation)
    })
    for (const operation of last) bar(operation)
  }

  /** Where nothing fits: what is right of it was not judged. */
  const stuck = (): void => {
    if (part === undefined || part.packed.stuck < 0) return
    const at = frame.x(model.end[part.packed.stuck])
    if (at > width) return
    pen.globalAlpha = 0.55
    pen.fillStyle = color.card
    pen.fillRect(Math.max(at, gutter), lanesTop, width - Math.max(at, gutter), height - lanesTop)
    pen.globalAlpha = 1
    if (at < gutter) return
    pen.strokeStyle = color.fail
    pen.lineWidth = 2
    pen.beginPath()
    pen.moveTo(at, lanesTop - 6)
    pen.lineTo(at, height)
    pen.stroke()
  }

  const axis = (): void => {
    pen.fillStyle = color.card
    pen.fillRect(0, 0, width, lanesTop)
    pen.strokeStyle = color.line
    pen.lineWidth = 1
    pen.beginPath()
    pen.moveTo(0, lanesTop - 0.5)
    pen.lineTo(width, lanesTop - 0.5)
    pen.stroke()
    // 1, 2, 5, 10, 20, ...
    let step = 1
    for (let turn = 0; (frame.to - frame.from) / step > 10; turn++) step *= turn % 3 === 1 ? 2.5 : 2
    pen.font = theme.font(11)
    pen.textBaseline = "middle"
    pen.textAlign = "center"
    const last = Math.min(frame.to, frame.scale.total)
    for (let at = Math.max(0, Math.ceil(frame.from / step) * step); at <= last; at += step) {
      const place = frame.scale.back(at)
      const x = frame.x(place)
      if (x < gutter + 10) continue
      pen.fillStyle = color.faint
      pen.fillRect(x - 0.5, lanesTop - 5, 1, 5)
      pen.fillStyle = color.soft
      pen.fillText(String(Math.round(place)), x, lanesTop - 14)
    }
    pen.textAlign = "left"
    pen.fillStyle = color.soft
    pen.fillText("event", 10, lanesTop - 14)
    flag()
  }

  const flag = (): void => {
    if (part === undefined || part.packed.stuck < 0) return
    const at = frame.x(model.end[part.packed.stuck])
    if (at < gutter || at > width) return
    const text = "✗ nothing fits"
    pen.font = theme.font(11, 700)
    const wide = pen.measureText(text).width + 12
    const left = Math.min(Math.max(gutter, at - wide / 2), width - wide - 2)
    pen.fillStyle = color.fail
    pen.beginPath()
    pen.roundRect(left, lanesTop - 24, wide, 18, 4)
    pen.fill()
    pen.fillStyle = color.card
    pen.fillText(text, left + 6, lanesTop - 14.5)
  }

  const gutterNames = (): void => {
    pen.fillStyle = color.card
    pen.fillRect(0, lanesTop, gutter, height - lanesTop)
    pen.save()
    pen.beginPath()
    pen.rect(0, lanesTop, gutter - 4, height - lanesTop)
    pen.clip()
    pen.textAlign = "left"
    pen.textBaseline = "middle"
    for (let lane = 0; lane < lanes.length; lane++) {
      const y = frame.y(lane)
      if (y < lanesTop - 20 || y > height + 20) continue
      const who = [...seen[lane]]
      // "process 3", "process 11" as "process 3, 11".
      const others = who.slice(1, 3).map((name) => ", " + name.replace("process ", ""))
      const inView = who.length === 0 ? "" : who[0] + others.join("") + (who.length > 3 ? " …" : "")
      const text = lanes[lane] !== "" ? lanes[lane] : inView
      pen.font = theme.font(who.length === 0 ? 11 : 12, who.length === 0 ? 400 : 600)
      pen.fillStyle = who.length === 0 ? color.faint : color.ink
      pen.fillText(text, 10, y)
    }
    pen.restore()
    pen.strokeStyle = color.line
    pen.lineWidth = 1
    pen.beginPath()
    pen.moveTo(gutter - 0.5, 0)
    pen.lineTo(gutter - 0.5, height)
    pen.stroke()
  }

  return { bands, tails, bars, stuck, axis, gutterNames }
}
