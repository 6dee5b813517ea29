/** The page's own program: owns what a person looks at, and draws again when it changes. */
import type { Packed } from "../Packed.ts"
import type { Actions, Browser, Frame, Parts, Selection, State } from "./Types.ts"

/** Starts the page in `browser`. */
export function app(browser: Browser, packed: Packed, parts: Parts): void {
  const { document } = browser
  const model = parts.model(packed)
  const view = parts.view(model.totalMicros)
  const by = (id: string) => {
    const found = document.getElementById(id)
    if (found === null) throw new Error("the page has no element " + id)
    return found
  }
  const canvas = by("diagram")
  const state: State = {
    ...view.fit(),
    scroll: 0,
    selection: { event: -1, point: packed.mainPoint },
    hover: -1,
    cursor: -1,
    mask: new Uint8Array(model.count).fill(1),
    hits: undefined,
    hitList: new Int32Array(0),
    lanesOff: new Uint8Array(packed.lanes.length),
    kindsOff: new Uint8Array(20),
    causes: undefined
  }
  let theme = parts.theme(browser)
  let frame: Frame | undefined
  let asked = false
  let addressTimer = 0

  const paint = (): void => {
    const ratio = Math.max(1, browser.devicePixelRatio)
    const size = { width: Math.max(200, canvas.clientWidth), height: Math.max(120, canvas.clientHeight) }
    if (canvas.width !== Math.round(size.width * ratio)) canvas.width = Math.round(size.width * ratio)
    if (canvas.height !== Math.round(size.height * ratio)) canvas.height = Math.round(size.height * ratio)
    const pen = canvas.getContext("2d")
    if (pen === null) return
    pen.setTransform(ratio, 0, 0, ratio, 0, 0)
    pen.clearRect(0, 0, size.width, size.height)
    const geometry = parts.layout(model, state, size)
    const { gutter, lanesTop, width, height } = geometry
    const place = parts.place(model, state, geometry)
    const labels = parts.labels(pen, theme, { left: gutter, right: width, top: lanesTop, bottom: height })
    const late = (index: number): boolean =>
      state.causes !== undefined && model.start[index] > (state.causes[model.lane[index]] ?? Infinity)
    frame = { pen, theme, model, state, geometry, x: place.x, place, label: labels.add, late, dense: 0 }
    const ground = parts.paintLanes(frame, parts)
    const events = parts.paintEvents(frame)
    const marks = parts.paintMarks(frame, parts)
    pen.save()
    pen.beginPath()
    pen.rect(gutter, lanesTop, width - gutter, height - lanesTop)
    pen.clip()
    ground.bands()
    ground.faults()
    ground.phases()
    ground.lives()
    parts.paintMessages(frame).all()
    events.disk()
    events.operations()
    events.traces()
    events.changes()
    marks.mist()
    marks.hits()
    marks.judge()
    marks.selection()
    labels.draw()
    pen.restore()
    ground.faultTrack()
    const flags = marks.placeFlags()
    ground.axis(flags)
    ground.names()
    marks.flags(flags)
  }

  const draw = (): void => {
    asked = false
    paint()
    strip.draw(theme)
    list.draw()
    by("range").textContent =
      parts.formatTime(Math.max(0, state.from)) +
      " – " +
      parts.formatTime(Math.min(state.to, model.totalMicros)) +
      "  (" +
      parts.formatDuration(state.to - state.from) +
      ")"
    const dense = frame?.dense ?? 0
    by("dense").textContent =
      dense === 0 ? "" : parts.formatCount(dense) + " messages in view, drawn as an outline: zoom in to see each"
  }

  const redraw = (): void => {
    if (!asked) browser.requestAnimationFrame(draw)
    asked = true
  }

  const show = (from: number, to: number): void => {
    Object.assign(state, view.clamp({ from, to }))
    list.follow()
    redraw()
    browser.clearTimeout(addressTimer)
    addressTimer = browser.setTimeout(() => browser.history.replaceState(null, "", "#" + view.hash(state)), 300)
  }

  /** Scrolls the lanes so that this one is in sight. */
  const bringLane = (lane: number): void => {
    const box = frame?.geometry.boxes[lane]
    if (frame === undefined || box === undefined) return
    const { lanesTop, height, scrollMax } = frame.geometry
    if (box.middle >= lanesTop + 20 && box.middle <= height - 20) return
    state.scroll = Math.min(Math.max(0, state.scroll + box.middle - (lanesTop + height) / 2), scrollMax)
  }

  const findCauses = (): void => {
    const { event, point } = state.selection
    const judged = packed.points[point]
    if (event >= 0 && model.lane[event] >= 0) {
      const arrived = model.kind[event] <= 1
      state.causes = parts.causes(
        model,
        arrived ? model.peer[event] : model.lane[event],
        arrived || model.kind[event] <= 6 ? model.end[event] : model.start[event]
      )
    } else if (judged !== undefined && judged.node >= 0)
      state.causes = parts.causes(model, judged.node, judged.atMicros)
    else state.causes = undefined
  }

  const select = (selection: Selection, options: { readonly reveal: boolean }): void => {
    state.selection = selection.event < 0 && selection.point < 0 ? { event: -1, point: packed.mainPoint } : selection
    if (state.causes !== undefined) findCauses()
    panel()
    if (options.reveal && selection.event >= 0) {
      bringLane(model.lane[selection.event])
      const window = view.reveal(
        state,
        model.start[selection.event],
        Math.min(model.end[selection.event], model.totalMicros)
      )
      if (window !== state) return show(window.from, window.to)
    }
    list.follow()
    redraw()
  }

  const showHits = (): void => {
    const place = state.hitList.indexOf(state.selection.event)
    const many = parts.formatCount(state.hitList.length)
    by("hits").textContent =
      state.hits === undefined ? "" : place < 0 ? many + " found" : parts.formatCount(place + 1) + " of " + many
  }

  const find = (query: string): void => {
    const found = finder(query).filter((index) => state.mask[index] === 1)
    state.hitList = found
    state.hits = query.trim() === "" ? undefined : new Uint8Array(model.count)
    for (const index of found) if (state.hits !== undefined) state.hits[index] = 1
    showHits()
    redraw()
  }

  const hit = (step: number): void => {
    const { hitList, selection } = state
    if (hitList.length === 0) return
    const after = hitList.findIndex((index) =>
      selection.event >= 0 ? index > selection.event : model.end[index] >= state.from
    )
    const here = hitList.indexOf(selection.event)
    const next = step > 0 ? Math.max(0, after) : (here >= 0 ? here : after < 0 ? 0 : after) - 1
    select({ event: hitList[(next + hitList.length) % hitList.length], point: -1 }, { reveal: true })
    showHits()
  }

  const filter = (): void => {
    for (let index = 0; index < model.count; index++) {
      const off = (lane: number): boolean => lane >= 0 && state.lanesOff[lane] === 1
      state.mask[index] =
        state.kindsOff[model.kind[index]] === 1 || off(model.lane[index]) || off(model.peer[index]) ? 0 : 1
    }
    for (const fault of model.faults)
      if (fault.lanes.length > 0 && fault.lanes.every((lane) => state.lanesOff[lane] === 1)) state.mask[fault.index] = 0
    strip.refresh()
    list.refresh()
    list.follow()
    if (state.hits !== undefined) find(by("search").value)
    redraw()
  }

  const goToPoint = (place: number): void => {
    const point = packed.points[place]
    if (point === undefined) return
    state.selection = { event: -1, point: place }
    panel()
    bringLane(point.node)
    show(point.window[0], point.window[1])
  }

  const actions: Actions = {
    ...{ show, select, redraw, filter, find, hit, goToPoint },
    hover: (index) => {
      if (state.hover === index) return
      state.hover = index
      redraw()
    },
    zoom: (factor, at = (state.from + state.to) / 2) => {
      const window = view.zoom(state, factor, at)
      show(window.from, window.to)
    },
    pan: (micros) => show(state.from + micros, state.to + micros),
    fit: () => show(view.fit().from, view.fit().to),
    toggleCauses: () => {
      if (state.causes === undefined) findCauses()
      else state.causes = undefined
      panel()
      redraw()
    },
    step: (step) => {
      const next = list.neighbour(step)
      if (next >= 0) select({ event: next, point: -1 }, { reveal: true })
    }
  }

  const finder = parts.search(model, parts)
  const strip = parts.overview(browser, by("overview"), model, state, actions)
  const list = parts.eventList(browser, by("list"), model, state, actions, parts)
  const panel = parts.details(browser, by("details"), model, state, actions, parts)
  parts.pointer(browser, canvas, model, state, actions, () => frame, parts)
  parts.controls(browser, model, state, actions, parts)

  /** `#t=FROM-TO` is a window, with `&p=N` the point of the failed check that is shown in it. */
  const readAddress = (): boolean => {
    const window = view.parse(browser.location.hash)
    if (window === undefined) return false
    const point = /&p=(\d+)/.exec(browser.location.hash)
    if (point !== null && Number(point[1]) < packed.points.length)
      state.selection = { event: -1, point: Number(point[1]) }
    panel()
    bringLane(packed.points[state.selection.point]?.node ?? -1)
    show(window.from, window.to)
    return true
  }

  list.refresh()
  panel()
  paint()
  if (!readAddress()) {
    if (packed.mainPoint >= 0) goToPoint(packed.mainPoint)
    else actions.fit()
  }
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
