/**
 * A judged history as one self-contained HTML page: the verdict and why, the transaction graph of each anomaly with its
 * cycle, the lattice of consistency models, and the history as lanes with the moments at which operations took effect, up to
 * the first point where nothing fits. It opens from a file, asks nothing of any network (its own policy forbids it), and is
 * a pure function of what was judged. Without scripts it still tells the verdict, the anomalies and what suffices for a refusal.
 */
import * as CycleGraph from "./CycleGraph.ts"
import { formatCount } from "./Format.ts"
import * as HistoryScript from "./HistoryScript.ts"
import * as HistoryStyle from "./HistoryStyle.ts"
import * as Html from "./Html.ts"
import type { Judged, JudgedAnomaly, JudgedModel } from "./Judged.ts"
import * as ModelLattice from "./ModelLattice.ts"
import * as PackedHistory from "./PackedHistory.ts"

const { text } = Html

const verdictSigns = { valid: "✓ VALID", invalid: "✗ INVALID", unknown: "? UNKNOWN" } as const

/** Anomalies shown open; the others open with a click. */
const openMax = 3

const counted = (count: number, one: string): string => `${formatCount(count)} ${one}${count === 1 ? "" : "s"}`

const header = (judged: Judged): string => {
  const who = new Set(judged.operations.map((operation) => operation.who))
  const facts = [
    `model <b>${text(judged.model)}</b>`,
    ...(judged.level === "" ? [] : [`level <b>${text(judged.level)}</b>`]),
    counted(judged.operations.length + judged.before + judged.after, "operation"),
    counted(who.size, "process").replace("processs", "processes")
  ]
  const keys = judged.parts.length + judged.partsLeftOut
  if (keys > 1) facts.push(counted(keys, "key"))
  const sentences = [...judged.sentences]
  if (judged.before + judged.after > 0) {
    sentences.push(
      `The lanes show ${counted(judged.operations.length, "operation")}; ${formatCount(judged.before)} before and ${formatCount(judged.after)} after them are left out.`
    )
  }
  if (judged.partsLeftOut > 0) sentences.push(`Of ${formatCount(judged.partsLeftOut)} more keys no order is drawn.`)
  if (judged.order === "process") {
    sentences.push(
      "The history has no times: only the order within each session is known, so places in the lanes mean nothing across them."
    )
  }
  const said = sentences.map((sentence) => `<p>${text(sentence)}</p>`).join("\n")
  return `<header class="card">
<div class="top"><h1><span class="verdict-word ${judged.verdict}">${verdictSigns[judged.verdict]}</span>${text(judged.title)}</h1>
${facts.map((fact) => `<span class="fact">${fact}</span>`).join("\n")}</div>
${said === "" ? "" : `<div class="sentences">${said}</div>`}
</header>`
}

const kinds: ReadonlyArray<readonly [string, string]> = [
  ["ww", "wrote the next version"],
  ["wr", "read what the other wrote"],
  ["rw", "read a version that the other replaced"],
  ["process", "earlier in the same process"],
  ["realtime", "had ended when the other began"]
]

const anomaly = (one: JudgedAnomaly, index: number): string => {
  const graph = CycleGraph.svg(one, index)
  const names = one.transactions.map(({ name, operation }) =>
    operation < 0 ? text(name) : `<a href="#op=${operation}&amp;a=${index}">${text(name)}</a>`
  )
  const shown = names.length === 0 ? "" : `<p class="fact">In the lanes: ${names.slice(0, 24).join(" ")}</p>`
  const brief = one.edges.filter(({ inCycle }) => inCycle).map(({ type }) => type)
  const summary = brief.length === 0 ? (one.explanation.split("\n")[0] ?? "") : brief.join(" → ")
  const body = `<div><p class="explanation">${one.explanation.split("\n").map(text).join("\n")}</p>${shown}</div>`
  return `<details class="anomaly${one.allowed ? " allowed" : ""}"${index < openMax ? " open" : ""}><summary><span class="kind">${text(one.type)}</span><span class="brief">${text(summary.length > 160 ? `${summary.slice(0, 159)}…` : summary)}${one.allowed ? " (the level allows it)" : ""}</span></summary>
<div class="inside${graph === "" ? " plain" : ""}">${graph === "" ? "" : `<div class="scroll">${graph}</div>`}${body}</div></details>`
}

