/** What a person is led to: the point that a judge means, the selection, the event under the mouse, hits of the search, causes. */
import type { Flag, Frame, Parts } from "./Types.ts"

export function paintMarks(frame: Frame, parts: Pick<Parts, "paintMessages" | "paintEvents">) {
  const { pen, theme, model, state, geometry } = frame
  const { color } = theme
  const { gutter, width, height, lanesTop } = geometry
  const { points, checks } = model.packed

  /** Red from top to bottom at the instant, and a ring on the node's lane. */
  const judge = (): void => {
    for (const point of points) {
      const x = frame.x(point.atMicros)
      if (x < gutter || x > width) continue
      pen.fillStyle = color.fail
      pen.globalAlpha = 0.13
      pen.fillRect(x - 7, lanesTop, 14, height - lanesTop)
      pen.globalAlpha = 1
      pen.fillRect(x - 1.25, lanesTop - 10, 2.5, height - lanesTop + 10)
      const box = geometry.boxes[point.node]
      if (box === undefined) continue
      for (const [ink, lineWidth] of [
        [color.card, 8],
        [color.fail, 3.5]
      ] as const) {
        pen.beginPath()
        pen.arc(x, box.middle, 13, 0, Math.PI * 2)
        pen.strokeStyle = ink
        pen.lineWidth = lineWidth
        pen.stroke()
      }
    }
  }

  /** Where the flags with the checks' names stand on the axis; one at the edge points to where its instant is. */
  const placeFlags = (): ReadonlyArray<Flag> => {
    const taken: Array<Flag> = []
    pen.font = theme.font(12, 700)
    for (const point of points) {
      const exact = frame.x(point.atMicros)
      const full = checks[point.check].name
      const name = "✗ " + (full.length > 36 ? full.slice(0, 35) + "…" : full)
      const text = exact < gutter ? "◂ " + name : exact > width ? name + " ▸" : name
      const wide = pen.measureText(text).width + 14
      const left = Math.min(Math.max(exact - 1.25, gutter), width - wide)
      let row = 0
      while (row < 3 && taken.some((one) => one.row === row && one.left < left + wide && one.right > left)) row++
      taken.push({ left, right: left + wide, row, text })
    }
    return taken
  }

  const flags = (places: ReadonlyArray<Flag>): void => {
    pen.font = theme.font(12, 700)
    pen.textBaseline = "middle"
    pen.textAlign = "left"
    for (const { left, right, row, text } of places) {
      pen.fillStyle = color.fail
      pen.beginPath()
      pen.roundRect(left, 2 + row * 21, right - left, 20, 3)
      pen.fill()
      pen.fillStyle = color.card
      pen.fillText(text, left + 7, 12.5 + row * 21)
    }
  }

  /** One event in a colour that nothing else has. */
  const outline = (index: number, ink: string, lineWidth: number): void => {
    const kind = model.kind[index]
    pen.strokeStyle = ink
    pen.lineWidth = lineWidth
    if (kind <= 4) return parts.paintMessages(frame).emphasise(index, ink)
    pen.beginPath()
    if (kind <= 6 || (kind >= 11 && kind <= 13)) {
      const bar = frame.place.bar(index)
      if (bar === undefined) return
      pen.roundRect(bar.left - 2.5, bar.top - 2.5, bar.right - bar.left + 5, bar.height + 5, 4)
    } else {
      const dot = frame.place.dot(index)
      if (dot === undefined) return
      pen.arc(dot.x, dot.y, kind === 18 ? 12 : 8, 0, Math.PI * 2)
    }
    pen.stroke()
  }

  const hits = (): void => {
    if (state.hits === undefined) return
    let drawn = 0
    for (const index of state.hitList) {
      if (model.end[index] < state.from || model.start[index] > state.to || drawn++ > 1_500) continue
      pen.globalAlpha = 0.85
      outline(index, color.hit, 3)
      pen.globalAlpha = 1
    }
  }

  /** Mist over all that cannot have caused the selection. */
  const mist = (): void => {
    if (state.causes === undefined) return
    for (const box of geometry.boxes) {
      if (box === undefined) continue
      const x = Math.max(gutter, frame.x(state.causes[box.lane]))
      if (x >= width) continue
      pen.globalAlpha = 0.8
      pen.fillStyle = color.card
      pen.fillRect(x, box.top, width - x, box.height)
      pen.globalAlpha = 1
      pen.fillStyle = color.accent
      if (x > gutter) pen.fillRect(x - 1, box.top, 2, box.height)
    }
  }

  const selection = (): void => {
    if (state.hover >= 0 && state.mask[state.hover] === 1) outline(state.hover, color.accent, 1.6)
    const { event } = state.selection
    if (event >= 0 && state.mask[event] === 1) outline(event, color.accent, 2.6)
    if (state.cursor < gutter) return
    pen.strokeStyle = color.faint
    pen.globalAlpha = 0.7
    pen.lineWidth = 1
    pen.beginPath()
    pen.moveTo(Math.round(state.cursor) + 0.5, 22)
    pen.lineTo(Math.round(state.cursor) + 0.5, height)
    pen.stroke()
    pen.globalAlpha = 1
  }

  return { judge, placeFlags, flags, hits, mist, selection }
}
