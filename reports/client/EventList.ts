/**
 * The list of events beside the diagram. Only the rows in sight exist as elements, so 100,000 events cost no more than 30; a browser's
 * bound on an element's height is met at about 700,000 rows.
 */
import type { Actions, Browser, Element, Model, Parts, State } from "./Types.ts"

export function eventList(
  browser: Browser,
  box: Element,
  model: Model,
  state: State,
  actions: Actions,
  parts: Pick<Parts, "describe" | "formatBytes" | "formatCount" | "formatDuration" | "formatTime">
) {
  const rowHeight = 22
  const { document } = browser
  const words = {
    names: model.packed.lanes.map((lane) => lane.name),
    duration: parts.formatDuration,
    bytes: parts.formatBytes
  }
  const spacer = document.createElement("div")
  spacer.className = "spacer"
  box.append(spacer)
  const counter = document.getElementById("count")
  let shown = new Int32Array(0)
  let places = new Int32Array(0)
  const rows: Array<{ readonly row: Element; readonly cells: ReadonlyArray<Element> }> = []

  const makeRow = () => {
    const row = document.createElement("div")
    const cells = ["time", "who", "what", "said"].map((name) => {
      const cell = document.createElement("span")
      cell.className = name
      return cell
    })
    row.append(...cells)
    row.addEventListener("click", () =>
      actions.select({ event: Number(row.dataset["index"]), point: -1 }, { reveal: true })
    )
    row.addEventListener("pointerenter", () => actions.hover(Number(row.dataset["index"])))
    row.addEventListener("pointerleave", () => actions.hover(-1))
    spacer.append(row)
    return { row, cells }
  }

  const draw = (): void => {
    const first = Math.max(0, Math.floor(box.scrollTop / rowHeight) - 2)
    const many = Math.min(shown.length - first, Math.ceil(box.clientHeight / rowHeight) + 5)
    while (rows.length < many) rows.push(makeRow())
    rows.forEach(({ row, cells }, place) => {
      row.hidden = place >= many
      if (place >= many) return
      const index = shown[first + place]
      const event = model.event(index)
      const { who, what, text, tone } = parts.describe(event, words)
      const hit = state.hits?.[index] === 1
      const away = model.end[index] < state.from || model.start[index] > state.to
      row.dataset["index"] = String(index)
      row.className = [
        "row",
        tone,
        hit ? "hit" : "",
        state.selection.event === index ? "selected" : "",
        away ? "away" : ""
      ].join(" ")
      row.style["transform"] = "translateY(" + (first + place) * rowHeight + "px)"
      row.title = text
      const said = [parts.formatTime(event.at).slice(0, -2), who, what, text]
      cells.forEach((cell, column) => {
        if (cell.textContent !== said[column]) cell.textContent = said[column]
      })
    })
  }

  /** After the filters changed. */
  const refresh = (): void => {
    const kept: Array<number> = []
    places = new Int32Array(model.count).fill(-1)
    for (let index = 0; index < model.count; index++) {
      if (state.mask[index] === 1) places[index] = kept.push(index) - 1
    }
    shown = Int32Array.from(kept)
    spacer.style["height"] = shown.length * rowHeight + "px"
    if (counter !== null) {
      const all = parts.formatCount(model.count)
      counter.textContent =
        shown.length === model.count ? all + " events" : parts.formatCount(shown.length) + " of " + all + " events"
    }
    draw()
  }

  const scrollTo = (place: number): void => {
    const top = box.scrollTop
    const at = place * rowHeight
    if (at < top + rowHeight || at > top + box.clientHeight - 2 * rowHeight)
      box.scrollTop = Math.max(0, at - box.clientHeight * 0.4)
    draw()
  }

  /** Has the selection in sight, or, when it is not in the diagram's window, the first event of that window. */
  const follow = (): void => {
    const { event, point } = state.selection
    const judged = point >= 0 ? model.packed.points[point] : undefined
    const last = judged?.steps.at(-1)?.[0] ?? -1
    const wanted = event >= 0 ? event : last
    if (wanted >= 0 && places[wanted] >= 0 && model.end[wanted] >= state.from && model.start[wanted] <= state.to)
      return scrollTo(places[wanted])
    let low = 0
    let high = shown.length
    while (low < high) {
      const half = (low + high) >> 1
      const index = shown[half]
      if ((model.kind[index] <= 6 ? model.end[index] : model.start[index]) < state.from) low = half + 1
      else high = half
    }
    if (shown.length > 0) box.scrollTop = Math.min(low, shown.length - 1) * rowHeight
    draw()
  }

  /** The event `step` rows from the selected one, or the nearest end of the list. */
  const neighbour = (step: number): number => {
    const place = state.selection.event >= 0 ? places[state.selection.event] : -1
    if (shown.length === 0) return -1
    if (place < 0) return shown[Math.min(shown.length - 1, Math.max(0, Math.floor(box.scrollTop / rowHeight)))]
    return shown[Math.min(shown.length - 1, Math.max(0, place + step))]
  }

  box.addEventListener("scroll", draw)
  return { draw, refresh, follow, neighbour }
}
