/** Texts in the diagram: the important ones first, none over another, each with a halo so that lines do not cut it. */
import type { Label, Pen, Theme } from "./Types.ts"

/** A queue for one frame: `add` collects, `draw` places. At most 400 are placed, of at most 6,000 collected. */
export function labels(
  pen: Pen,
  theme: Theme,
  area: { readonly left: number; readonly right: number; readonly top: number; readonly bottom: number }
) {
  const queue: Array<Label> = []
  const placed: Array<{
    readonly left: number
    readonly right: number
    readonly top: number
    readonly bottom: number
  }> = []
  const size = 11
  const height = 12

  const add = (label: Label): void => {
    if (queue.length < 6_000) queue.push(label)
  }

  const put = (label: Label, text: string, x: number, y: number): boolean => {
    const width = pen.measureText(text).width
    const left = x - (label.align === "left" ? 0 : label.align === "center" ? width / 2 : width)
    const box = { left: left - 3, right: left + width + 3, top: y - height / 2, bottom: y + height / 2 }
    if (box.left < area.left || box.right > area.right || box.top < area.top || box.bottom > area.bottom) return false
    if (
      placed.some((one) => one.left < box.right && one.right > box.left && one.top < box.bottom && one.bottom > box.top)
    )
      return false
    placed.push(box)
    pen.globalAlpha = 0.92
    pen.strokeStyle = theme.color.card
    pen.strokeText(text, left, y + 0.5)
    pen.globalAlpha = 1
    pen.fillStyle = label.color
    pen.fillText(text, left, y + 0.5)
    return true
  }

  const draw = (): void => {
    pen.textAlign = "left"
    pen.textBaseline = "middle"
    pen.lineJoin = "round"
    pen.lineWidth = 3.5
    queue.sort((left, right) => right.priority - left.priority)
    let places = 0
    for (const label of queue.slice(0, 2_500)) {
      if (places >= 400) break
      pen.font = theme.font(size, label.weight ?? 400)
      const fits = label.texts.some(
        (text) =>
          text !== "" &&
          pen.measureText(text).width <= label.room &&
          label.spots.some(([x, y]) => put(label, text, x, y))
      )
      if (fits) places++
    }
  }

  return { add, draw }
}
