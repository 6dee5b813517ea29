/**
 * An anomaly's transactions as a graph: boxes on an ellipse in the order of the cycle, its edges strong and labelled with the
 * key and the values that justify them, other dependencies between the same transactions faint. Plain SVG, so that it needs
 * no script; colours come from the page's style sheet, and each kind of edge has its own dashes too.
 */
import { text } from "./Html.ts"
import type { JudgedAnomaly, JudgedEdge, JudgedTransaction } from "./Judged.ts"

interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly lines: ReadonlyArray<string>
}

/** More transactions than this are cut out of the middle of a cycle. */
const boxesMax = 14
const linesMax = 5
const lineCharactersMax = 30
const characterWidth = 6.7
const lineHeight = 15

const cut = (line: string, most: number): string => (line.length > most ? `${line.slice(0, most - 1)}…` : line)

const linesOf = ({ words }: JudgedTransaction): ReadonlyArray<string> => {
  const shown = words.slice(0, linesMax).map((line) => cut(line, lineCharactersMax))
  return words.length > linesMax ? [...shown, `… ${words.length - linesMax} more`] : shown
}

/** Boxes around an ellipse, the first on the left for two, on top for more. */
const place = (transactions: ReadonlyArray<JudgedTransaction>): ReadonlyArray<Box> => {
  const count = transactions.length
  const sizes = transactions.map((one) => {
    const lines = linesOf(one)
    const longest = Math.max(one.name.length + one.who.length + 3, ...lines.map((line) => line.length))
    return { lines, width: longest * characterWidth + 22, height: (lines.length + 1) * lineHeight + 14 }
  })
  const widest = Math.max(...sizes.map(({ width }) => width), 0)
  const tallest = Math.max(...sizes.map(({ height }) => height), 0)
  // Neighbours are far enough apart for a label between them.
  const chord = 2 * Math.sin(Math.PI / Math.max(3, count))
  const across = count === 2 ? widest / 2 + 130 : (widest + (count <= 6 ? 190 : 90)) / chord
  const down = count === 2 ? 0 : (tallest + (count <= 6 ? 110 : 60)) / chord
  return sizes.map(({ lines, width, height }, index) => {
    const angle = (index / count) * 2 * Math.PI + (count === 2 ? Math.PI : -Math.PI / 2)
    return { lines, width, height, x: across * Math.cos(angle), y: down * Math.sin(angle) }
  })
}

/** Where the line from a box's middle towards a point leaves the box, a little outside. */
const border = (box: Box, x: number, y: number): readonly [number, number] => {
  const [dx, dy] = [x - box.x, y - box.y]
  const scale = Math.min(
    (box.width / 2 + 5) / Math.max(Math.abs(dx), 1e-9),
    (box.height / 2 + 5) / Math.max(Math.abs(dy), 1e-9)
  )
  return [box.x + dx * Math.min(1, scale), box.y + dy * Math.min(1, scale)]
}

const round = (value: number): string => String(Math.round(value * 10) / 10)

interface Drawn {
  readonly path: string
  readonly label: string
}

/** An edge bends to its left, so two edges between the same boxes lie apart. */
const edgeOf = (edge: JudgedEdge, boxes: ReadonlyArray<Box>, id: string): Drawn => {
  const from = boxes[edge.from]!
  const to = boxes[edge.to]!
  const [dx, dy] = [to.x - from.x, to.y - from.y]
  const length = Math.hypot(dx, dy)
  const bend = (boxes.length === 2 ? 0.34 : 0.14) * length * (edge.inCycle ? 1 : 1.7)
  const middle = [(from.x + to.x) / 2 + (dy / length) * bend, (from.y + to.y) / 2 - (dx / length) * bend] as const
  const [x0, y0] = border(from, ...middle)
  const [x1, y1] = border(to, ...middle)
  const path = `M${round(x0)} ${round(y0)}Q${round(middle[0])} ${round(middle[1])} ${round(x1)} ${round(y1)}`
  const kind = `edge ${edge.type}${edge.inCycle ? "" : " beside"}`
  const drawn = `<g class="${kind}"><title>${text(edge.reason)}</title><path d="${path}" marker-end="url(#${id}-${edge.type})"/></g>`
  const said = cut(`${edge.type}${edge.label === "" ? "" : `  ${edge.label}`}`, 34)
  const width = said.length * characterWidth + 14
  // The middle of a quadratic curve is half way to its control point.
  const x = x0 / 4 + middle[0] / 2 + x1 / 4
  const y = y0 / 4 + middle[1] / 2 + y1 / 4
  const label = `<g class="${kind}"><title>${text(edge.reason)}</title><rect x="${round(x - width / 2)}" y="${round(y - 10)}" width="${round(width)}" height="20" rx="10"/><text x="${round(x)}" y="${round(y + 4)}" text-anchor="middle">${text(said)}</text></g>`
  return { path: drawn, label: edge.inCycle ? label : "" }
}

