/**
 * The page's program as text: the source of each function of `client`, put together. The functions are ordinary checked TypeScript;
 * Node.js blanks their types, so `toString` gives plain JavaScript. None may use anything but the language and its arguments.
 */
import { assert } from "#base/Assert.ts"
import { app } from "./client/App.ts"
import { causes } from "./client/Causes.ts"
import { controls } from "./client/Controls.ts"
import { details } from "./client/Details.ts"
import { eventList } from "./client/EventList.ts"
import { fields } from "./client/Fields.ts"
import { labels } from "./client/Labels.ts"
import { layout } from "./client/Layout.ts"
import { model } from "./client/Model.ts"
import { overview } from "./client/Overview.ts"
import { paintEvents } from "./client/PaintEvents.ts"
import { paintLanes } from "./client/PaintLanes.ts"
import { paintMarks } from "./client/PaintMarks.ts"
import { paintMessages } from "./client/PaintMessages.ts"
import { pick } from "./client/Pick.ts"
import { place } from "./client/Place.ts"
import { pointer } from "./client/Pointer.ts"
import { search } from "./client/Search.ts"
import { theme } from "./client/Theme.ts"
import { ticks } from "./client/Ticks.ts"
import type { Parts } from "./client/Types.ts"
import { view } from "./client/View.ts"
import { describe } from "./Describe.ts"
import { formatBytes, formatCount, formatDuration, formatTime } from "./Format.ts"

/** Every function that the page runs. */
export const parts: Parts = {
  ...{
    app,
    causes,
    controls,
    describe,
    details,
    eventList,
    fields,
    formatBytes,
    formatCount,
    formatDuration,
    formatTime
  },
  ...{ labels, layout, model, overview, paintEvents, paintLanes, paintMarks, paintMessages },
  ...{ pick, place, pointer, search, theme, ticks, view }
}

/** A script of some functions that hands the element `recording`, which is JSON, to the one named `start`. */
export const scriptOf = (functions: Readonly<Record<string, unknown>>, start: string): string => {
  const members = Object.entries(functions).map(([name, part]) => `${name}: ${String(part)}`)
  const text = [
    '"use strict";',
    "{",
    `const parts = {\n${members.join(",\n")}\n};`,
    `parts.${start}(window, JSON.parse(document.getElementById("recording").textContent), parts);`,
    "}"
  ].join("\n")
  const tidy = text.replace(/[ \t]+$/gm, "")
  assert(!/<\/script|<!--/i.test(tidy), "the page's own script does not end its element")
  return tidy
}

/** The script for a page whose recording lies in the element `recording`, packed by `Packed.pack`. */
export const source = (): string => scriptOf({ ...parts }, "app")
