/**
 * A run as one self-contained HTML page: what was judged, and a space-time diagram of all that happened (nodes as lanes, time to the
 * right, messages as arrows; Lamport 1978). It opens from a file, asks nothing of any network (its own policy forbids it), and is a
 * pure function of the recording. Without scripts it still tells the story as tables.
 *
 *     Recording --Packed--> JSON in the page --client/Model--> columns --client/Paint*--> canvas
 */
import { describe } from "./Describe.ts"
import { formatBytes, formatCount, formatDuration, formatTime } from "./Format.ts"
import * as Html from "./Html.ts"
import * as Packed from "./Packed.ts"
import type { Recording } from "./Recording.ts"
import * as Script from "./Script.ts"
import * as Story from "./Story.ts"
import * as Style from "./Style.ts"

const { text } = Html

const verdictSign = { pass: "✓ PASS", fail: "✗ FAIL", error: "! ERROR" } as const
const checkSign = { pass: "✓ pass", fail: "✗ FAIL", unknown: "? unknown" } as const

/** Rows of the page's last-events table. */
const toldEvents = 40

const nodeName = (recording: Recording, node: number | undefined): string =>
  node === undefined ? "" : (recording.lanes[node]?.name ?? "")

/** The checks, failed ones first; a failed one links to its point: `#t=FROM-TO&p=N`. */
const checksTable = (recording: Recording): string => {
  let point = 0
  const rows = Story.sortedChecks(recording).map((check) => {
    const at = check.atMicros === undefined ? "" : formatTime(check.atMicros)
    const node = nodeName(recording, check.node)
    const place = [at, node].filter((part) => part !== "").join(" on ")
    const failed = check.verdict === "fail"
    const [from, to] = failed ? Story.windowOf(recording, Story.pointOf(recording, check)) : [0, 0]
    const show = failed ? `<a href="#t=${from}-${to}&amp;p=${point++}">show</a>` : ""
    const link = check.page === undefined ? show : `${show} <a href="${text(check.page)}">history</a>`
    const cells = `<th scope="row"${check.name.length > 34 ? ' class="long"' : ""}>${text(check.name)}</th><td>${text(check.detail)}</td><td class="word">${text(place)}</td><td>${link}</td>`
    return `<tr${failed ? ' class="failed"' : ""}><td class="word ${check.verdict}">${checkSign[check.verdict]}</td>${cells}</tr>`
  })
  return `<table class="checks"><tbody>${rows.join("\n")}</tbody></table>`
}

const optionsList = (recording: Recording): string => {
  const entries = Object.entries(recording.options)
  const items = entries.map(
    ([name, value]) =>
      `<div${name.length + String(value).length > 25 ? ' class="wide"' : ""}><dt>${text(name)}</dt><dd>${text(String(value))}</dd></div>`
  )
  return items.length === 0 ? "No options were drawn." : `<dl class="options">${items.join("")}</dl>`
}

const header = (recording: Recording): string => {
  const { verdict } = recording
  const length = `${formatDuration(recording.virtualMicros)} of virtual time`
  const truncated = recording.truncated
    ? '<p class="notice">The recorder was full: later events are missing here. Run the reproduction with fewer nodes or a shorter time to see them all.</p>'
    : ""
  return `<header class="card">
<div class="top"><h1><span class="verdict-word ${verdict}">${verdictSign[verdict]}</span>${text(recording.scenario)}</h1>
<span class="fact">seed <b>${text(recording.seed)}</b></span>
<span class="fact">trace <code>${text(recording.traceHash)}</code></span>
<span class="fact">${length}, ${formatCount(recording.events.length)} events</span>
<span class="reproduce"><code>${text(recording.reproduce)}</code><button type="button" id="copy" title="copy the command">Copy</button></span></div>
${truncated}<div class="tables"><div>${checksTable(recording)}</div><div>${optionsList(recording)}</div></div>
</header>`
}

const keys: ReadonlyArray<readonly [string, string]> = [
  ["wheel, + −", "zoom (the wheel at the mouse)"],
  ["drag, ← →", "pan; Page Up and Page Down by a screen; shift and wheel too"],
  ["alt + wheel", "scroll the lanes when they do not all fit"],
  ["0 or f", "fit the whole run"],
  ["j", "go to the judge's point"],
  ["↑ ↓", "event before, event after"],
  ["c", "veil what cannot have caused the selection"],
  ["/", "search; Enter and shift + Enter for the next and the previous hit"],
  ["n N", "next hit, previous hit"],
  ["Esc", "drop the selection: back to the judge's point"]
]

