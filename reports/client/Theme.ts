/** Colours of the moment, from the page's style sheet: the diagram follows light, dark and paper with the rest of the page. */
import type { Browser, Theme } from "./Types.ts"

/** Reads the theme; asked again when the scheme changes. */
export function theme(browser: Browser): Theme {
  const style = browser.getComputedStyle(browser.document.documentElement)
  const names =
    "card ink soft faint line band blue sky orange vermilion green purple amber accent fail pass hit delivered duplicate lost cut dead disk network clock process"
  const color: Record<string, string> = {}
  for (const name of names.split(" ")) color[name] = style.getPropertyValue("--" + name).trim()
  const sans = style.getPropertyValue("--sans")
  const monospaced = style.getPropertyValue("--monospaced")
  const patterns = new Map<string, unknown>()

  const hatch = (group: string): unknown => {
    const known = patterns.get(group)
    if (known !== undefined) return known
    const tile = browser.document.createElement("canvas")
    tile.width = tile.height = 8
    const pen = tile.getContext("2d")
    if (pen === null) return color[group]
    pen.strokeStyle = color[group]
    pen.lineWidth = 1.2
    pen.beginPath()
    const lines: Record<string, ReadonlyArray<number>> = {
      network: [-2, 10, 10, -2, -6, 6, 6, -6, 2, 14, 14, 2],
      disk: [0, 4, 8, 4],
      clock: [4, 0, 4, 8],
      process: [-2, -2, 10, 10, 2, -6, 14, 6, -6, 2, 6, 14]
    }
    const points = lines[group] ?? []
    for (let at = 0; at < points.length; at += 4) {
      pen.moveTo(points[at], points[at + 1])
      pen.lineTo(points[at + 2], points[at + 3])
    }
    pen.stroke()
    const pattern = pen.createPattern(tile, "repeat")
    patterns.set(group, pattern)
    return pattern
  }

  return {
    color,
    hatch,
    font: (size, weight = 400) => `${weight} ${size}px ${sans}`,
    mono: (size) => `${size}px ${monospaced}`
  }
}
