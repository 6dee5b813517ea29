/** The mouse over the diagram: wheel zooms at the mouse, drag pans, click selects, a tip tells what is under it. */
import type { Actions, Browser, Element, Frame, Model, Parts, State } from "./Types.ts"

export function pointer(
  browser: Browser,
  canvas: Element,
  model: Model,
  state: State,
  actions: Actions,
  frame: () => Frame | undefined,
  parts: Pick<Parts, "describe" | "formatBytes" | "formatDuration" | "formatTime" | "pick">
): void {
  const tip = browser.document.createElement("div")
  tip.className = "tip"
  tip.hidden = true
  browser.document.body.append(tip)
  const names = model.packed.lanes.map((lane) => lane.name)
  const words = { names, duration: parts.formatDuration, bytes: parts.formatBytes }
  let grip:
    | { readonly x: number; readonly y: number; readonly from: number; readonly to: number; readonly scroll: number }
    | undefined
  let moved = false

  const spot = (event: { readonly clientX: number; readonly clientY: number }) => {
    const box = canvas.getBoundingClientRect()
    return { x: event.clientX - box.left, y: event.clientY - box.top }
  }
  const perPixel = (): number => {
    const geometry = frame()?.geometry
    return (state.to - state.from) / Math.max(1, (geometry?.width ?? 1) - (geometry?.gutter ?? 0))
  }
  const micros = (x: number): number => state.from + (x - (frame()?.geometry.gutter ?? 0)) * perPixel()

  const showTip = (index: number, event: { readonly clientX: number; readonly clientY: number }): void => {
    tip.hidden = index < 0
    if (index < 0) return
    const { who, what, text } = parts.describe(model.event(index), words)
    tip.textContent = parts.formatTime(model.event(index).at) + "  " + what + "  " + who + "\n" + text
    const box = tip.getBoundingClientRect()
    const wide = browser.document.documentElement.clientWidth
    const tall = browser.document.documentElement.clientHeight
    tip.style["left"] = Math.max(4, Math.min(event.clientX + 14, wide - box.width - 8)) + "px"
    tip.style["top"] =
      (event.clientY + 18 + box.height > tall ? event.clientY - box.height - 10 : event.clientY + 18) + "px"
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return
    canvas.setPointerCapture(event.pointerId)
    grip = { ...spot(event), from: state.from, to: state.to, scroll: state.scroll }
    moved = false
  })
  canvas.addEventListener("pointermove", (event) => {
    const { x, y } = spot(event)
    if (grip !== undefined) {
      const [across, down] = [x - grip.x, y - grip.y]
      if (Math.hypot(across, down) > 4) moved = true
      if (!moved) return
      tip.hidden = true
      state.scroll = Math.min(Math.max(0, grip.scroll - down), frame()?.geometry.scrollMax ?? 0)
      canvas.style["cursor"] = "grabbing"
      actions.show(grip.from - across * perPixel(), grip.to - across * perPixel())
      return
    }
    const shown = frame()
    const found = shown === undefined || x < shown.geometry.gutter ? -1 : parts.pick(shown, x, y)
    state.cursor = shown !== undefined && x >= shown.geometry.gutter ? x : -1
    canvas.style["cursor"] = found >= 0 ? "pointer" : "default"
    showTip(found, event)
    actions.hover(found)
    actions.redraw()
  })
  canvas.addEventListener("pointerup", (event) => {
    const clicked = grip !== undefined && !moved
    grip = undefined
    canvas.style["cursor"] = "default"
    const shown = frame()
    if (!clicked || shown === undefined) return
    const { x, y } = spot(event)
    const found = parts.pick(shown, x, y)
    const near = model.packed.points.findIndex((point) => Math.abs(shown.x(point.atMicros) - x) < 8)
    if (found < 0 && near >= 0) actions.select({ event: -1, point: near }, { reveal: false })
    else actions.select({ event: found, point: -1 }, { reveal: false })
  })
  canvas.addEventListener("pointercancel", () => (grip = undefined))
  canvas.addEventListener("pointerleave", () => {
    tip.hidden = true
    state.cursor = -1
    actions.hover(-1)
    actions.redraw()
  })
  canvas.addEventListener("dblclick", (event) => actions.zoom(3, micros(spot(event).x)))
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault()
      tip.hidden = true
      const unit = event.deltaMode === 1 ? 18 : event.deltaMode === 2 ? 400 : 1
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX
      if (event.altKey) {
        state.scroll = Math.min(Math.max(0, state.scroll + event.deltaY * unit), frame()?.geometry.scrollMax ?? 0)
        actions.redraw()
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
        actions.pan(sideways * unit * perPixel())
      else actions.zoom(Math.exp(-Math.max(-240, Math.min(240, event.deltaY * unit)) * 0.0022), micros(spot(event).x))
    },
    { passive: false }
  )
}
