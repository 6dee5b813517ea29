/** What the modules of a judged history's page share: types only, so nothing of this file is embedded. See `../Types.ts`. */
import type { PackedHistory, PackedPart } from "../../PackedHistory.ts"
import type { formatCount, formatDuration } from "../../Format.ts"
import type { labels } from "../Labels.ts"
import type { theme } from "../Theme.ts"
import type { Label, Pen, Theme } from "../Types.ts"
import type { view } from "../View.ts"
import type { historyApp } from "./App.ts"
import type { historyControls } from "./Controls.ts"
import type { historyModel } from "./Model.ts"
import type { paintHistory } from "./Paint.ts"
import type { paintPoints } from "./Points.ts"
import type { historySide } from "./Side.ts"
import type { historyStrip } from "./Strip.ts"

/** Every function that the page runs. */
export interface HistoryParts {
  readonly formatCount: typeof formatCount
  readonly formatDuration: typeof formatDuration
  readonly historyApp: typeof historyApp
  readonly historyControls: typeof historyControls
  readonly historyModel: typeof historyModel
  readonly historySide: typeof historySide
  readonly historyStrip: typeof historyStrip
  readonly labels: typeof labels
  readonly paintHistory: typeof paintHistory
  readonly paintPoints: typeof paintPoints
  readonly theme: typeof theme
  readonly view: typeof view
}

/** A line of linearization as columns, in the order of its moments. */
export interface HistoryLine {
  readonly before: number
  readonly operation: Int32Array
  readonly place: Float64Array
  /** Positions of words, or -1. */
  readonly state: Int32Array
  /** Position in the line of each operation. */
  readonly at: ReadonlyMap<number, number>
}

/**
 * Where things are on the screen: places of all events, or, when one part of several is shown, of its own events alone,
 * which may be far apart among those of others.
 */
export interface HistoryScale {
  readonly to: (place: number) => number
  readonly back: (position: number) => number
  /** The position after the last. */
  readonly total: number
}

export interface HistoryPart {
  readonly packed: PackedPart
  readonly operations: Int32Array
  readonly lines: ReadonlyArray<HistoryLine>
  readonly minimal: ReadonlySet<number>
}

/** A judged history, ready to draw: columns instead of objects. */
export interface HistoryModel {
  readonly packed: PackedHistory
  readonly count: number
  readonly lane: Int32Array
  /** 0 ok, 1 failed, 2 unknown. */
  readonly outcome: Uint8Array
  readonly call: Float64Array
  /** `Infinity` without a known end. */
  readonly end: Float64Array
  /** Where its bar ends: without a known end, where the lane goes on, or the history's end. */
  readonly barEnd: Float64Array
  readonly part: Int32Array
  readonly parts: ReadonlyArray<HistoryPart>
  readonly who: (operation: number) => string
  readonly words: (operation: number) => string
  readonly state: (line: HistoryLine, position: number) => string | undefined
  /** Microseconds of the call, and how long it took; -1 where not known. */
  readonly times: (operation: number) => readonly [invoked: number, took: number]
  /** Operations whose bar overlaps [from, to], by their calls. */
  readonly within: (from: number, to: number, visit: (operation: number) => void) => void
  /** The first place of the history, and the one after the last. */
  readonly first: number
  readonly total: number
  /** Of a part, or of all (-1). */
  readonly scale: (part: number) => HistoryScale
}

/** What changes while a person looks; one object, owned by `App.ts`. */
export interface HistoryState {
  from: number
  to: number
  scroll: number
  /** An operation, or -1. */
  selected: number
  hover: number
  /** A part, or -1 for all. */
  part: number
  line: number
  onlyMinimal: boolean
  /** An anomaly whose transactions are marked, or -1. */
  anomaly: number
}

export interface HistoryFrame {
  readonly pen: Pen
  readonly theme: Theme
  readonly model: HistoryModel
  readonly state: HistoryState
  readonly width: number
  readonly height: number
  readonly gutter: number
  readonly lanesTop: number
  readonly laneHeight: number
  readonly scrollMax: number
  readonly x: (place: number) => number
  /** Of the chosen part; the window of the frame in its positions. */
  readonly scale: HistoryScale
  readonly from: number
  readonly to: number
  /** The middle of a lane's bars. */
  readonly y: (lane: number) => number
  readonly barHeight: number
  readonly label: (label: Label) => void
  /** Whether an operation is shown by the choice of part and sub-history. */
  readonly isShown: (operation: number) => boolean
}

export interface HistoryActions {
  readonly show: (from: number, to: number) => void
  readonly select: (operation: number) => void
  readonly hover: (operation: number) => void
  readonly redraw: () => void
  /** `share` is what keeps its place: 0 the left edge, 1 the right one; the middle unless said. */
  readonly zoom: (factor: number, share?: number) => void
  /** By so many windows. */
  readonly pan: (windows: number) => void
  readonly fit: () => void
  /** To the first point where nothing fits, or to the beginning. */
  readonly toPoint: () => void
  readonly choosePart: (part: number) => void
  readonly chooseLine: (step: number) => void
  readonly toggleMinimal: () => void
  /** The shown operation after or before the selected one. */
  readonly step: (step: number) => void
  readonly find: (query: string, step: number) => void
}
