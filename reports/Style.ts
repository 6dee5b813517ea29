/**
 * The page's style sheet. Colours follow Okabe and Ito's palette ("Color Universal Design", 2008), darkened or lightened until text in
 * them is legible; nothing is told by colour alone. `client/Theme.ts` reads the variables, so the diagram has the same ones.
 */

const light = `
  color-scheme: light;
  --page: #f3f4f7; --card: #ffffff; --band: #f8f9fb; --line: #dfe3ea; --faint: #a3adba; --soft: #596575; --ink: #17202b;
  --blue: #0b69b0; --sky: #2b8fcb; --orange: #c27400; --vermilion: #c44a12; --green: #00795a; --purple: #9b4687; --amber: #8f6800;
  --accent: #4a35d6; --fail: #c5083c; --pass: #00795a; --hit: #f0b400;
  --delivered: #3f6f9f; --duplicate: #2b8fcb; --lost: #c44a12; --cut: #b26a00; --dead: #76808d;
  --network: #c27400; --disk: #9b4687; --clock: #2b8fcb; --process: #68727f;`

const dark = `
  color-scheme: dark;
  --page: #0d1117; --card: #151b23; --band: #19212b; --line: #2b3541; --faint: #64707f; --soft: #9aa7b6; --ink: #e8edf3;
  --blue: #62b1ec; --sky: #6bc1f2; --orange: #f0a83a; --vermilion: #ff8a57; --green: #34c89c; --purple: #e08fcb; --amber: #e6bd3c;
  --accent: #a99cff; --fail: #ff5b82; --pass: #34c89c; --hit: #ffd84d;
  --delivered: #84b3dd; --duplicate: #6bc1f2; --lost: #ff8a57; --cut: #f0a83a; --dead: #8894a2;
  --network: #f0a83a; --disk: #e08fcb; --clock: #6bc1f2; --process: #a3adba;`

const frame = `
* { box-sizing: border-box; }
html { height: 100%; }
body { margin: 0; height: 100%; display: flex; flex-direction: column; gap: 8px; padding: 10px 12px; background: var(--page); color: var(--ink);
  font: 13px/1.45 var(--sans); }
code, .time, .mono { font-family: var(--monospaced); font-size: 12px; }
h1, h2, h3, p, dl, ol { margin: 0; }
a { color: var(--accent); }
button, input[type=search] { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 3px 9px; }
button { cursor: pointer; }
button:hover { border-color: var(--faint); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
[hidden] { display: none !important; }`

const header = `
header { flex: none; display: flex; flex-direction: column; }
.top { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 18px; padding: 8px 14px; }
.top h1 { font-size: 16px; font-weight: 650; display: flex; align-items: center; gap: 10px; }
.verdict-word { display: inline-block; padding: 1px 10px; border-radius: 5px; color: var(--card); font-weight: 750; letter-spacing: .06em; }
.verdict-word.pass { background: var(--pass); } .verdict-word.fail { background: var(--fail); } .verdict-word.error { background: var(--purple); }
.fact { color: var(--soft); } .fact b, .fact code { color: var(--ink); font-weight: 600; }
.reproduce { display: flex; align-items: center; gap: 6px; min-width: 0; margin-left: auto; }
.reproduce code { background: var(--band); border: 1px solid var(--line); border-radius: 5px; padding: 3px 8px; overflow-wrap: anywhere; }
.notice { padding: 4px 14px; color: var(--amber); border-top: 1px solid var(--line); }
.tables { display: grid; grid-template-columns: minmax(0, 1.7fr) minmax(0, 1fr); border-top: 1px solid var(--line); }
.tables > div { padding: 4px 14px 6px; max-height: 132px; overflow: auto; }
.tables > div + div { border-left: 1px solid var(--line); }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: var(--soft); padding: 4px 0; }
td, th { text-align: left; vertical-align: baseline; padding: 2px 12px 2px 0; font-weight: 400; }
.checks th { font-weight: 600; white-space: nowrap; } .checks th.long { white-space: normal; overflow-wrap: anywhere; min-width: 170px; } .checks td:nth-child(3) { width: 100%; overflow-wrap: anywhere; }
.checks .fail { color: var(--fail); font-weight: 700; } .checks .pass { color: var(--pass); } .checks .unknown { color: var(--amber); font-weight: 600; }
.checks tr.failed td, .checks tr.failed th { font-weight: 600; } .checks .word { white-space: nowrap; } .checks a { white-space: nowrap; font-weight: 600; }
.options { display: grid; grid-template-columns: repeat(auto-fill, minmax(212px, 1fr)); gap: 1px 18px; padding: 3px 0; }
.options div { display: flex; gap: 8px; justify-content: space-between; border-bottom: 1px dotted var(--line); min-width: 0; }
.options .wide { grid-column: 1 / -1; } .options dt { flex: none; max-width: 70%; overflow-wrap: anywhere; color: var(--soft); } .options dd { margin: 0; min-width: 0; text-align: right; overflow-wrap: anywhere; font-weight: 550; }`

