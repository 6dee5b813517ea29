/** Paints the moments at which operations took effect: numbered marks, joined in their order, with the states between them. */
import type { HistoryFrame, HistoryLine } from "./Types.ts"

export function paintPoints(frame: HistoryFrame): void {
  const { pen, theme, model, state, width } = frame
  const { color } = theme

  const firstFrom = (line: HistoryLine, place: number): number => {
    let low = 0
    let high = line.place.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (line.place[middle] < place) low = middle + 1
      else high = middle
    }
    return low
  }

  /** On the bar, or on the dashed line of what stays open. */
  const spot = (line: HistoryLine, position: number): readonly [number, number] => {
    const operation = line.operation[position]
    const late = line.place[position] > model.barEnd[operation]
    return [frame.x(line.place[position]), frame.y(model.lane[operation]) + (late ? frame.barHeight / 2 + 3 : 0)]
  }

  const one = (line: HistoryLine, joined: boolean): void => {
    const from = Math.max(0, firstFrom(line, state.from) - 1)
    const to = Math.min(line.place.length, firstFrom(line, state.to) + 1)
    const shown = Array.from({ length: Math.max(0, to - from) }, (_, at) => from + at).filter((position) =>
      frame.isShown(line.operation[position])
    )
    if (joined && shown.length <= 1_500) {
      pen.strokeStyle = color.purple
      pen.globalAlpha = shown.length > 200 ? 0.25 : 0.5
      pen.lineWidth = 1.4
      pen.beginPath()
      for (const position of shown) pen.lineTo(...spot(line, position))
      pen.stroke()
      pen.globalAlpha = 1
    }
    const roomy = shown.length * 22 <= width
    const numbered = joined && shown.length * 15 <= width
    const columns = new Set<string>()
    for (const position of shown) {
      const [x, y] = spot(line, position)
      // Far out, one mark for each place on the screen.
      const column = Math.floor(x / 3) + "," + y
      if (!numbered && columns.has(column)) continue
      columns.add(column)
      mark(line, position, x, y, numbered, roomy && joined)
    }
  }

  const mark = (
    line: HistoryLine,
    position: number,
    x: number,
    y: number,
    numbered: boolean,
    withState: boolean
  ): void => {
    const text = String(line.before + position + 1)
    pen.font = theme.font(10, 700)
    const radius = numbered ? Math.max(8, pen.measureText(text).width / 2 + 3) : 2.6
    pen.beginPath()
    pen.arc(x, y, radius, 0, Math.PI * 2)
    pen.fillStyle = color.purple
    pen.fill()
    pen.strokeStyle = color.card
    pen.lineWidth = 1.5
    pen.stroke()
    if (!numbered) return
    pen.fillStyle = color.card
    pen.textAlign = "center"
    pen.textBaseline = "middle"
    pen.fillText(text, x, y + 0.5)
    const after = model.state(line, position)
    if (!withState || after === undefined || after === (position > 0 ? model.state(line, position - 1) : undefined))
      return
    frame.label({
      texts: ["= " + after, "= " + after.slice(0, 16)],
      spots: [
        [x, y + frame.barHeight / 2 + 9],
        [x, y - frame.barHeight / 2 - 8]
      ],
      align: "center",
      color: color.purple,
      priority: 60,
      room: 130,
      weight: 500
    })
  }

  const chosen = state.part < 0 ? model.parts : model.parts.slice(state.part, state.part + 1)
  for (const part of chosen) {
    const line = part.lines[state.part < 0 ? 0 : Math.min(state.line, part.lines.length - 1)]
    if (line !== undefined) one(line, chosen.length === 1)
  }
}
