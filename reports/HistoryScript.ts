/** The program of a judged history's page as text; see `Script.ts`. */
import { historyApp } from "./client/history/App.ts"
import { historyControls } from "./client/history/Controls.ts"
import { historyModel } from "./client/history/Model.ts"
import { paintHistory } from "./client/history/Paint.ts"
import { paintPoints } from "./client/history/Points.ts"
import { historySide } from "./client/history/Side.ts"
import { historyStrip } from "./client/history/Strip.ts"
import type { HistoryParts } from "./client/history/Types.ts"
import { labels } from "./client/Labels.ts"
import { theme } from "./client/Theme.ts"
import { view } from "./client/View.ts"
import { formatCount, formatDuration } from "./Format.ts"
import * as Script from "./Script.ts"

/** Every function that the page runs. */
export const parts: HistoryParts = {
  ...{ formatCount, formatDuration, historyApp, historyControls, historyModel, historySide, historyStrip },
  ...{ labels, paintHistory, paintPoints, theme, view }
}

/** The script for a page whose history lies in the element `recording`, packed by `PackedHistory.pack`. */
export const source = (): string => Script.scriptOf({ ...parts }, "historyApp")
