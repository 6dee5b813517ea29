/** The whole history as a strip: how much happens where, the first point where nothing fits, and the window of the diagram. */
import type { Browser, Element, Theme } from "../Types.ts"
import type { HistoryActions, HistoryModel, HistoryState } from "./Types.ts"

export function historyStrip(
  browser: Browser,
  canvas: Element,
  model: HistoryModel,
  state: HistoryState,
  actions: HistoryActions
) {
  const span = Math.max(1, model.total - model.first)
  let counts = new Float64Array(0)
  let countedPart = -2
  const width = (): number => Math.max(1, canvas.clientWidth)
  const x = (place: number): number => ((place - model.first) / span) * width()

  const count = (): void => {
    counts = new Float64Array(Math.ceil(width() / 2) + 1)
    countedPart = state.part
    for (let operation = 0; operation < model.count; operation++) {
      if (state.part >= 0 && model.part[operation] !== state.part) continue
      counts[Math.min(counts.length - 1, Math.max(0, Math.floor(x(model.call[operation]) / 2)))]++
    }
  }

  const draw = (theme: Theme): void => {
    const ratio = Math.max(1, browser.devicePixelRatio)
    const height = canvas.clientHeight
    const resized = canvas.width !== Math.round(width() * ratio) || canvas.height !== Math.round(height * ratio)
    if (resized) {
      canvas.width = Math.round(width() * ratio)
      canvas.height = Math.round(height * ratio)
    }
    if (resized || countedPart !== state.part) count()
    const pen = canvas.getContext("2d")
    if (pen === null) return
    const { color } = theme
    pen.setTransform(ratio, 0, 0, ratio, 0, 0)
    pen.clearRect(0, 0, width(), height)
    const most = counts.reduce((high, value) => Math.max(high, value), 1)
    pen.fillStyle = color.delivered
    pen.globalAlpha = 0.55
    counts.forEach((value, column) => {
      const tall = Math.sqrt(value / most) * (height - 8)
      if (value > 0) pen.fillRect(column * 2, height - 2 - tall, 2, tall)
    })
    pen.globalAlpha = 1
    const mark = (place: number, ink: string): void => {
      pen.fillStyle = ink
      pen.fillRect(x(place) - 1.25, 0, 2.5, height)
    }
    for (const operation of model.packed.anomalies[state.anomaly] ?? [])
      if (operation >= 0) mark(model.call[operation], color.accent)
    for (const part of model.parts) if (part.packed.stuck >= 0) mark(model.end[part.packed.stuck], color.fail)
    const left = Math.max(0, x(state.from))
    const right = Math.min(width(), x(state.to))
    pen.globalAlpha = 0.42
    pen.fillStyle = color.card
    pen.fillRect(0, 0, left, height)
    pen.fillRect(right, 0, width() - right, height)
    pen.globalAlpha = 1
    pen.strokeStyle = color.accent
    pen.lineWidth = 2
    pen.beginPath()
    pen.roundRect(left + 1, 1, Math.max(4, right - left - 2), height - 2, 3)
    pen.stroke()
  }

  let grip: { readonly at: number; readonly from: number; readonly to: number } | undefined
  const place = (clientX: number): number =>
    model.first + ((clientX - canvas.getBoundingClientRect().left) / width()) * span
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return
    canvas.setPointerCapture(event.pointerId)
    const at = place(event.clientX)
    const half = (state.to - state.from) / 2
    const inside = at >= state.from && at <= state.to
    grip = { at, from: inside ? state.from : at - half, to: inside ? state.to : at + half }
    actions.show(grip.from, grip.to)
  })
  canvas.addEventListener("pointermove", (event) => {
    if (grip === undefined) return
    const moved = place(event.clientX) - grip.at
    actions.show(grip.from + moved, grip.to + moved)
  })
  canvas.addEventListener("pointerup", () => (grip = undefined))
  canvas.addEventListener("pointercancel", () => (grip = undefined))

  return { draw }
}
