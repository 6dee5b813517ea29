/** The side panel: every field of the selected event, or the judge's sentence and the steps that led to its point. */
import type { Actions, Browser, Element, Model, Parts, State } from "./Types.ts"

export function details(
  browser: Browser,
  panel: Element,
  model: Model,
  state: State,
  actions: Actions,
  parts: Pick<Parts, "describe" | "fields" | "formatBytes" | "formatDuration" | "formatTime">
) {
  const { document } = browser
  const names = model.packed.lanes.map((lane) => lane.name)
  const words = { names, duration: parts.formatDuration, bytes: parts.formatBytes }

  const element = (name: string, className: string, text: string): Element => {
    const made = document.createElement(name)
    made.className = className
    made.textContent = text
    return made
  }

  const button = (text: string, title: string, act: () => void): Element => {
    const made = element("button", "", text)
    made.type = "button"
    made.title = title
    made.addEventListener("click", act)
    return made
  }

  const showEvent = (index: number): void => {
    const { who, what, tone } = parts.describe(model.event(index), words)
    const list = element("dl", "", "")
    for (const [key, value] of parts.fields(model.event(index), names, parts)) {
      if (value === "") continue
      list.append(element("dt", "", key), element("dd", "", value))
    }
    const tools = element("div", "tools", "")
    tools.append(
      button("‹ before", "event before this one (↑)", () => actions.step(-1)),
      button("after ›", "event after this one (↓)", () => actions.step(1)),
      button("zoom to it", "make it fill the diagram", () => {
        const span = Math.max((model.end[index] - model.start[index]) * 1.5, 200)
        const middle = (model.end[index] + model.start[index]) / 2
        actions.show(middle - span, middle + span)
      }),
      button(
        state.causes === undefined ? "possible causes" : "show all",
        "veil what cannot have caused it (c)",
        actions.toggleCauses
      )
    )
    panel.replaceChildren(element("h2", tone, what + " · " + who), list, tools)
  }

  const showPoint = (place: number): void => {
    const point = model.packed.points[place]
    const check = model.packed.checks[point.check]
    const where = point.node < 0 ? "" : " on " + names[point.node]
    const steps = element("ol", "steps", "")
    for (const [index, alike] of point.steps) {
      const event = model.event(index)
      const { who, what, text, tone } = parts.describe(event, words)
      const row = element("li", tone, "")
      row.tabIndex = 0
      row.append(
        element("span", "time", parts.formatTime(event.at).slice(0, -2)),
        element("span", "who", who),
        element("span", "what", what)
      )
      row.append(element("span", "said", text + (alike > 0 ? "  (+" + alike + " alike)" : "")))
      row.addEventListener("click", () => actions.select({ event: index, point: -1 }, { reveal: true }))
      row.addEventListener(
        "keydown",
        (press) => press.key === "Enter" && actions.select({ event: index, point: -1 }, { reveal: true })
      )
      row.addEventListener("pointerenter", () => actions.hover(index))
      row.addEventListener("pointerleave", () => actions.hover(-1))
      steps.append(row)
    }
    const verdict = element("li", "verdict", "")
    verdict.append(
      element("span", "time", parts.formatTime(point.atMicros).slice(0, -2)),
      element("span", "who", point.node < 0 ? "" : names[point.node])
    )
    verdict.append(element("span", "what", "judge"), element("span", "said", check.name + " is broken"))
    steps.append(verdict)
    const tools = element("div", "tools", "")
    tools.append(
      button("show in diagram", "go to the judge's point (j)", () => actions.goToPoint(place)),
      button(
        state.causes === undefined ? "possible causes" : "show all",
        "veil what cannot have caused it (c)",
        actions.toggleCauses
      )
    )
    const concerned = point.lanes.map((lane) => names[lane]).join(", ")
    const title = element("h2", "bad", "✗ " + check.name)
    const sentence = element("p", "sentence", check.detail)
    const place_ = element("p", "where", parts.formatTime(point.atMicros) + where)
    panel.replaceChildren(
      title,
      sentence,
      place_,
      tools,
      element("h3", "", "What led to it (" + concerned + ")"),
      steps
    )
    steps.scrollTop = 1_000_000
  }

  const showNothing = (): void => {
    const passed = model.packed.points.length === 0
    const text = passed
      ? "No check failed. Click an event in the diagram or in the list to see its fields."
      : "Click an event, or go to the judge's point."
    const tools = element("div", "tools", "")
    model.packed.points.forEach((point, place) =>
      tools.append(
        button("✗ " + model.packed.checks[point.check].name, "judge's point (j)", () => actions.goToPoint(place))
      )
    )
    panel.replaceChildren(element("h2", "", "Nothing selected"), element("p", "where", text), tools)
  }

  return (): void => {
    const { event, point } = state.selection
    if (event >= 0) showEvent(event)
    else if (point >= 0) showPoint(point)
    else showNothing()
  }
}
