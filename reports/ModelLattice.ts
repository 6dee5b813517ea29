/**
 * The lattice of consistency models: the strongest on the left, lines to the next weaker ones, each marked as violated or
 * still possible. Layers by the longest way from a strongest model; within a layer in the order of the neighbours' middles,
 * swept a few times (Sugiyama, Tagawa and Toda 1981). Plain SVG.
 */
import { text } from "./Html.ts"
import type { JudgedModel } from "./Judged.ts"

const columnWidth = 150
const boxWidth = 128
const boxHeight = 44
const rowHeight = 52
const lineHeight = 12.5
const lineCharactersMax = 16
const sweeps = 24

/** A name as lines, broken after hyphens. */
const linesOf = (name: string): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const word of name.split(/(?<=-)/)) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length <= lineCharactersMax) lines[lines.length - 1] = last + word
    else lines.push(word)
  }
  return lines
}

/** A model's layer: the length of the longest way to it from a strongest one. */
const layersOf = (models: ReadonlyArray<JudgedModel>): ReadonlyArray<number> => {
  const index = new Map(models.map(({ name }, at) => [name, at]))
  const layers = models.map(() => 0)
  for (let changed = true, turn = 0; changed && turn <= models.length; turn++) {
    changed = false
    models.forEach(({ implies }, at) => {
      for (const name of implies) {
        const below = index.get(name)
        if (below === undefined || layers[below]! > layers[at]!) continue
        layers[below] = layers[at]! + 1
        changed = true
      }
    })
  }
  return layers
}

/** A row for each model: no two of a layer share one, and lines are short. */
const rowsOf = (models: ReadonlyArray<JudgedModel>, layers: ReadonlyArray<number>): ReadonlyArray<number> => {
  const index = new Map(models.map(({ name }, at) => [name, at]))
  const neighbours: ReadonlyArray<Array<number>> = models.map(() => [])
  models.forEach(({ implies }, at) => {
    for (const name of implies) {
      const below = index.get(name)
      if (below === undefined) continue
      neighbours[at]!.push(below)
      neighbours[below]!.push(at)
    }
  })
  const byLayer: Array<Array<number>> = []
  layers.forEach((layer, at) => (byLayer[layer] ??= []).push(at))
  const tallest = Math.max(...byLayer.map((layer) => layer.length))
  const rows = models.map(() => 0)
  for (const layer of byLayer) layer.forEach((at, row) => (rows[at] = row + (tallest - layer.length) / 2))
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (const layer of sweep % 2 === 0 ? byLayer : byLayer.toReversed()) {
      const wish = (at: number): number => {
        const near = neighbours[at]!
        return near.length === 0 ? rows[at]! : near.reduce((sum, one) => sum + rows[one]!, 0) / near.length
      }
      const wishes = new Map(layer.map((at) => [at, wish(at)]))
      const sorted = layer.toSorted((left, right) => wishes.get(left)! - wishes.get(right)! || left - right)
      spread(sorted, wishes, rows, tallest)
    }
  }
  return rows
}

/** As near to the wishes as one row apart and `tallest` rows allow. */
const spread = (
  sorted: ReadonlyArray<number>,
  wishes: ReadonlyMap<number, number>,
  rows: Array<number>,
  tallest: number
): void => {
  let row = -Infinity
  for (const at of sorted) rows[at] = row = Math.max(row + 1, wishes.get(at)!)
  let most = tallest - 1
  for (const at of sorted.toReversed()) {
    rows[at] = Math.min(rows[at]!, most)
    most = rows[at]! - 1
  }
}

const signs = { refuted: "✗", implied: "✗", possible: "✓" } as const
const told = {
  refuted: "violated",
  implied: "violated, since a weaker model is",
  possible: "not violated by anything found"
} as const

/** The lattice; empty without models. */
export const svg = (models: ReadonlyArray<JudgedModel>): string => {
  if (models.length === 0) return ""
  const layers = layersOf(models)
  const rows = rowsOf(models, layers)
  const at = (index: number) => ({ x: layers[index]! * columnWidth + 4, y: rows[index]! * rowHeight + 4 })
  const index = new Map(models.map(({ name }, place) => [name, place]))
  const lines = models.flatMap(({ implies, verdict }, from) =>
    implies.flatMap((name) => {
      const to = index.get(name)
      if (to === undefined) return []
      const start = { x: at(from).x + boxWidth, y: at(from).y + boxHeight / 2 }
      const end = { x: at(to).x, y: at(to).y + boxHeight / 2 }
      const bend = Math.max(18, (end.x - start.x) / 2)
      const kind = verdict === "possible" ? "possible" : models[to]!.verdict === "possible" ? "edge-of" : "implied"
      return [
        `<path class="${kind}" d="M${start.x} ${Math.round(start.y)}C${start.x + bend} ${Math.round(start.y)} ${end.x - bend} ${Math.round(end.y)} ${end.x} ${Math.round(end.y)}"/>`
      ]
    })
  )
  const boxes = models.map(({ asked, name, verdict }, place) => {
    const { x, y } = at(place)
    const names = linesOf(name)
    const words = names.map(
      (line, row) =>
        `<text x="${x + 23}" y="${Math.round(y + boxHeight / 2 + 4 + (row - (names.length - 1) / 2) * lineHeight)}">${text(line)}</text>`
    )
    return `<g class="model ${verdict}${asked ? " asked" : ""}"><title>${text(`${name}: ${told[verdict]}${asked ? "; the level asked for" : ""}`)}</title><rect x="${x}" y="${Math.round(y)}" width="${boxWidth}" height="${boxHeight}" rx="6"/><text class="sign" x="${x + 8}" y="${Math.round(y + boxHeight / 2 + 4)}">${signs[verdict]}</text>${words.join("")}</g>`
  })
  const width = (Math.max(...layers) + 1) * columnWidth - (columnWidth - boxWidth) + 8
  const height = Math.round((Math.max(...rows) + 1) * rowHeight + 2)
  return `<svg class="lattice" role="img" aria-label="Consistency models, stronger ones on the left; the same as a list below" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
${lines.join("\n")}
${boxes.join("\n")}
</svg>`
}
