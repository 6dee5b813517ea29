/** All that can be pressed around the lanes: tool bar, keyboard, mouse. */
import type { Browser, Element, Input } from "../Types.ts"
import type { HistoryActions, HistoryFrame, HistoryModel, HistoryState } from "./Types.ts"

export function historyControls(
  browser: Browser,
  canvas: Element,
  model: HistoryModel,
  state: HistoryState,
  actions: HistoryActions,
  frame: () => HistoryFrame | undefined
): void {
  const { document } = browser
  const by = (id: string): Element => {
    const found = document.getElementById(id)
    if (found === null) throw new Error("the page has no element " + id)
    return found
  }

  const toolBar = (): void => {
    const clicks: Record<string, () => void> = {
      "zoom-in": () => actions.zoom(1.5),
      "zoom-out": () => actions.zoom(1 / 1.5),
      fit: actions.fit,
      judge: actions.toPoint,
      minimal: actions.toggleMinimal,
      "line-before": () => actions.chooseLine(-1),
      "line-after": () => actions.chooseLine(1),
      "hit-before": () => actions.find(by("search").value, -1),
      "hit-after": () => actions.find(by("search").value, 1),
      "help-button": () => by("help").showModal(),
      "help-close": () => by("help").close()
    }
    for (const [id, act] of Object.entries(clicks)) by(id).addEventListener("click", act)
    const chooser = by("part")
    chooser.addEventListener("change", () => actions.choosePart(Number(chooser.value)))
    const box = by("search")
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter") actions.find(box.value, event.shiftKey ? -1 : 1)
      if (event.key === "Escape") box.blur()
    })
  }

  const keys: Record<string, () => void> = {
    "+": () => actions.zoom(1.5),
    "=": () => actions.zoom(1.5),
    "-": () => actions.zoom(1 / 1.5),
    "0": actions.fit,
    f: actions.fit,
    j: actions.toPoint,
    m: actions.toggleMinimal,
    "[": () => actions.chooseLine(-1),
    "]": () => actions.chooseLine(1),
    n: () => actions.find(by("search").value, 1),
    N: () => actions.find(by("search").value, -1),
    ArrowLeft: () => actions.pan(-0.15),
    ArrowRight: () => actions.pan(0.15),
    ArrowUp: () => actions.step(-1),
    ArrowDown: () => actions.step(1),
    PageUp: () => actions.pan(-0.9),
    PageDown: () => actions.pan(0.9),
    Escape: () => actions.select(-1),
    "/": () => by("search").focus(),
    "?": () => by("help").showModal()
  }
  /** A page that scrolls keeps the keys that scroll it, unless the lanes have the focus. */
  const scrolling = ["ArrowUp", "ArrowDown", "PageUp", "PageDown"]

  const keyboard = (): void => {
    document.addEventListener("keydown", (event) => {
      const { tagName, type } = event.target
      const typing = tagName === "SELECT" || tagName === "TEXTAREA" || (tagName === "INPUT" && type !== "checkbox")
      if (typing || event.ctrlKey || event.metaKey || event.altKey || by("help").open) return
      if (scrolling.includes(event.key) && document.body.className === "scrolls" && event.target !== canvas) return
      const act = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined
      if (act === undefined) return
      act()
      event.preventDefault()
    })
  }

  const spot = (event: Input): { readonly x: number; readonly y: number } => {
    const box = canvas.getBoundingClientRect()
    return { x: event.clientX - box.left, y: event.clientY - box.top }
  }
  /** How much of the window lies left of x. */
  const shareAt = (x: number): number => {
    const shown = frame()
    return (x - (shown?.gutter ?? 0)) / plotWidth()
  }
  const plotWidth = (): number => {
    const shown = frame()
    return Math.max(1, (shown?.width ?? 1) - (shown?.gutter ?? 0))
  }

  const pick = (x: number, y: number): number => {
    const shown = frame()
    if (shown === undefined || x < shown.gutter || y < shown.lanesTop) return -1
    const placeAt = (pixel: number): number => shown.scale.back(shown.from + shareAt(pixel) * (shown.to - shown.from))
    let found = -1
    let nearest = 6
    model.within(placeAt(x - nearest), placeAt(x + nearest), (operation) => {
      const away = Math.max(0, shown.x(model.call[operation]) - x, x - shown.x(model.barEnd[operation]))
      const beside = Math.abs(shown.y(model.lane[operation]) - y) > shown.barHeight / 2 + 5
      if (beside || !shown.isShown(operation) || away > nearest) return
      found = operation
      nearest = away
    })
    return found
  }

  const mouse = (): void => {
    let grip: { readonly x: number; readonly y: number; readonly scroll: number; at: number } | undefined
    let moved = false
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return
      canvas.setPointerCapture(event.pointerId)
      canvas.focus()
      const { x, y } = spot(event)
      grip = { x, y, scroll: state.scroll, at: x }
      moved = false
    })
    canvas.addEventListener("pointermove", (event) => {
      const { x, y } = spot(event)
      if (grip === undefined) {
        const found = pick(x, y)
        canvas.style["cursor"] = found >= 0 ? "pointer" : "default"
        canvas.title = found >= 0 ? model.words(found) + " by " + model.who(found) : ""
        return actions.hover(found)
      }
      if (Math.hypot(x - grip.x, y - grip.y) > 4) moved = true
      if (!moved) return
      state.scroll = Math.min(Math.max(0, grip.scroll - (y - grip.y)), frame()?.scrollMax ?? 0)
      actions.pan((grip.at - x) / plotWidth())
      grip.at = x
    })
    canvas.addEventListener("pointerup", (event) => {
      const clicked = grip !== undefined && !moved
      grip = undefined
      if (clicked) actions.select(pick(spot(event).x, spot(event).y))
    })
    canvas.addEventListener("pointercancel", () => (grip = undefined))
    canvas.addEventListener("pointerleave", () => actions.hover(-1))
    canvas.addEventListener("dblclick", (event) => actions.zoom(3, shareAt(spot(event).x)))
  }

  const wheel = (): void => {
    canvas.addEventListener(
      "wheel",
      (event) => {
        const unit = event.deltaMode === 1 ? 18 : event.deltaMode === 2 ? 400 : 1
        const plain = !event.shiftKey && !event.ctrlKey && !event.altKey
        // A page that scrolls keeps the plain wheel; with control it zooms, which touch pads send for a pinch.
        if (plain && document.body.className === "scrolls" && Math.abs(event.deltaX) < Math.abs(event.deltaY)) return
        event.preventDefault()
        if (event.altKey) {
          state.scroll = Math.min(Math.max(0, state.scroll + event.deltaY * unit), frame()?.scrollMax ?? 0)
          actions.redraw()
        } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
          actions.pan(((event.shiftKey ? event.deltaY || event.deltaX : event.deltaX) * unit) / plotWidth())
        else
          actions.zoom(Math.exp(-Math.max(-240, Math.min(240, event.deltaY * unit)) * 0.0022), shareAt(spot(event).x))
      },
      { passive: false }
    )
  }

  toolBar()
  keyboard()
  mouse()
  wheel()
}
