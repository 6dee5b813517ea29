/** The panel beside the lanes: the selected operation, or why nothing fits; the line of linearization around it as a list. */
import type { Browser, Element } from "../Types.ts"
import type { HistoryActions, HistoryLine, HistoryModel, HistoryParts, HistoryState } from "./Types.ts"

export function historySide(
  browser: Browser,
  panel: Element,
  model: HistoryModel,
  state: HistoryState,
  actions: HistoryActions,
  parts: Pick<HistoryParts, "formatCount" | "formatDuration">
) {
  const { document } = browser
  const stepsShown = 14

  const element = (name: string, text: string, className = ""): Element => {
    const made = document.createElement(name)
    made.textContent = text
    made.className = className
    return made
  }

  /** A line of a list that selects its operation. */
  const row = (number: string, operation: number, after: string | undefined): Element => {
    const item = document.createElement("li")
    item.className = operation === state.selected ? "chosen" : ""
    item.tabIndex = 0
    const said = element("span", model.words(operation), "said")
    item.append(element("span", number, "number"), said, element("span", model.who(operation), "who"))
    if (after !== undefined) item.append(element("span", "= " + after, "after"))
    item.addEventListener("click", () => actions.select(operation))
    item.addEventListener("keydown", (event) => {
      if (event.key === "Enter") actions.select(operation)
    })
    return item
  }

  const steps = (line: HistoryLine, stuck: number): Element => {
    const list = document.createElement("ol")
    list.className = "points"
    const place = state.selected >= 0 ? (line.at.get(state.selected) ?? -1) : -1
    const beside = place >= 0 ? place + Math.floor(stepsShown / 2) : stuck >= 0 ? line.operation.length : stepsShown
    const to = Math.min(line.operation.length, Math.max(stepsShown, beside))
    const from = Math.max(0, to - stepsShown)
    if (line.before + from > 0)
      list.append(element("li", "… " + parts.formatCount(line.before + from) + " before", "more"))
    for (let at = from; at < to; at++)
      list.append(row(String(line.before + at + 1), line.operation[at], model.state(line, at)))
    if (to < line.operation.length)
      list.append(element("li", "… " + parts.formatCount(line.operation.length - to) + " more", "more"))
    else if (stuck >= 0) {
      const last = row("✗", stuck, undefined)
      last.className = "nothing"
      list.append(last)
    }
    return list
  }

  const selected = (): void => {
    const operation = state.selected
    const part = model.parts[model.part[operation]]
    const line = part?.lines[Math.min(state.line, part.lines.length - 1)]
    const place = line?.at.get(operation)
    const words = ["ok", "failed: it did not happen", "unknown: it may have happened, or may yet, or never"]
    const [invoked, took] = model.times(operation)
    const fields: Array<readonly [string, string]> = [
      ["by", model.who(operation)],
      ["outcome", words[model.outcome[operation]]],
      ["called", "at event " + model.call[operation]],
      ["returned", model.end[operation] === Infinity ? "never" : "at event " + model.end[operation]]
    ]
    if (invoked >= 0) fields.push(["time", parts.formatDuration(invoked)])
    if (took >= 0) fields.push(["took", parts.formatDuration(took)])
    if (part !== undefined && part.packed.name !== "") fields.push(["key", part.packed.name])
    if (line !== undefined && part !== undefined && model.outcome[operation] !== 1) {
      const stuck = operation === part.packed.stuck
      const at =
        place === undefined
          ? stuck
            ? "nowhere: no order has room for it"
            : "not in this line"
          : "as number " + (line.before + place + 1)
      fields.push(["takes effect", at])
      const after = place === undefined ? undefined : model.state(line, place)
      if (after !== undefined) fields.push(["state after it", after])
    }
    const list = document.createElement("dl")
    for (const [name, value] of fields) list.append(element("dt", name), element("dd", value))
    panel.append(element("h2", model.words(operation), operation === part?.packed.stuck ? "bad" : ""), list)
    if (line !== undefined)
      panel.append(element("h3", "Order in which they take effect"), steps(line, part?.packed.stuck ?? -1))
  }

  const refusal = (index: number): void => {
    const part = model.parts[index]
    const { stuck, note } = part.packed
    panel.append(element("h2", "Nothing fits here", "bad"))
    panel.append(element("p", model.words(stuck) + " by " + model.who(stuck), "sentence"))
    panel.append(element("p", note, "where"))
    if (part.packed.minimal.length > 0) {
      panel.append(
        element(
          "h3",
          (part.packed.minimal.length === 1
            ? "This one suffices"
            : "These " + part.packed.minimal.length + " suffice") + " to show it, whatever the others did"
        )
      )
      const list = document.createElement("ol")
      list.className = "points needed"
      for (const operation of part.packed.minimal.slice(0, 40)) list.append(row("◆", operation, undefined))
      panel.append(list)
    }
    const line = part.lines[Math.min(state.line, part.lines.length - 1)]
    if (line === undefined) return
    const many =
      part.lines.length > 1
        ? " (" + (Math.min(state.line, part.lines.length - 1) + 1) + " of " + part.lines.length + ")"
        : ""
    panel.append(element("h3", "The longest order that fits" + many), steps(line, stuck))
  }

  return (): void => {
    panel.replaceChildren()
    const part = model.parts[state.part]
    if (state.selected >= 0) return selected()
    if (part !== undefined && part.packed.stuck >= 0) return refusal(state.part)
    const line = part?.lines[0]
    panel.append(
      element("h2", part === undefined || part.packed.name === "" ? "The history" : "Key " + part.packed.name)
    )
    if (part !== undefined) panel.append(element("p", part.packed.note, "where"))
    if (line !== undefined) panel.append(element("h3", "Order in which they take effect"), steps(line, -1))
    else panel.append(element("p", "Select an operation to see what it was.", "where"))
  }
}
