/** What happens on a lane: disk operations below the lifeline, clients' operations on it, trace events as dots, changes as signs. */
import type { Frame } from "./Types.ts"

export function paintEvents(frame: Frame) {
  const { pen, theme, model, state, geometry } = frame
  const { color } = theme

  const disk = (): void => {
    const paintedTo = new Float64Array(model.packed.lanes.length * 3).fill(-Infinity)
    const failed: Array<number> = []
    let seen = 0
    pen.fillStyle = color.disk
    model.disk.within(state.from, state.to, (index) => {
      if (state.mask[index] === 0) return
      seen++
      if (model.kind[index] === 6) return void failed.push(index)
      const bar = frame.place.bar(index)
      const row = model.lane[index] * 3 + model.row[index]
      if (bar === undefined || bar.right <= paintedTo[row] + 0.5) return
      paintedTo[row] = bar.right
      pen.globalAlpha = 0.75
      pen.fillRect(bar.left, bar.top, bar.right - bar.left, bar.height)
      if (seen > 500 || frame.late(index)) return
      if (bar.right - bar.left < 7) return
      const middle = (bar.left + bar.right) / 2
      const spots = [bar.top + 13, bar.top + 25].map((y) => [middle, y] as const)
      frame.label({
        texts: [model.label(index)],
        spots,
        align: "center",
        color: color.disk,
        priority: 15,
        room: Math.max(40, bar.right - bar.left + 30)
      })
    })
    pen.globalAlpha = 1
    pen.fillStyle = color.fail
    for (const index of failed) {
      const bar = frame.place.bar(index)
      if (bar === undefined) continue
      pen.fillRect(bar.left, bar.top, Math.max(3, bar.right - bar.left), bar.height)
      const spots = [bar.top + 14, bar.top + 26].map((y) => [(bar.left + bar.right) / 2, y] as const)
      frame.label({
        texts: [model.label(index)],
        spots,
        align: "center",
        color: color.fail,
        priority: 70,
        room: 160,
        weight: 600
      })
    }
  }

  const operation = (index: number): void => {
    const bar = frame.place.bar(index)
    if (bar === undefined) return
    const outcome = model.kind[index]
    const ink = outcome === 11 ? color.green : outcome === 12 ? color.vermilion : color.amber
    const width = bar.right - bar.left
    pen.beginPath()
    pen.roundRect(bar.left, bar.top, width, bar.height, Math.min(4, width / 2))
    pen.fillStyle = color.card
    pen.globalAlpha = 0.9
    pen.fill()
    pen.fillStyle = ink
    pen.globalAlpha = width < 5 ? 0.9 : 0.2
    pen.fill()
    pen.globalAlpha = 1
    if (width < 5) return
    pen.strokeStyle = ink
    pen.lineWidth = 1.3
    pen.setLineDash(outcome === 13 ? [4, 3] : [])
    pen.stroke()
    pen.setLineDash([])
    if (frame.late(index)) return
    const sign = outcome === 11 ? "" : outcome === 12 ? "✗ " : "? "
    const left = Math.max(bar.left, geometry.gutter)
    const right = Math.min(bar.right, geometry.width)
    const middle = bar.top + bar.height / 2
    const full = sign + model.label(index)
    const within = { texts: [full, full.split(" → ")[0]], align: "center" as const, color: ink, weight: 600 }
    pen.font = theme.font(11, 600)
    const inside = pen.measureText(within.texts[1]).width < right - left - 8
    const spots = (inside ? [middle] : [bar.top - 9, bar.top + bar.height + 9]).map(
      (y) => [(left + right) / 2, y] as const
    )
    frame.label({ ...within, spots, priority: inside ? 62 : 40, room: inside ? right - left - 8 : 150 })
  }

  const operations = (): void => {
    const paintedTo = new Float64Array(model.packed.lanes.length * 4).fill(-Infinity)
    model.operations.within(state.from, state.to, (index) => {
      if (state.mask[index] === 0) return
      const row = model.lane[index] * 4 + model.row[index]
      const right = frame.x(model.end[index])
      if (right < paintedTo[row] + 1.2 && model.kind[index] === 11) return
      paintedTo[row] = right
      operation(index)
    })
  }

  const traces = (): void => {
    const columns = Math.ceil(geometry.width / 2) + 2
    const taken = new Uint8Array(model.packed.lanes.length * columns)
    const levels: ReadonlyArray<Array<number>> = [[], [], [], []]
    let seen = 0
    model.traces.within(state.from, state.to, (index) => {
      if (state.mask[index] === 0) return
      seen++
      const level = model.kind[index] - 7
      const column = model.lane[index] * columns + Math.max(0, Math.floor(frame.x(model.start[index]) / 2))
      if (taken[column] > level) return
      taken[column] = level + 1
      levels[level].push(index)
    })
    const looks = [
      { radius: 2.2, fill: color.faint, ink: color.soft, priority: 8, weight: 400 },
      { radius: 3.4, fill: color.blue, ink: color.ink, priority: 48, weight: 400 },
      { radius: 4, fill: color.amber, ink: color.amber, priority: 55, weight: 600 },
      { radius: 5, fill: color.fail, ink: color.fail, priority: 80, weight: 700 }
    ]
    levels.forEach((list, level) => {
      const look = looks[level]
      pen.beginPath()
      for (const index of list) {
        const dot = frame.place.dot(index)
        if (dot === undefined) continue
        pen.moveTo(dot.x + look.radius, dot.y)
        pen.arc(dot.x, dot.y, look.radius, 0, Math.PI * 2)
        if ((level === 0 && seen > 150) || (level === 1 && seen > 600) || frame.late(index)) continue
        const spots = [12, 24, 36].map((above) => [dot.x, dot.y - above] as const)
        const texts = level > 1 || seen <= 40 ? [words(index), model.label(index)] : [model.label(index)]
        frame.label({
          texts,
          spots,
          align: "center",
          color: look.ink,
          priority: look.priority,
          room: level < 2 ? 270 : 340,
          weight: look.weight
        })
      }
      pen.fillStyle = look.fill
      pen.fill()
      pen.strokeStyle = color.card
      pen.lineWidth = 1
      pen.stroke()
    })
  }

  /** A trace event with its fields, as far as a diagram has room for them. */
  const words = (index: number): string => {
    const event = model.event(index)
    if (event.type !== "trace") return ""
    return [event.name, ...Object.entries(event.fields).map(([key, value]) => key + "=" + String(value))]
      .join(" ")
      .slice(0, 60)
  }

  /** The sign of a change in a node's life, drawn so that it is told by its shape alone. */
  const sign = (change: string, x: number, y: number): void => {
    const path = (points: ReadonlyArray<number>): void => {
      pen.beginPath()
      for (let at = 0; at < points.length; at += 2) pen.lineTo(x + points[at], y + points[at + 1])
      pen.closePath()
    }
    const good = change === "start" || change === "resume"
    pen.strokeStyle = color.card
    pen.lineWidth = 3
    pen.fillStyle = good ? color.green : change === "pause" ? color.amber : color.vermilion
    if (good) path([-5, -7, 8, 0, -5, 7])
    else if (change === "pause") path([-6, -7, -2, -7, -2, 7, 2, 7, 2, -7, 6, -7, 6, 7, -6, 7])
    else if (change === "stop" || change === "exit") path([-6, -6, 6, -6, 6, 6, -6, 6])
    else if (change === "wipe") path([0, -9, 9, 0, 0, 9, -9, 0])
    else path([-8, -5, -5, -8, 0, -3, 5, -8, 8, -5, 3, 0, 8, 5, 5, 8, 0, 3, -5, 8, -8, 5, -3, 0])
    pen.stroke()
    pen.fill()
  }

  const changes = (): void => {
    let seen = 0
    model.changes.within(state.from, state.to, (index) => {
      const dot = frame.place.dot(index)
      if (state.mask[index] === 0 || dot === undefined || seen++ > 3_000) return
      const event = model.event(index)
      if (event.type !== "node") return
      sign(event.change, dot.x, dot.y)
      if (frame.late(index)) return
      const good = event.change === "start" || event.change === "resume"
      const long = event.detail === "" ? event.change : event.change + ": " + event.detail
      const look = { color: good ? color.green : color.vermilion, priority: good ? 50 : 75, weight: 700, room: 260 }
      frame.label({
        texts: [long, event.change],
        spots: [
          [dot.x, dot.y + 18],
          [dot.x, dot.y - 17],
          [dot.x, dot.y + 30]
        ],
        align: "center",
        ...look
      })
    })
  }

  return { disk, operations, traces, changes, operation, sign }
}