const boxOf = (box: Box, { name, operation, who }: JudgedTransaction, anomaly: number): string => {
  const left = box.x - box.width / 2
  const top = box.y - box.height / 2
  const lines = box.lines.map(
    (line, index) =>
      `<text x="${round(left + 11)}" y="${round(top + 19 + (index + 1) * lineHeight)}" class="words">${text(line)}</text>`
  )
  const inside = `<rect x="${round(left)}" y="${round(top)}" width="${round(box.width)}" height="${round(box.height)}" rx="8"/><text x="${round(left + 11)}" y="${round(top + 19)}"><tspan class="name">${text(name)}</tspan><tspan class="who" dx="8">${text(who)}</tspan></text>${lines.join("")}`
  if (operation < 0) return `<g class="transaction">${inside}</g>`
  return `<a href="#op=${operation}&amp;a=${anomaly}" class="transaction"><title>Show ${text(name)} in the lanes</title>${inside}</a>`
}

const arrow = (id: string, type: string): string =>
  `<marker id="${id}-${type}" class="${type}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0L10 5L0 10z"/></marker>`

/** Of a long cycle the first and the last transactions; a box that stands for the rest is between them. */
const shorten = ({ edges, transactions }: JudgedAnomaly): Pick<JudgedAnomaly, "edges" | "transactions"> => {
  const many = transactions.length
  if (many <= boxesMax) return { edges, transactions }
  const head = boxesMax - 3
  const tail = 2
  const left = many - head - tail
  const rest: JudgedTransaction = { name: "…", who: `${left} more transactions`, words: [], operation: -1 }
  const placeOf = (index: number): number => (index < head ? index : index < many - tail ? head : index - left + 1)
  return {
    transactions: [...transactions.slice(0, head), rest, ...transactions.slice(many - tail)],
    edges: edges.flatMap((edge) => {
      const [from, to] = [placeOf(edge.from), placeOf(edge.to)]
      const inside = from === to || (!edge.inCycle && (from === head || to === head))
      return inside ? [] : [{ ...edge, from, to }]
    })
  }
}

/** The graph of an anomaly with a cycle; empty without one. `index` is the anomaly's place on the page. */
export const svg = (anomaly: JudgedAnomaly, index: number): string => {
  if (anomaly.edges.length === 0) return ""
  const { edges, transactions } = shorten(anomaly)
  const boxes = place(transactions)
  const id = `arrow${index}`
  const drawn = edges
    .toSorted((left, right) => Number(left.inCycle) - Number(right.inCycle))
    .map((edge) => edgeOf(edge, boxes, id))
  const side = boxes.length === 2 ? 70 : 46
  const left = Math.min(...boxes.map((box) => box.x - box.width / 2)) - side
  const right = Math.max(...boxes.map((box) => box.x + box.width / 2)) + side
  const top = Math.min(...boxes.map((box) => box.y - box.height / 2)) - side
  const bottom = Math.max(...boxes.map((box) => box.y + box.height / 2)) + side
  const told = anomaly.edges
    .filter(({ inCycle }) => inCycle)
    .map(({ from, to, type }) => `${anomaly.transactions[from]?.name} ${type} ${anomaly.transactions[to]?.name}`)
  const types = [...new Set(edges.map(({ type }) => type))]
  return `<svg class="graph" role="img" aria-label="${text(`${anomaly.type}: ${told.join(", ")}`)}" viewBox="${round(left)} ${round(top)} ${round(right - left)} ${round(bottom - top)}" width="${round(right - left)}" height="${round(bottom - top)}"><defs>${types.map((type) => arrow(id, type)).join("")}</defs>
${drawn.map(({ path }) => path).join("\n")}
${transactions.map((one, at) => boxOf(boxes[at]!, one, index)).join("\n")}
${drawn.map(({ label }) => label).join("\n")}
</svg>`
}