const anomalies = (judged: Judged): string => {
  if (judged.anomalies.length === 0) return ""
  const counts = Object.entries(judged.counts).map(([type, count]) => `${text(type)} ${formatCount(count)}`)
  const hasGraph = judged.anomalies.some(({ edges }) => edges.length > 0)
  const legend = kinds.map(([kind, words]) => `<span class="${kind}"><b>${kind}</b> ${words}</span>`)
  return `<section class="card" aria-label="Anomalies"><h2 class="title">Anomalies <small>${counts.join(" · ")}</small></h2>
${hasGraph ? `<div class="kinds">${legend.join("")}</div>` : ""}
${judged.anomalies.map(anomaly).join("\n")}
</section>`
}

const models = (list: ReadonlyArray<JudgedModel>): string => {
  if (list.length === 0) return ""
  const below = new Map(list.map(({ name, implies }) => [name, implies]))
  const possible = list.filter(({ verdict }) => verdict === "possible").map(({ name }) => name)
  const weaker = new Set(possible.flatMap((name) => below.get(name) ?? []))
  const row = (name: string, names: ReadonlyArray<string>): string =>
    names.length === 0 ? "" : `<dt>${name}</dt><dd>${names.map(text).join(", ")}</dd>`
  const of = (verdict: JudgedModel["verdict"]): ReadonlyArray<string> =>
    list.filter((model) => model.verdict === verdict).map(({ name }) => name)
  return `<section class="card" aria-label="Consistency models"><h2 class="title">Consistency models <small>stronger ones on the left; the framed one was asked for</small></h2>
<div class="models"><div class="scroll" tabindex="0" role="region" aria-label="Lattice">${ModelLattice.svg(list)}</div>
<dl>${row("Violated", of("refuted"))}${row("so neither", of("implied"))}${row(
    "May hold at most",
    possible.filter((name) => !weaker.has(name))
  )}</dl></div></section>`
}

const keys: ReadonlyArray<readonly [string, string]> = [
  ["+ −", "zoom; so does the wheel, with control where the page scrolls"],
  ["drag, ← →", "pan; shift and wheel too"],
  ["alt + wheel", "scroll the lanes when they do not all fit"],
  ["0 or f", "fit the whole history"],
  ["j", "go to the first point where nothing fits"],
  ["m", "show only the operations that suffice for it"],
  ["[ ]", "the order before, the order after, of the longest that fit"],
  ["↑ ↓", "operation before, operation after (click the lanes first where the page scrolls)"],
  ["/", "search; Enter and shift + Enter for the next and the previous"],
  ["Esc", "drop the selection"]
]

const help = `<dialog id="help" aria-label="Keyboard"><h2>Keyboard and mouse</h2><table><tbody>
${keys.map(([key, does]) => `<tr><td><kbd>${key}</kbd></td><td>${does}</td></tr>`).join("\n")}
</tbody></table><button type="button" id="help-close">Close</button></dialog>`

const legend = (judged: Judged): string => {
  const operations = `<span><i class="ok"></i>ok</span><span><i class="open"></i>unknown: may take effect later, or never</span><span><i class="failed"></i>failed: did not happen</span>`
  const moments = judged.parts.some(({ lines }) => lines.length > 0)
  const refused = judged.parts.some(({ stuck }) => stuck !== undefined)
  return `<div class="legend" aria-label="Legend">${operations}${moments ? '<span><i class="number">1</i>took effect, in this order</span>' : ""}${refused ? '<span><i class="needed"></i>suffices for the refusal</span><span><i class="stuck"></i>nothing fits</span>' : ""}</div>`
}

const partVerdicts = { valid: "✓", invalid: "✗", unknown: "?" } as const

/** A page with more than lanes scrolls; the lanes then are as high as they need, in pixels. */
const isScrolling = (judged: Judged): boolean => judged.anomalies.length + judged.models.length > 0
const laneRoom = { around: 230, each: 70, most: 680 } as const