const help = `<dialog id="help" aria-label="Keyboard"><h2>Keyboard and mouse</h2><table><tbody>
${keys.map(([key, does]) => `<tr><td><kbd>${key}</kbd></td><td>${does}</td></tr>`).join("\n")}
</tbody></table><button type="button" id="help-close">Close</button></dialog>`

const stage = `<main><section class="stage card" aria-label="Space-time diagram">
<div class="bar"><button type="button" id="judge" title="go to the judge's point (j)">✗ Judge's point</button><button type="button" id="zoom-in" title="zoom in (+)">+</button><button type="button" id="zoom-out" title="zoom out (-)">−</button><button type="button" id="fit" title="fit the whole run (0)">Fit</button>
<span id="range"></span><span class="find"><span id="hits" aria-live="polite"></span><input type="search" id="search" placeholder="Search  /" aria-label="Search events"><button type="button" id="hit-before" title="previous hit (N)">‹</button><button type="button" id="hit-after" title="next hit (n)">›</button><button type="button" id="help-button" title="keyboard (?)">?</button></span></div>
<canvas id="overview" role="img" aria-label="The whole run; drag to move the window"></canvas>
<div class="canvas"><canvas id="diagram" role="img" aria-label="Nodes as lanes, time to the right; the same events are in the list"></canvas><span id="dense"></span></div>
<div class="legend" aria-label="Legend and filters"><div id="nodes"></div><div id="kinds"></div></div>
</section>
<aside class="side"><section class="card" id="details" aria-label="Details" aria-live="polite"></section>
<section class="card listing" aria-label="Events"><h2 id="count">Events</h2><div id="list"></div></section></aside></main>`

/** The story as tables, for whoever reads without a script. */
const told = (recording: Recording): string => {
  const names = recording.lanes.map((lane) => lane.name)
  const words = { names, duration: formatDuration, bytes: formatBytes }
  const row = (cells: ReadonlyArray<string>, className = ""): string =>
    `<tr${className === "" ? "" : ` class="${className}"`}>${cells.map((cell) => `<td>${text(cell)}</td>`).join("")}</tr>`
  const table = (caption: string, rows: ReadonlyArray<string>): string =>
    `<table><caption>${text(caption)}</caption><thead><tr><th>time</th><th>node</th><th>what</th><th>detail</th></tr></thead><tbody>\n${rows.join("\n")}\n</tbody></table>`
  const faults = recording.events
    .filter((event) => event.type === "fault")
    .slice(0, 200)
    .map((event) => {
      const { who, text: said } = describe(event, words)
      return row([formatTime(event.at), who, event.group, said])
    })
  const point = Story.mainPoint(recording)
  const parts = [`<h2>Checks</h2>${checksTable(recording)}`]
  if (faults.length > 0) parts.push(`<h2>Faults</h2>${table("In order of time", faults)}`)
  if (point !== undefined) {
    const steps = Story.stepsBefore(recording, point, toldEvents).map(({ event, alike }) => {
      const { who, what, text: said } = describe(event, words)
      return row([formatTime(event.at), who, what, alike > 0 ? `${said} (and ${alike} alike before)` : said])
    })
    const violation = row(
      [
        formatTime(point.atMicros),
        nodeName(recording, point.node),
        "FAIL",
        `${point.check.name}: ${point.check.detail}`
      ],
      "point"
    )
    const concerned = point.lanes.map((lane) => names[lane]).join(", ")
    parts.push(`<h2>What led to the violation</h2>${table(`The last events on ${concerned}`, [...steps, violation])}`)
  }
  return `<noscript><style>main, #copy, header .tables { display: none !important; }</style><section class="card told">${parts.join("\n")}</section></noscript>`
}

/** Nothing but what stands in the page may load or run. */
const policy =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

/** The page. O(size of the recording); about 25 bytes an event. */
export const page = (recording: Recording): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>${text(`${recording.verdict.toUpperCase()} ${recording.scenario} seed ${recording.seed}`)}</title>
<style>${Style.sheet}</style></head>
<body>
${header(recording)}
${told(recording)}
${stage}
${help}
<script type="application/json" id="recording">${Html.json(Packed.pack(recording))}</script>
<script>
${Script.source()}
</script>
</body></html>
`
