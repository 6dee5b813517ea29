/**
 * Messages: an arrow from (sender, sent) to (receiver, arrived), its colour, dash and end by its fate. When too many are in view to
 * be told apart, the delivered ones become an outline of how busy each lane is, and the others one line a few pixels.
 */
import type { Segment } from "./Place.ts"
import type { Frame } from "./Types.ts"

export function paintMessages(frame: Frame) {
  const { pen, theme, model, state, geometry } = frame
  const colors = ["delivered", "duplicate", "lost", "cut", "dead"].map((name) => theme.color[name])
  const dashes: ReadonlyArray<ReadonlyArray<number>> = [[], [7, 3], [5, 4], [2, 3], [1, 3]]
  const drawnMax = 1_400
  const thinnedMax = 500

  const head = (line: Segment, size: number): void => {
    const angle = Math.atan2(line.y1 - line.y0, line.x1 - line.x0)
    const x = line.x1 - Math.cos(angle) * 2
    const y = line.y1 - Math.sin(angle) * 2
    pen.moveTo(x, y)
    pen.lineTo(x - size * Math.cos(angle - 0.42), y - size * Math.sin(angle - 0.42))
    pen.lineTo(x - size * Math.cos(angle + 0.42), y - size * Math.sin(angle + 0.42))
    pen.closePath()
  }

  /** What stands where a message ended that did not arrive. */
  const mark = (line: Segment, kind: number, size: number): void => {
    const { x1: x, y1: y } = line
    pen.beginPath()
    if (kind === 2) {
      pen.moveTo(x - size, y - size)
      pen.lineTo(x + size, y + size)
      pen.moveTo(x + size, y - size)
      pen.lineTo(x - size, y + size)
    } else if (kind === 3) {
      const angle = Math.atan2(line.y1 - line.y0, line.x1 - line.x0) + Math.PI / 2
      pen.moveTo(x - Math.cos(angle) * size * 1.4, y - Math.sin(angle) * size * 1.4)
      pen.lineTo(x + Math.cos(angle) * size * 1.4, y + Math.sin(angle) * size * 1.4)
    } else {
      pen.moveTo(x + size, y)
      pen.arc(x, y, size, 0, Math.PI * 2)
    }
    pen.stroke()
  }

  /** Draws these messages of one kind, in few strokes. */
  const draw = (
    kind: number,
    indexes: ReadonlyArray<number>,
    look: { readonly alpha: number; readonly width: number; readonly color?: string }
  ): void => {
    const lines = indexes.map((index) => frame.place.segment(index)).filter((line) => line !== undefined)
    pen.globalAlpha = look.alpha
    pen.strokeStyle = pen.fillStyle = look.color ?? colors[kind]
    pen.lineWidth = look.width
    pen.setLineDash(lines.length > 300 ? [] : dashes[kind])
    pen.beginPath()
    for (const line of lines) {
      pen.moveTo(line.x0, line.y0)
      pen.lineTo(line.x1, line.y1)
    }
    pen.stroke()
    pen.setLineDash([])
    if (kind <= 1) {
      pen.beginPath()
      for (const line of lines) if (line.done) head(line, 5.5 + look.width * 1.6)
      pen.fill()
    } else {
      pen.lineWidth = look.width + 0.8
      for (const line of lines) if (line.done) mark(line, kind, lines.length > 150 ? 2.5 : 4.5)
    }
    pen.globalAlpha = 1
  }

  const label = (index: number): void => {
    const line = frame.place.segment(index)
    if (line === undefined || frame.late(index)) return
    const kind = model.kind[index]
    const length = Math.hypot(line.x1 - line.x0, line.y1 - line.y0)
    const at = (share: number) =>
      [line.x0 + (line.x1 - line.x0) * share, line.y0 + (line.y1 - line.y0) * share] as const
    const fates = ["", " (duplicate)", " (lost)", " (cut)", " (nobody there)"]
    const near = Math.min(0.45, 44 / Math.max(1, Math.abs(line.y1 - line.y0)))
    const spots = (kind >= 2 && kind <= 3 ? [0.55, 0.85] : [near, near * 1.45, 0.5, 0.62, 0.75]).map(at)
    const texts = [model.label(index) + fates[kind], model.label(index)]
    const color = kind === 0 ? theme.color.soft : colors[kind]
    frame.label({
      texts,
      spots,
      align: "center",
      color,
      priority: kind === 0 ? 20 : 42,
      room: Math.max(70, length * 1.6)
    })
  }

  /** Labels for these messages; in a crowd only for the uncommon ones in words: heartbeats and bytes would hide the rest. */
  const name = (indexes: ReadonlyArray<number>): void => {
    const times = new Map<string, number>()
    for (const index of indexes) times.set(model.label(index), (times.get(model.label(index)) ?? 0) + 1)
    const commonFrom = indexes.length <= 40 ? Infinity : Math.max(4, indexes.length * 0.06)
    const isBytes = /^([0-9a-f]{2} ){3}/
    for (const index of indexes) {
      const text = model.label(index)
      if ((times.get(text) ?? 0) < commonFrom && (indexes.length <= 12 || !isBytes.test(text))) label(index)
    }
  }

  /** How busy each lane is, a column each few pixels: the outline around its lifeline. */
  const outline = (indexes: ReadonlyArray<number>): void => {
    const step = 3
    const columns = Math.ceil((geometry.width - geometry.gutter) / step) + 1
    const counts = geometry.boxes.map(() => new Uint32Array(columns))
    let most = 1
    const count = (lane: number, micros: number): void => {
      const column = Math.floor((frame.x(micros) - geometry.gutter) / step)
      if (column >= 0 && column < columns) most = Math.max(most, ++counts[lane][column])
    }
    for (const index of indexes) {
      count(model.lane[index], model.start[index])
      count(model.peer[index], model.end[index])
    }
    pen.fillStyle = theme.color.delivered
    pen.globalAlpha = 0.3
    for (const box of geometry.boxes) {
      if (box === undefined) continue
      const tall = Math.min(44, box.height * 0.36)
      pen.beginPath()
      counts[box.lane].forEach((number, column) => {
        if (number === 0) return
        const half = 2 + Math.sqrt(number / most) * tall
        pen.rect(geometry.gutter + column * step, box.middle - half, step, half * 2)
      })
      pen.fill()
    }
    pen.globalAlpha = 1
  }

  /** One of each few pixels and pair of lanes stands for the others. */
  const thin = (indexes: ReadonlyArray<number>): ReadonlyArray<number> => {
    const seen = new Set<number>()
    const lanes = model.packed.lanes.length
    return indexes.filter((index) => {
      const column = Math.round(frame.x(model.end[index]) / 5) + 1_000
      const key = (column * lanes + model.lane[index]) * lanes + model.peer[index]
      return !seen.has(key) && seen.size < thinnedMax && seen.add(key)
    })
  }

  const all = (): void => {
    const byKind: ReadonlyArray<Array<number>> = [[], [], [], [], []]
    let total = 0
    model.messages.within(state.from, state.to, (index) => {
      if (state.mask[index] === 0) return
      byKind[model.kind[index]].push(index)
      total++
    })
    const crowded = total > drawnMax
    frame.dense = crowded ? byKind[0].length + byKind[1].length : 0
    if (crowded) outline([...byKind[0], ...byKind[1]])
    else {
      draw(0, byKind[0], { alpha: Math.min(0.85, Math.max(0.28, 150 / (total + 1))), width: 1.2 })
      draw(1, byKind[1], { alpha: 0.9, width: 1.3 })
    }
    for (const kind of [4, 3, 2]) {
      const few = crowded ? thin(byKind[kind]) : byKind[kind]
      draw(kind, few, { alpha: crowded ? 0.5 : 0.9, width: 1.3 })
    }
    if (total <= 400) name(byKind.flat())
  }

  /** One message, as selected or under the mouse. */
  const emphasise = (index: number, color: string): void => {
    draw(model.kind[index], [index], { alpha: 1, width: 2.6, color })
  }

  return { all, emphasise }
}