const main = `
main { flex: 1; min-height: 320px; display: grid; grid-template-columns: minmax(0, 1fr) clamp(330px, 31vw, 560px); grid-template-rows: minmax(0, 1fr); gap: 8px; }
.stage { display: flex; flex-direction: column; min-width: 0; min-height: 0; overflow: hidden; }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; padding: 6px 10px; border-bottom: 1px solid var(--line); }
.bar #range { font-family: var(--monospaced); font-size: 12px; color: var(--soft); margin: 0 6px; white-space: nowrap; }
.bar .find { margin-left: auto; display: flex; align-items: center; gap: 4px; }
.bar #search { width: 210px; } .bar #hits { color: var(--soft); min-width: 62px; text-align: right; white-space: nowrap; margin-right: 6px; }
#judge { background: var(--fail); border-color: var(--fail); color: var(--card); font-weight: 650; }
#overview { flex: none; width: 100%; height: 46px; border-bottom: 1px solid var(--line); cursor: ew-resize; touch-action: none; display: block; }
.canvas { position: relative; flex: 1; min-height: 0; }
#diagram { position: absolute; inset: 0; width: 100%; height: 100%; display: block; touch-action: none; }
#dense { position: absolute; right: 10px; bottom: 6px; color: var(--soft); background: var(--card); border-radius: 4px; padding: 0 6px; pointer-events: none; }
.legend { flex: none; display: flex; flex-direction: column; border-top: 1px solid var(--line); padding: 4px 10px; max-height: 92px; overflow: auto; }
.legend div { display: flex; flex-wrap: wrap; gap: 0 14px; }
.legend label { display: inline-flex; align-items: center; gap: 4px; cursor: pointer; white-space: nowrap; }
.legend input { margin: 0; width: 12px; height: 12px; accent-color: var(--soft); }
.legend i { font-style: normal; font-weight: 700; min-width: 12px; text-align: center; } .legend small { color: var(--faint); }
.side { display: grid; grid-template-rows: minmax(0, 1.5fr) minmax(0, 1fr); gap: 8px; min-height: 0; }`

