/** Everything around the diagram that can be pressed: tool bar, legend and filters, search box, keyboard, copy button, help. */
import type { Actions, Browser, Element, Model, Parts, State } from "./Types.ts"

export function controls(
  browser: Browser,
  model: Model,
  state: State,
  actions: Actions,
  parts: Pick<Parts, "formatCount">
): void {
  const { document } = browser
  const by = (id: string): Element => {
    const found = document.getElementById(id)
    if (found === null) throw new Error("the page has no element " + id)
    return found
  }
  const onClick = (id: string, act: () => void): void => by(id).addEventListener("click", act)

  const filter = (
    parent: Element,
    name: string,
    sign: string,
    ink: string,
    count: number,
    set: (off: number) => void
  ): void => {
    const label = document.createElement("label")
    const box = document.createElement("input")
    box.type = "checkbox"
    box.checked = true
    box.addEventListener("change", () => {
      set(box.checked ? 0 : 1)
      actions.filter()
    })
    const mark = document.createElement("i")
    mark.textContent = sign
    mark.style["color"] = "var(--" + ink + ")"
    const number = document.createElement("small")
    number.textContent = count < 0 ? "" : parts.formatCount(count)
    label.append(box, mark, name, number)
    parent.append(label)
  }

  const filters = (): void => {
    model.packed.lanes.forEach((lane, index) => {
      const server = lane.kind === "server"
      filter(
        by("nodes"),
        lane.name,
        server ? "■" : "●",
        server ? "ink" : "green",
        -1,
        (off) => (state.lanesOff[index] = off)
      )
    })
    const counts = new Array<number>(20).fill(0)
    for (const kind of model.kind) counts[kind]++
    const kinds: ReadonlyArray<readonly [string, string, string, ReadonlyArray<number>]> = [
      ["delivered", "→", "delivered", [0]],
      ["duplicate", "⇢", "duplicate", [1]],
      ["lost", "✕", "lost", [2]],
      ["cut off", "⊣", "cut", [3]],
      ["nobody there", "○", "dead", [4]],
      ["disk", "▬", "disk", [5]],
      ["disk error", "▬", "fail", [6]],
      ["operation", "▭", "green", [11, 12, 13]],
      ["node change", "▶", "vermilion", [18]],
      ["debug", "•", "faint", [7]],
      ["info", "●", "blue", [8]],
      ["warning", "●", "amber", [9]],
      ["error", "●", "fail", [10]],
      ["network fault", "▨", "network", [14]],
      ["disk fault", "▤", "disk", [15]],
      ["clock fault", "▥", "clock", [16]],
      ["process fault", "▧", "process", [17]]
    ]
    for (const [name, sign, ink, codes] of kinds) {
      const count = codes.reduce((sum, code) => sum + counts[code], 0)
      if (count > 0)
        filter(by("kinds"), name, sign, ink, count, (off) => codes.forEach((code) => (state.kindsOff[code] = off)))
    }
  }

  const searchBox = (): void => {
    const box = by("search")
    let timer = 0
    box.addEventListener("input", () => {
      browser.clearTimeout(timer)
      timer = browser.setTimeout(() => actions.find(box.value), 120)
    })
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter") actions.hit(event.shiftKey ? -1 : 1)
      if (event.key !== "Escape") return
      box.value = ""
      actions.find("")
      box.blur()
    })
    onClick("hit-before", () => actions.hit(-1))
    onClick("hit-after", () => actions.hit(1))
  }

  const center = (): number => (state.from + state.to) / 2

  const press = (key: string): boolean => {
    const keys: Record<string, () => void> = {
      "+": () => actions.zoom(1.5, center()),
      "=": () => actions.zoom(1.5, center()),
      "-": () => actions.zoom(1 / 1.5, center()),
      "0": actions.fit,
      f: actions.fit,
      j: () => actions.goToPoint(Math.max(0, state.selection.point)),
      c: actions.toggleCauses,
      n: () => actions.hit(1),
      N: () => actions.hit(-1),
      ArrowLeft: () => actions.pan((state.from - state.to) * 0.15),
      ArrowRight: () => actions.pan((state.to - state.from) * 0.15),
      ArrowUp: () => actions.step(-1),
      ArrowDown: () => actions.step(1),
      PageUp: () => actions.pan((state.from - state.to) * 0.9),
      PageDown: () => actions.pan((state.to - state.from) * 0.9),
      Escape: () => actions.select({ event: -1, point: -1 }, { reveal: false }),
      "/": () => by("search").focus(),
      "?": () => by("help").showModal()
    }
    const act = Object.hasOwn(keys, key) ? keys[key] : undefined
    act?.()
    return act !== undefined
  }

  const keyboard = (): void => {
    document.addEventListener("keydown", (event) => {
      const { tagName, type } = event.target
      const typing = tagName === "INPUT" && type !== "checkbox"
      if (typing || event.ctrlKey || event.metaKey || event.altKey || by("help").open) return
      if (press(event.key)) event.preventDefault()
    })
  }

  const copy = (): void => {
    const button = document.getElementById("copy")
    if (button === null) return
    const say = (text: string): void => {
      button.textContent = text
      browser.setTimeout(() => (button.textContent = "Copy"), 1_600)
    }
    const byHand = (): void => {
      const area = document.createElement("textarea")
      area.value = model.packed.reproduce
      document.body.append(area)
      area.select()
      const done = document.execCommand("copy")
      area.remove()
      say(done ? "Copied" : "Select it by hand")
    }
    button.addEventListener("click", () => {
      const { clipboard } = browser.navigator
      if (clipboard === undefined) byHand()
      else clipboard.writeText(model.packed.reproduce).then(() => say("Copied"), byHand)
    })
  }

  filters()
  searchBox()
  keyboard()
  copy()
  onClick("zoom-in", () => actions.zoom(1.5, center()))
  onClick("zoom-out", () => actions.zoom(1 / 1.5, center()))
  onClick("fit", actions.fit)
  onClick("judge", () => actions.goToPoint(Math.max(0, state.selection.point)))
  onClick("help-button", () => by("help").showModal())
  onClick("help-close", () => by("help").close())
  by("judge").hidden = model.packed.points.length === 0
}
