/** What the page of a judged history adds to the style sheet of all pages (`Style.ts`): graphs, lattice, lists of points. */
import * as Style from "./Style.ts"

const header = `
.verdict-word.valid { background: var(--pass); } .verdict-word.invalid { background: var(--fail); } .verdict-word.unknown { background: var(--amber); }
.top h1 { overflow-wrap: anywhere; min-width: 0; } .verdict-word { flex: none; }
.sentences { padding: 8px 14px 10px; border-top: 1px solid var(--line); overflow-wrap: anywhere; } .sentences p { max-width: 120ch; }
.sentences p + p { margin-top: 3px; color: var(--soft); } .sentences p:first-child { font-size: 14.5px; font-weight: 550; white-space: pre-wrap; }
h2.title { font-size: 14px; padding: 9px 14px 7px; border-bottom: 1px solid var(--line); display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline; }
h2.title small { font-weight: 400; font-size: 12px; color: var(--soft); }`

const lanes = `
.bar select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 3px 6px; max-width: 190px; }
.bar #lines { display: inline-flex; align-items: center; gap: 4px; color: var(--soft); } .bar #search { width: 150px; }
button[aria-pressed=true] { background: var(--accent); border-color: var(--accent); color: var(--card); }
.side.one { grid-template-rows: minmax(0, 1fr); }
.legend { flex-direction: row; flex-wrap: wrap; gap: 2px 18px; color: var(--soft); font-size: 12px; } .legend span { display: inline-flex; gap: 6px; align-items: center; }
.legend i { border-radius: 4px; width: 26px; height: 12px; border: 1.5px solid; display: inline-block; }
.legend .ok { color: var(--green); background: color-mix(in srgb, var(--green) 18%, transparent); } .legend .open { color: var(--amber); border-style: dashed; }
.legend .failed { color: var(--vermilion); background: color-mix(in srgb, var(--vermilion) 18%, transparent); } .legend .stuck { color: var(--fail); background: var(--fail); }
.legend .needed { color: var(--accent); border-width: 3px; }
.legend .number { width: 17px; height: 17px; min-width: 17px; border-radius: 50%; border: 0; background: var(--purple); color: var(--card); font: 700 10px/17px var(--sans); text-align: center; }
#details .points { list-style: none; margin: 0; padding: 0; border-top: 1px solid var(--line); flex: none; }
.points li { display: grid; grid-template-columns: 34px minmax(0, 1fr) max-content; gap: 0 8px; padding: 3px 4px; border-bottom: 1px solid var(--line); cursor: pointer; overflow-wrap: anywhere; }
.points li:hover { background: var(--band); } .points .number { color: var(--purple); font-weight: 700; text-align: right; } .points .said { font-weight: 550; }
.points .who { color: var(--soft); } .points .after { grid-column: 2 / 4; color: var(--purple); font-family: var(--monospaced); font-size: 12px; }
.points .chosen { outline: 2px solid var(--ink); outline-offset: -2px; border-radius: 4px; } .points .more { display: block; color: var(--soft); cursor: default; padding-left: 46px; }
.points.needed .number { color: var(--accent); } .points .nothing { background: var(--fail); border-radius: 4px; } .points .nothing span { color: var(--card); font-weight: 650; }`

const anomalies = `
.scrolls { height: auto !important; } .scrolls main { flex: none; max-height: 88vh; scroll-margin: 10px; } .scrolls #details { max-height: none; }
.scrolls > .card { flex: none; }
details.anomaly { border-bottom: 1px solid var(--line); } details.anomaly:last-child { border-bottom: 0; }
details.anomaly > summary { cursor: pointer; padding: 8px 14px; font-weight: 650; display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: baseline; }
summary::before { content: "▸"; color: var(--soft); font-weight: 400; } details[open] > summary::before { content: "▾"; }
summary .kind { color: var(--fail); font-size: 14px; } .allowed summary .kind { color: var(--soft); } summary .brief { color: var(--soft); font-weight: 400; overflow-wrap: anywhere; }
.anomaly .inside { display: grid; grid-template-columns: minmax(0, 1.35fr) minmax(0, 1fr); gap: 6px 22px; padding: 0 14px 14px; align-items: start; } .anomaly .inside.plain { grid-template-columns: minmax(0, 1fr); }
.explanation { white-space: pre-wrap; overflow-wrap: anywhere; font: 12.5px/1.6 var(--sans); max-width: 96ch; }
.scroll { overflow: auto; } .scroll:focus-visible { outline-offset: -2px; }
svg.graph { display: block; max-width: 100%; height: auto; max-height: 620px; margin: 0 auto; font: 11.5px var(--monospaced); }
.transaction rect { fill: var(--card); stroke: var(--ink); stroke-width: 1.4; } .transaction text { fill: var(--ink); } .transaction .name { font: 700 13px var(--sans); fill: var(--accent); } .transaction .who { font: 12px var(--sans); fill: var(--soft); }
a.transaction:hover rect, a.transaction:focus rect { fill: var(--band); stroke-width: 2.4; } a.transaction:focus { outline: none; }
.edge path { fill: none; stroke: var(--edge); stroke-width: 2.4; } .edge.beside path { stroke-width: 1; opacity: .5; }
.edge rect { fill: var(--card); stroke: var(--edge); } .edge text { fill: var(--edge); font-weight: 600; } marker path { fill: var(--edge); }
.ww { --edge: var(--vermilion); } .wr { --edge: var(--blue); } .rw { --edge: var(--purple); } .process { --edge: var(--soft); } .realtime { --edge: var(--amber); }
.edge.rw path { stroke-dasharray: 7 3; } .edge.process path { stroke-dasharray: 2 3; } .edge.realtime path { stroke-dasharray: 9 3 2 3; }
.kinds { display: flex; flex-wrap: wrap; gap: 2px 18px; padding: 6px 14px; color: var(--soft); font-size: 12px; } .kinds b { color: var(--edge); font-family: var(--monospaced); }`

const lattice = `
.models { padding: 10px 14px 12px; } .models .scroll { padding-bottom: 4px; }
svg.lattice { display: block; font: 11.5px var(--sans); }
.lattice path { fill: none; stroke: var(--line); stroke-width: 1.2; } .lattice path.possible { stroke: var(--green); opacity: .65; } .lattice path.edge-of { stroke: var(--faint); }
.model rect { fill: var(--card); stroke: var(--line); } .model text { fill: var(--ink); }
.model.possible rect { stroke: var(--green); fill: color-mix(in srgb, var(--green) 9%, var(--card)); } .model.possible .sign { fill: var(--green); font-weight: 700; }
.model.implied rect { stroke: var(--faint); stroke-dasharray: 3 3; } .model.implied text { fill: var(--soft); } .model.implied .sign { fill: var(--fail); }
.model.refuted rect { stroke: var(--fail); stroke-width: 2; fill: color-mix(in srgb, var(--fail) 12%, var(--card)); } .model.refuted .sign, .model.refuted text { fill: var(--fail); font-weight: 700; }
.model.asked rect { stroke: var(--accent); stroke-width: 3; stroke-dasharray: none; }
.models dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 3px 16px; margin-top: 8px; } .models dt { color: var(--soft); } .models dd { margin: 0; overflow-wrap: anywhere; }`

const media = `
@media (max-width: 900px) { .anomaly .inside { grid-template-columns: minmax(0, 1fr); } .scrolls main { height: auto; } .side.one { grid-template-rows: auto; } }`

/** The whole sheet. */
export const sheet = `${Style.sheet}${header}${lanes}${anomalies}${lattice}${media}
`
