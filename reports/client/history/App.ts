/** The program of a judged history's page: owns what a person looks at, and draws again when it changes. */
import type { PackedHistory } from "../../PackedHistory.ts"
import type { Browser, Element } from "../Types.ts"
import type { HistoryActions, HistoryFrame, HistoryParts, HistoryState } from "./Types.ts"

/** Starts the page in `browser`. */
export function historyApp(browser: Browser, packed: PackedHistory, parts: HistoryParts): void {
  const { document } = browser
  const model = parts.historyModel(packed)
  const views = new Map<number, ReturnType<HistoryParts["view"]>>()
  /** Of the chosen part: zooming and panning happen in its positions. */
  const view = () => {
    const known = views.get(state.part) ?? parts.view(model.scale(state.part).total)
    views.set(state.part, known)
    return known
  }
  const by = (id: string): Element => {
    const found = document.getElementById(id)
    if (found === null) throw new Error("the page has no element " + id)
    return found
  }
  const canvas = by("diagram")
  const refused = model.parts.findIndex((part) => part.packed.stuck >= 0)
  const state: HistoryState = {
    ...{ from: model.first - 1, to: model.total, scroll: 0, selected: -1, hover: -1, line: 0 },
    ...{ part: refused >= 0 ? refused : model.parts.length === 1 ? 0 : -1, onlyMinimal: false, anomaly: -1 }
  }
  let theme = parts.theme(browser)
  let frame: HistoryFrame | undefined
  let asked = false
  let addressTimer = 0

  const isShown = (operation: number): boolean => {
    if (operation < 0 || (state.part >= 0 && model.part[operation] !== state.part)) return false
    const part = model.parts[state.part]
    return !state.onlyMinimal || part === undefined || part.minimal.has(operation) || part.packed.stuck === operation
  }

  const paint = (): void => {
    const ratio = Math.max(1, browser.devicePixelRatio)
    const width = Math.max(200, canvas.clientWidth)
    const height = Math.max(120, canvas.clientHeight)
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio)
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio)
    const pen = canvas.getContext("2d")
    if (pen === null) return
    pen.setTransform(ratio, 0, 0, ratio, 0, 0)
    pen.clearRect(0, 0, width, height)
    const gutter = Math.min(132, Math.max(76, width * 0.13))
    const lanesTop = 30
    const count = Math.max(1, packed.lanes.length)
    const laneHeight = Math.min(104, Math.max(42, (height - lanesTop) / count))
    const scrollMax = Math.max(0, laneHeight * count - (height - lanesTop))
    state.scroll = Math.min(state.scroll, scrollMax)
    const scale = model.scale(state.part)
    const [from, to] = [scale.to(state.from), scale.to(state.to)]
    const perPosition = (width - gutter) / Math.max(1e-6, to - from)
    const labels = parts.labels(pen, theme, { left: gutter, right: width, top: lanesTop, bottom: height })
    frame = {
      ...{ pen, theme, model, state, width, height, gutter, lanesTop, laneHeight, scrollMax, isShown },
      ...{ scale, from, to },
      x: (place) => gutter + (scale.to(place) - from) * perPosition,
      y: (lane) => lanesTop - state.scroll + (lane + 0.5) * laneHeight,
      barHeight: Math.min(24, laneHeight * 0.4),
      label: labels.add
    }
    const painted = parts.paintHistory(frame)
    pen.save()
    pen.beginPath()
    pen.rect(gutter, lanesTop - 8, width - gutter, height)
    pen.clip()
    painted.bands()
    painted.tails()
    painted.bars()
    painted.stuck()
    parts.paintPoints(frame)
    labels.draw()
    pen.restore()
    painted.axis()
    painted.gutterNames()
  }

  const say = (): void => {
    const part = model.parts[state.part]
    const lines = part?.lines.length ?? 0
    const from = Math.max(model.first, Math.round(state.from))
    by("range").textContent =
      "events " + parts.formatCount(from) + " – " + parts.formatCount(Math.round(Math.min(state.to, model.total - 1)))
    by("lines").hidden = lines < 2
    by("line-name").textContent = "order " + (Math.min(state.line, lines - 1) + 1) + " of " + lines
    by("minimal").hidden = (part?.minimal.size ?? 0) === 0
    by("minimal").setAttribute("aria-pressed", String(state.onlyMinimal))
    by("judge").hidden = refused < 0
    by("part").value = String(state.part)
  }

  const draw = (): void => {
    asked = false
    paint()
    strip.draw(theme)
    say()
  }
  const redraw = (): void => {
    if (!asked) browser.requestAnimationFrame(draw)
    asked = true
  }

  const show = (from: number, to: number): void => {
    const scale = model.scale(state.part)
    showPositions(view().clamp({ from: scale.to(from), to: scale.to(to) }))
  }

  const positions = () => {
    const scale = model.scale(state.part)
    return { from: scale.to(state.from), to: scale.to(state.to) }
  }
  const showPositions = (window: { readonly from: number; readonly to: number }): void => {
    const scale = model.scale(state.part)
    state.from = scale.back(window.from)
    state.to = scale.back(window.to)
    redraw()
    browser.clearTimeout(addressTimer)
    addressTimer = browser.setTimeout(() => browser.history.replaceState(null, "", "#" + view().hash(state)), 300)
  }

  const bringLane = (lane: number): void => {
    if (frame === undefined) return
    const y = frame.y(lane)
    if (y >= frame.lanesTop + 20 && y <= frame.height - 20) return
    state.scroll = Math.min(Math.max(0, state.scroll + y - (frame.lanesTop + frame.height) / 2), frame.scrollMax)
  }

  const select = (operation: number): void => {
    state.selected = operation
    side()
    if (operation < 0) return redraw()
    if (!isShown(operation)) Object.assign(state, { part: -1, onlyMinimal: false })
    bringLane(model.lane[operation])
    const end = Math.min(model.barEnd[operation], model.total)
    const inside = model.call[operation] < state.to && end > state.from
    const scale = model.scale(state.part)
    showPositions(inside ? positions() : view().reveal(positions(), scale.to(model.call[operation]), scale.to(end)))
  }

  /** What leads to the first point where nothing fits: all that suffices for it if that is near, else what is. */
  const toPoint = (): void => {
    state.selected = -1
    state.part = refused
    const part = model.parts[refused]
    side()
    if (part === undefined) return show(model.first - 1, Math.min(model.total, model.first + 80))
    const scale = model.scale(refused)
    const at = scale.to(model.end[part.packed.stuck])
    let from = scale.to(model.call[part.packed.stuck])
    for (const operation of part.minimal) {
      const called = scale.to(model.call[operation])
      if (at - called < 80) from = Math.min(from, called)
    }
    from = Math.min(from, at - 24)
    bringLane(model.lane[part.packed.stuck])
    const margin = (at - from) * 0.05
    showPositions(view().clamp({ from: from - margin, to: at + Math.max(3, 3 * margin) }))
  }

  const step = (direction: number): void => {
    let next = state.selected
    if (next < 0)
      model.within(state.from, state.to, (operation) => void (next < 0 && isShown(operation) && (next = operation)))
    else
      do next += direction
      while (next >= 0 && next < model.count && !isShown(next))
    if (next >= 0 && next < model.count) select(next)
  }

  const find = (query: string, direction: number): void => {
    const words = query
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== "")
    const start = state.selected >= 0 ? state.selected : direction > 0 ? -1 : model.count
    for (let turn = 1; words.length > 0 && turn <= model.count; turn++) {
      const operation = (((start + direction * turn) % model.count) + model.count) % model.count
      const text = (model.words(operation) + " " + model.who(operation)).toLowerCase()
      if (!isShown(operation) || !words.every((word) => text.includes(word))) continue
      by("hits").textContent = ""
      return select(operation)
    }
    by("hits").textContent = words.length === 0 ? "" : "none"
  }

  const actions: HistoryActions = {
    ...{ show, select, redraw, toPoint, step, find },
    hover: (operation) => {
      if (state.hover !== operation) redraw()
      state.hover = operation
    },
    zoom: (factor, share = 0.5) => {
      const window = positions()
      showPositions(view().zoom(window, factor, window.from + share * (window.to - window.from)))
    },
    pan: (windows) => {
      const window = positions()
      showPositions(view().pan(window, windows * (window.to - window.from)))
    },
    fit: () => showPositions(view().fit()),
    choosePart: (part) => {
      Object.assign(state, { part, line: 0, selected: -1, onlyMinimal: false })
      side()
      showPositions(view().clamp(positions()))
    },
    chooseLine: (direction) => {
      const lines = model.parts[state.part]?.lines.length ?? 0
      if (lines > 0) state.line = (Math.min(state.line, lines - 1) + direction + lines) % lines
      side()
      redraw()
    },
    toggleMinimal: () => {
      state.onlyMinimal = !state.onlyMinimal
      redraw()
    }
  }

  const strip = parts.historyStrip(browser, by("overview"), model, state, actions)
  const side = parts.historySide(browser, by("details"), model, state, actions, parts)
  parts.historyControls(browser, canvas, model, state, actions, () => frame)

  /** `#t=FROM-TO` is a window; `#op=N&a=K` an operation of an anomaly. */
  const readAddress = (): boolean => {
    const { hash } = browser.location
    const window = parts.view(model.total).parse(hash)
    const found = /(?:^#|&)op=(\d+)/.exec(hash)
    const anomaly = /&a=(\d+)/.exec(hash)
    if (found !== null && Number(found[1]) < model.count) {
      state.anomaly = anomaly === null ? -1 : Number(anomaly[1])
      state.part = -1
      const operation = Number(found[1])
      const rows = (packed.anomalies[state.anomaly] ?? [operation]).filter((row) => row >= 0)
      const from = Math.min(...rows.map((row) => model.call[row]))
      const to = Math.max(...rows.map((row) => Math.min(model.barEnd[row], model.call[row] + 200)))
      const near = to - from < 400
      show((near ? from : model.call[operation]) - 4, (near ? to : model.call[operation] + 60) + 4)
      select(operation)
      by("stage").scrollIntoView({ block: "nearest" })
      return true
    }
    if (window !== undefined) show(window.from, window.to)
    return window !== undefined
  }

  side()
  paint()
  if (!readAddress()) toPoint()
  browser.addEventListener("hashchange", () => void readAddress())
  const restyle = (): void => {
    theme = parts.theme(browser)
    draw()
  }
  browser.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle)
  const paper = (on: boolean): void => {
    document.documentElement.classList.toggle("paper", on)
    restyle()
  }
  browser.addEventListener("beforeprint", () => paper(true))
  browser.addEventListener("afterprint", () => paper(false))
  new browser.ResizeObserver(redraw).observe(canvas)
  draw()
}
