/** The ground of the diagram: lanes and their lives, faults as shaded spans, phases, the time axis, names of nodes. */
import type { FaultBar, Flag, Frame, LaneBox, Parts } from "./Types.ts"

export function paintLanes(frame: Frame, parts: Pick<Parts, "ticks" | "formatTime">) {
  const { pen, theme, model, state, geometry } = frame
  const { color } = theme
  const { gutter, width, height, lanesTop } = geometry
  const shown = geometry.boxes.filter((box) => box !== undefined)
  const marks = parts.ticks(state.from, state.to, Math.max(2, Math.floor((width - gutter) / 105)))
  const clampX = (micros: number): number => Math.min(Math.max(frame.x(micros), gutter - 20), width + 20)

  const line = (x0: number, y0: number, x1: number, y1: number): void => {
    pen.beginPath()
    pen.moveTo(x0, y0)
    pen.lineTo(x1, y1)
    pen.stroke()
  }

  const bands = (): void => {
    shown.forEach((box, place) => {
      pen.fillStyle = place % 2 === 0 ? color.band : color.card
      pen.fillRect(gutter, box.top, width - gutter, box.height)
    })
    pen.strokeStyle = color.line
    pen.lineWidth = 1
    for (const mark of marks) {
      pen.globalAlpha = mark.major ? 1 : 0.45
      const x = Math.round(frame.x(mark.at)) + 0.5
      line(x, lanesTop, x, height)
    }
    pen.globalAlpha = 1
  }

  /** A fault's shadow over one lane: its colour, its hatch, and firm edges; one that is everywhere leaves a mere tint. */
  const shade = (fault: FaultBar, box: LaneBox, strong: boolean): void => {
    const left = clampX(fault.from)
    const right = Math.max(clampX(fault.to), left + 2)
    if (right < gutter || left > width) return
    const everywhere = fault.lanes.length === model.packed.lanes.length
    pen.globalAlpha = strong ? 0.22 : everywhere ? 0.035 : 0.1
    pen.fillStyle = color[fault.group]
    pen.fillRect(left, box.top + 1, right - left, box.height - 2)
    if (everywhere && !strong) return void (pen.globalAlpha = 1)
    pen.globalAlpha = strong ? 0.35 : 0.1
    pen.fillStyle = theme.hatch(fault.group)
    pen.fillRect(left, box.top + 1, right - left, box.height - 2)
    pen.globalAlpha = 0.7
    pen.strokeStyle = color[fault.group]
    pen.lineWidth = 1
    line(left + 0.5, box.top + 1, left + 0.5, box.top + box.height - 1)
    if (right < width) line(right - 0.5, box.top + 1, right - 0.5, box.top + box.height - 1)
    pen.globalAlpha = 1
    const x = Math.max(left, gutter) + 5
    const text = fault.label.split(" · ")[0]
    frame.label({
      texts: [text],
      spots: [
        [x, box.top + 9],
        [x, box.top + 21]
      ],
      align: "left",
      color: color[fault.group],
      priority: 30,
      room: right - x,
      weight: 600
    })
  }

  const faults = (): void => {
    for (const fault of model.faults) {
      if (fault.to < state.from || fault.from > state.to || state.mask[fault.index] === 0) continue
      const strong = state.hover === fault.index || state.selection.event === fault.index
      for (const lane of fault.lanes) {
        const box = geometry.boxes[lane]
        if (box !== undefined) shade(fault, box, strong)
      }
    }
  }

  const lives = (): void => {
    for (const box of shown) {
      for (const span of model.life[box.lane]) {
        const left = clampX(Math.max(span.from, -1e15))
        const right = clampX(Math.min(span.to, 1e15))
        if (right <= gutter - 20 || left >= width + 20) continue
        if (span.state === "down") {
          pen.globalAlpha = 0.09
          pen.fillStyle = color.ink
          pen.fillRect(left, box.top + 1, right - left, box.height - 2)
          pen.globalAlpha = 1
        }
        pen.strokeStyle = span.state === "up" ? color.soft : span.state === "paused" ? color.amber : color.faint
        pen.lineWidth = span.state === "up" ? 1.8 : 1.4
        pen.setLineDash(span.state === "up" ? [] : span.state === "paused" ? [8, 5] : [2, 7])
        line(left, box.middle, right, box.middle)
        pen.setLineDash([])
        if (span.state === "up") continue
        const text = span.state === "down" ? "down" : "paused"
        const x = (Math.max(left, gutter) + Math.min(right, width)) / 2
        frame.label({
          texts: [text],
          spots: [
            [x, box.middle - 10],
            [x, box.middle + 11]
          ],
          align: "center",
          color: color.soft,
          priority: 33,
          room: right - left - 30,
          weight: 600
        })
      }
    }
  }

  const phases = (): void => {
    for (const phase of model.phases) {
      const x = Math.round(frame.x(phase.at)) + 0.5
      if (x < gutter || x > width || (phase.at === 0 && phase.name === "safety")) continue
      pen.strokeStyle = color.ink
      pen.lineWidth = 1.5
      pen.setLineDash([10, 4, 2, 4])
      line(x, lanesTop, x, height)
      pen.setLineDash([])
      if (phase.name === "end")
        frame.label({
          texts: ["end of the run"],
          spots: [[x - 5, height - 10]],
          align: "right",
          color: color.ink,
          priority: 58,
          room: 200,
          weight: 600
        })
      else {
        const before = phase.name === "liveness" ? "◂ safety" : ""
        frame.label({
          texts: [before],
          spots: [[x - 5, height - 10]],
          align: "right",
          color: color.ink,
          priority: 58,
          room: 200,
          weight: 600
        })
        frame.label({
          texts: [phase.name + " ▸"],
          spots: [[x + 5, height - 10]],
          align: "left",
          color: color.ink,
          priority: 58,
          room: 200,
          weight: 600
        })
      }
    }
  }

  const faultTrack = (): void => {
    pen.fillStyle = color.card
    pen.fillRect(0, 0, width, lanesTop)
    pen.textBaseline = "middle"
    pen.textAlign = "left"
    for (const fault of model.faults) {
      if (fault.to < state.from || fault.from > state.to || state.mask[fault.index] === 0) continue
      const left = clampX(fault.from)
      const right = Math.max(clampX(fault.to), left + 5)
      const top = geometry.faultTop + fault.row * geometry.faultRowHeight
      const strong = state.hover === fault.index || state.selection.event === fault.index
      const tall = geometry.faultRowHeight - 3
      pen.beginPath()
      pen.roundRect(left, top, right - left, tall, 3)
      pen.globalAlpha = strong ? 0.5 : 0.22
      pen.fillStyle = color[fault.group]
      pen.fill()
      pen.globalAlpha = 0.22
      pen.fillStyle = theme.hatch(fault.group)
      pen.fill()
      pen.globalAlpha = 1
      pen.strokeStyle = color[fault.group]
      pen.lineWidth = strong ? 2 : 1
      pen.stroke()
      pen.font = theme.font(11, 600)
      const x = Math.max(left, gutter) + 5
      const said = [fault.label, fault.label.split(" · ")[0]]
      const fits = (room: number): string | undefined => said.find((one) => pen.measureText(one).width <= room)
      const within = fits(Math.min(right, width) - x - 3)
      const next = model.faults.find(
        (one) => one.row === fault.row && one.from > fault.from && state.mask[one.index] === 1
      )
      const beside =
        within ??
        (right < gutter
          ? undefined
          : fits(Math.min(next === undefined ? width : frame.x(next.from), width) - right - 9))
      if (beside === undefined) continue
      const textX = within === undefined ? right + 5 : x
      pen.lineWidth = 3
      pen.strokeStyle = color.card
      pen.globalAlpha = 0.75
      pen.strokeText(beside, textX, top + tall / 2 + 0.5)
      pen.globalAlpha = 1
      pen.fillStyle = color.ink
      pen.fillText(beside, textX, top + tall / 2 + 0.5)
    }
  }

  const axis = (flags: ReadonlyArray<Flag>): void => {
    pen.font = theme.font(11)
    pen.textBaseline = "middle"
    pen.strokeStyle = color.faint
    pen.lineWidth = 1
    for (const mark of marks) {
      const x = Math.round(frame.x(mark.at)) + 0.5
      if (x < gutter) continue
      line(x, mark.major ? 21 : 25, x, 29)
      pen.textAlign = x < gutter + 24 ? "left" : x > width - 28 ? "right" : "center"
      pen.fillStyle = color.soft
      if (!mark.major) continue
      const half = pen.measureText(mark.text).width / 2 + 6
      if (flags.some((flag) => flag.row === 0 && flag.left < x + half && flag.right > x - half)) continue
      pen.fillText(mark.text, x, 11)
    }
    pen.strokeStyle = color.line
    line(0, 29.5, width, 29.5)
    if (state.cursor < gutter) return
    const micros = state.from + ((state.cursor - gutter) / (width - gutter)) * (state.to - state.from)
    const text = parts.formatTime(micros)
    const half = pen.measureText(text).width / 2 + 6
    const x = Math.min(Math.max(state.cursor, gutter + half), width - half)
    pen.fillStyle = color.ink
    pen.beginPath()
    pen.roundRect(x - half, 2, half * 2, 18, 4)
    pen.fill()
    pen.fillStyle = color.card
    pen.textAlign = "center"
    pen.fillText(text, x, 11.5)
  }

  /** Names of the lanes; when they do not all fit, how far they are scrolled. */
  const names = (): void => {
    pen.fillStyle = color.card
    pen.fillRect(0, 0, gutter, height)
    pen.textAlign = "left"
    pen.textBaseline = "middle"
    pen.font = theme.font(11)
    pen.fillStyle = color.soft
    pen.fillText("virtual time", 12, 11)
    if (model.faultRows > 0) pen.fillText("faults", 12, geometry.faultTop + 8)
    pen.save()
    pen.beginPath()
    pen.rect(0, lanesTop, gutter - 4, height - lanesTop)
    pen.clip()
    for (const box of shown) {
      const lane = model.packed.lanes[box.lane]
      pen.fillStyle = lane.kind === "server" ? color.ink : color.green
      pen.beginPath()
      if (lane.kind === "server") pen.roundRect(12, box.middle - 11, 8, 8, 1.5)
      else pen.arc(16, box.middle - 7, 4, 0, Math.PI * 2)
      pen.fill()
      pen.fillStyle = color.ink
      pen.font = theme.font(13, 650)
      pen.fillText(lane.name, 27, box.middle - 6.5)
      pen.fillStyle = color.soft
      pen.font = theme.font(11)
      const at = state.from + ((state.cursor - gutter) / (width - gutter)) * (state.to - state.from)
      const now = state.cursor < gutter ? "up" : (model.life[box.lane].find((span) => at < span.to)?.state ?? "up")
      pen.fillText(now === "up" ? lane.kind : now, 27, box.middle + 9)
      pen.strokeStyle = color.line
      pen.lineWidth = 1
      line(0, Math.round(box.top + box.height) + 0.5, gutter, Math.round(box.top + box.height) + 0.5)
    }
    pen.restore()
    if (geometry.scrollMax > 0) {
      const room = height - lanesTop
      const all = room + geometry.scrollMax
      pen.fillStyle = color.faint
      pen.beginPath()
      pen.roundRect(
        width - 8,
        lanesTop + (Math.min(state.scroll, geometry.scrollMax) / all) * room,
        6,
        (room / all) * room,
        3
      )
      pen.fill()
    }
    pen.strokeStyle = color.line
    line(gutter - 0.5, 0, gutter - 0.5, height)
  }

  return { bands, faults, lives, phases, faultTrack, axis, names }
}