const stage = (judged: Judged): string => {
  const options = judged.parts.map(
    ({ name, verdict }, index) => `<option value="${index}">${partVerdicts[verdict]} ${text(name)}</option>`
  )
  const chooser = `<select id="part" aria-label="Key"${judged.parts.length < 2 ? " hidden" : ""}><option value="-1">all keys</option>${options.join("")}</select>`
  const lines = `<span id="lines"><button type="button" id="line-before" title="the order before ([)">‹</button><span id="line-name"></span><button type="button" id="line-after" title="the order after (])">›</button></span>`
  const tall = Math.min(laneRoom.most, laneRoom.around + judged.lanes.length * laneRoom.each)
  return `<main id="stage"${isScrolling(judged) ? ` style="height: ${tall}px"` : ""}><section class="stage card" aria-label="History">
<div class="bar"><button type="button" id="judge" title="go to the first point where nothing fits (j)">✗ Nothing fits</button>${chooser}<button type="button" id="zoom-in" title="zoom in (+)" aria-label="zoom in">+</button><button type="button" id="zoom-out" title="zoom out (-)" aria-label="zoom out">−</button><button type="button" id="fit" title="fit the whole history (0)">Fit</button><button type="button" id="minimal" aria-pressed="false" title="show only what suffices for the refusal (m)">Only what suffices</button>${lines}
<span id="range"></span><span class="find"><span id="hits" aria-live="polite"></span><input type="search" id="search" placeholder="Search  /" aria-label="Search operations"><button type="button" id="hit-before" title="previous (N)" aria-label="previous">‹</button><button type="button" id="hit-after" title="next (n)" aria-label="next">›</button><button type="button" id="help-button" title="keyboard (?)">?</button></span></div>
<canvas id="overview" role="img" aria-label="The whole history; drag to move the window"></canvas>
<div class="canvas"><canvas id="diagram" role="img" tabindex="0" aria-label="Processes as lanes, events to the right; the panel beside tells the same as lists"></canvas></div>
${legend(judged)}
</section>
<aside class="side one"><section class="card" id="details" aria-label="Details" aria-live="polite"></section></aside></main>`
}

/** For whoever reads without a script: what suffices for each refusal, and the ends of the orders that fit. */
const told = (judged: Judged): string => {
  const name = (operation: number): string => {
    const one = judged.operations[operation]
    return one === undefined
      ? ""
      : `${one.words} by ${one.who}, events ${one.call} to ${one.return === Infinity ? "?" : one.return}`
  }
  const list = (operations: ReadonlyArray<number>): string =>
    `<ol>${operations.map((operation) => `<li>${text(name(operation))}</li>`).join("")}</ol>`
  const refused = judged.parts.flatMap(({ lines, minimal, name: part, note, stuck }) => {
    if (stuck === undefined) return []
    const [line] = lines
    const order =
      line === undefined
        ? ""
        : `<h2>The longest order that fits, its end</h2>${list(line.points.slice(-20).map(({ operation }) => operation))}`
    return [
      `<h2>Nothing fits${part === "" ? "" : ` of key ${text(part)}`}</h2><p>${text(name(stuck))}</p><p>${text(note)}</p>${minimal.length === 0 ? "" : `<h2>These suffice to show it</h2>${list(minimal)}`}${order}`
    ]
  })
  return `<noscript><style>main { display: none !important; }</style><section class="card told">${refused.join("\n")}</section></noscript>`
}

/** Nothing but what stands in the page may load or run. */
const policy =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

/** The page. O(size of what was judged); about 65 bytes an operation with its moment. */
export const page = (judged: Judged): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>${text(`${judged.verdict.toUpperCase()} ${judged.title} ${judged.model}`)}</title>
<style>${HistoryStyle.sheet}</style></head>
<body${isScrolling(judged) ? ' class="scrolls"' : ""}>
${header(judged)}
${told(judged)}
${anomalies(judged)}
${models(judged.models)}
${stage(judged)}
${help}
<script type="application/json" id="recording">${Html.json(PackedHistory.pack(judged))}</script>
<script>
${HistoryScript.source()}
</script>
</body></html>
`