const side = `
#details { padding: 10px 14px 6px; overflow: auto; display: flex; flex-direction: column; min-height: 0; } #details > * { flex: none; }
#details h2 { font-size: 14px; overflow-wrap: anywhere; } #details h2.bad { color: var(--fail); } #details h2.odd { color: var(--amber); }
#details h3 { font-size: 11px; font-weight: 600; color: var(--soft); margin: 10px 0 3px; }
#details .sentence { margin: 4px 0; font-size: 13.5px; font-weight: 550; overflow-wrap: anywhere; } #details .where { color: var(--soft); }
#details dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 2px 14px; margin: 8px 0; }
#details dt { color: var(--soft); } #details dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; font-family: var(--monospaced); font-size: 12px; }
.tools { display: flex; flex-wrap: wrap; gap: 5px; margin-top: 6px; }
#details .steps { list-style: none; padding: 0 6px 0 0; margin: 0 -10px 0 0; flex: 1 1 140px; min-height: 140px; overflow: auto; border-top: 1px solid var(--line); }
.steps li { display: grid; grid-template-columns: 72px minmax(0, 1fr) max-content; gap: 0 8px; padding: 2px 6px; border-left: 3px solid transparent; cursor: pointer; }
.steps li:hover { background: var(--band); }
.steps .said { grid-column: 2 / 4; overflow-wrap: anywhere; } .steps .who { font-weight: 550; overflow-wrap: anywhere; } .steps .what { color: var(--soft); }
.steps .bad { border-left-color: var(--fail); } .steps .bad .what, .steps .bad .said { color: var(--fail); } .steps .odd { border-left-color: var(--amber); }
.steps .quiet { color: var(--soft); }
.steps .verdict { background: var(--fail); color: var(--card); border-radius: 4px; font-weight: 600; cursor: default; } .steps .verdict span { color: inherit; }
.listing { display: flex; flex-direction: column; min-height: 0; }
.listing h2 { font-size: 12px; font-weight: 600; padding: 6px 14px; border-bottom: 1px solid var(--line); color: var(--soft); }
#list { flex: 1; overflow: auto; position: relative; contain: strict; } .spacer { position: relative; }
.row { position: absolute; left: 0; right: 0; height: 22px; display: grid; grid-template-columns: 70px 140px 58px minmax(0, 1fr); gap: 8px; font-size: 12px;
  padding: 2px 10px; white-space: nowrap; cursor: pointer; border-left: 3px solid transparent; }
.row span { overflow: hidden; text-overflow: ellipsis; } .row .what { color: var(--soft); } .row:hover { background: var(--band); }
.row.away { opacity: .5; } .row.quiet { color: var(--soft); } .row.odd { border-left-color: var(--amber); } .row.bad { border-left-color: var(--fail); }
.row.bad .what, .row.bad .said { color: var(--fail); font-weight: 600; } .row.hit { box-shadow: inset 0 0 0 99px color-mix(in srgb, var(--hit) 26%, transparent); }
.row.selected { outline: 2px solid var(--accent); outline-offset: -2px; opacity: 1; }
.tip { position: fixed; z-index: 9; max-width: 460px; white-space: pre-wrap; overflow-wrap: anywhere; pointer-events: none; background: var(--ink); color: var(--card);
  padding: 5px 9px; border-radius: 6px; font-size: 12px; }
dialog { border: 1px solid var(--line); border-radius: 10px; background: var(--card); color: var(--ink); padding: 18px 22px; }
dialog::backdrop { background: rgb(0 0 0 / .35); } dialog table { width: auto; margin: 10px 0; }
kbd { font: 12px var(--monospaced); border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; padding: 0 6px; background: var(--band); white-space: nowrap; }
.told { padding: 10px 14px; } .told h2 { font-size: 14px; margin: 12px 0 2px; } .told td, .told th { white-space: nowrap; } .told td:last-child { white-space: normal; } .told table { width: auto; }
.told tr.point { color: var(--fail); font-weight: 700; }`

const media = `
@media (max-width: 900px) { body { height: auto; } main { grid-template-columns: minmax(0, 1fr); grid-template-rows: auto; } .stage { height: 560px; }
  .side { grid-template-rows: auto 320px; } .tables { grid-template-columns: minmax(0, 1fr); } .tables > div { max-height: none; } .tables > div + div { border-left: 0; border-top: 1px solid var(--line); }
  .reproduce { margin-left: 0; } }
@media print { @page { size: A4 landscape; margin: 10mm; } html, body { height: auto; } body { padding: 0; background: none; display: block; } .card { border: 0; }
  .bar, #overview, .listing, .tools, button, .tip { display: none !important; } .legend input { display: none; } main, .side, .tables { display: block; } .tables > div { max-height: none; border: 0 !important; }
  #diagram { object-fit: contain; object-position: left top; } #details .steps { overflow: visible; } .stage { height: 130mm; break-inside: avoid; overflow: visible; } .legend { max-height: none; } #details { overflow: visible; break-before: page; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }`

/** The whole sheet. */
export const sheet = `
:root { --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", "DejaVu Sans", sans-serif;
  --monospaced: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace;${light} }
@media (prefers-color-scheme: dark) { :root {${dark} } }
:root.paper {${light} }
${frame}${header}${main}${side}${media}
`
