/** The whole run as a strip: how much happens when, faults, errors, hits, the judge's points, and the window of the diagram. */
import type { Actions, Browser, Element, Model, State, Theme } from "./Types.ts"

export function overview(browser: Browser, canvas: Element, model: Model, state: State, actions: Actions) {
  const total = model.totalMicros
  let counts = new Float64Array(0)
  let errors: ReadonlyArray<number> = []
  let stale = true

  const width = (): number => Math.max(1, canvas.clientWidth)
  const x = (micros: number): number => (micros / total) * width()

  const count = (): void => {
    counts = new Float64Array(Math.ceil(width() / 2) + 1)
    const seen = new Set<number>()
    for (let index = 0; index < model.count; index++) {
      const kind = model.kind[index]
      if (state.mask[index] === 0 || (kind >= 14 && kind <= 17)) continue
      const column = Math.min(counts.length - 1, Math.max(0, Math.floor(x(model.start[index]) / 2)))
      counts[column]++
      if (kind === 10 || kind === 6) seen.add(column)
    }
    errors = [...seen]
    stale = false
  }

  const draw = (theme: Theme): void => {
    const ratio = Math.max(1, browser.devicePixelRatio)
    const height = canvas.clientHeight
    if (canvas.width !== Math.round(width() * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width() * ratio)
      canvas.height = Math.round(height * ratio)
      stale = true
    }
    if (stale) count()
    const pen = canvas.getContext("2d")
    if (pen === null) return
    const { color } = theme
    pen.setTransform(ratio, 0, 0, ratio, 0, 0)
    pen.clearRect(0, 0, width(), height)
    for (const fault of model.faults) {
      if (state.mask[fault.index] === 0) continue
      pen.globalAlpha = 0.65
      pen.fillStyle = color[fault.group]
      const tall = 12 / Math.max(2, model.faultRows)
      pen.fillRect(
        x(fault.from),
        2 + fault.row * tall,
        Math.max(2, x(fault.to) - x(fault.from)),
        Math.max(1.5, tall - 1)
      )
    }
    pen.globalAlpha = 0.5
    pen.fillStyle = color.delivered
    const most = counts.reduce((high, value) => Math.max(high, value), 1)
    counts.forEach((value, column) => {
      const tall = Math.sqrt(value / most) * (height - 19)
      if (value > 0) pen.fillRect(column * 2, height - 2 - tall, 2, tall)
    })
    pen.globalAlpha = 1
    pen.fillStyle = color.fail
    for (const column of errors) pen.fillRect(column * 2 - 0.5, height - 8, 2.5, 6)
    pen.fillStyle = color.ink
    for (const phase of model.phases) if (phase.at > 0) pen.fillRect(x(phase.at) - 0.5, 0, 1, height)
    pen.fillStyle = color.hit
    for (const index of state.hitList.subarray(0, 5_000)) pen.fillRect(x(model.start[index]) - 1, 15, 2, height - 25)
    pen.fillStyle = color.fail
    for (const point of model.packed.points) {
      pen.fillRect(x(point.atMicros) - 1.25, 0, 2.5, height)
      pen.beginPath()
      pen.arc(x(point.atMicros), 4, 4, 0, Math.PI * 2)
      pen.fill()
    }
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
    pen.roundRect(left + 1, 1, Math.max(3, right - left - 2), height - 2, 3)
    pen.stroke()
  }

  let grip: { readonly at: number; readonly from: number; readonly to: number } | undefined
  const micros = (clientX: number): number => ((clientX - canvas.getBoundingClientRect().left) / width()) * total
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return
    canvas.setPointerCapture(event.pointerId)
    const at = micros(event.clientX)
    const span = state.to - state.from
    const inside = at >= state.from && at <= state.to
    grip = { at, from: inside ? state.from : at - span / 2, to: inside ? state.to : at + span / 2 }
    actions.show(grip.from, grip.to)
  })
  canvas.addEventListener("pointermove", (event) => {
    if (grip === undefined) return
    const moved = micros(event.clientX) - grip.at
    actions.show(grip.from + moved, grip.to + moved)
  })
  canvas.addEventListener("pointerup", () => (grip = undefined))
  canvas.addEventListener("pointercancel", () => (grip = undefined))
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault()
      actions.zoom(event.deltaY < 0 ? 1.25 : 0.8, micros(event.clientX))
    },
    { passive: false }
  )

  return { draw, refresh: () => void (stale = true) }
}
