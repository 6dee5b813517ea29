/**
 * What the page's modules share: types only, so nothing of this file is embedded.
 *
 * Every module of this folder exports one self-contained function. Its source is embedded in the page (`reports/Script.ts`), so
 * it may use the language, its arguments and nothing else: no imports but types, no globals of the browser. `App.ts` hands round what each needs.
 */
import type { describe } from "../Describe.ts"
import type { formatBytes, formatCount, formatDuration, formatTime } from "../Format.ts"
import type { Packed } from "../Packed.ts"
import type { RecordedEvent } from "../Recording.ts"
import type { app } from "./App.ts"
import type { causes } from "./Causes.ts"
import type { controls } from "./Controls.ts"
import type { details } from "./Details.ts"
import type { eventList } from "./EventList.ts"
import type { fields } from "./Fields.ts"
import type { labels } from "./Labels.ts"
import type { layout } from "./Layout.ts"
import type { model } from "./Model.ts"
import type { overview } from "./Overview.ts"
import type { paintEvents } from "./PaintEvents.ts"
import type { paintLanes } from "./PaintLanes.ts"
import type { paintMarks } from "./PaintMarks.ts"
import type { paintMessages } from "./PaintMessages.ts"
import type { pick } from "./Pick.ts"
import type { place } from "./Place.ts"
import type { pointer } from "./Pointer.ts"
import type { search } from "./Search.ts"
import type { theme } from "./Theme.ts"
import type { ticks } from "./Ticks.ts"
import type { view } from "./View.ts"

/** Every embedded function under the name by which others ask for it. */
export interface Parts {
  readonly app: typeof app
  readonly causes: typeof causes
  readonly controls: typeof controls
  readonly describe: typeof describe
  readonly details: typeof details
  readonly eventList: typeof eventList
  readonly fields: typeof fields
  readonly formatBytes: typeof formatBytes
  readonly formatCount: typeof formatCount
  readonly formatDuration: typeof formatDuration
  readonly formatTime: typeof formatTime
  readonly labels: typeof labels
  readonly layout: typeof layout
  readonly model: typeof model
  readonly overview: typeof overview
  readonly paintEvents: typeof paintEvents
  readonly paintLanes: typeof paintLanes
  readonly paintMarks: typeof paintMarks
  readonly paintMessages: typeof paintMessages
  readonly pick: typeof pick
  readonly place: typeof place
  readonly pointer: typeof pointer
  readonly search: typeof search
  readonly theme: typeof theme
  readonly ticks: typeof ticks
  readonly view: typeof view
}

/** Positions of events in order of their start, made so that those in a window of time are found by bisection. */
export interface TimeIndex {
  readonly order: Int32Array
  /** Calls `visit` for each event that overlaps [from, to], in order of start. */
  readonly within: (from: number, to: number, visit: (index: number) => void) => void
}

/** Half of a lane's life. */
export interface LifeSpan {
  readonly from: number
  readonly to: number
  readonly state: "up" | "down" | "paused"
}

/** A fault on its row of the fault track. */
export interface FaultBar {
  readonly index: number
  readonly from: number
  readonly to: number
  readonly group: "network" | "disk" | "clock" | "process"
  readonly label: string
  readonly lanes: ReadonlyArray<number>
  readonly row: number
}

/** A recording, ready to draw: columns instead of objects. */
export interface Model {
  readonly packed: Packed
  readonly count: number
  /** See `reports/Packed.ts`. */
  readonly kind: Uint8Array
  /** The lane; a message's sender; -1 for faults and phases. */
  readonly lane: Int16Array
  /** A message's receiver, else -1. */
  readonly peer: Int16Array
  readonly start: Float64Array
  readonly end: Float64Array
  /** Where in its lane a bar lies when several overlap (operations, disk). */
  readonly row: Uint8Array
  readonly rowsOfLane: Uint8Array
  readonly event: (index: number) => RecordedEvent
  /** Short text for the diagram. */
  readonly label: (index: number) => string
  readonly messages: TimeIndex
  readonly disk: TimeIndex
  readonly traces: TimeIndex
  readonly operations: TimeIndex
  readonly changes: TimeIndex
  readonly faults: ReadonlyArray<FaultBar>
  readonly faultRows: number
  readonly phases: ReadonlyArray<{ readonly at: number; readonly name: string }>
  readonly life: ReadonlyArray<ReadonlyArray<LifeSpan>>
  readonly totalMicros: number
}

/** Colours and fonts of the moment. */
export interface Theme {
  readonly color: Readonly<Record<string, string>>
  readonly font: (sizePixels: number, weight?: number) => string
  readonly mono: (sizePixels: number) => string
  /** Hatch of a fault group, so that colour is not alone in telling them apart. */
  readonly hatch: (group: string) => unknown
}

export interface LaneBox {
  readonly lane: number
  readonly top: number
  readonly height: number
  /** The lifeline. */
  readonly middle: number
}

/** Where things are in the diagram, in CSS pixels. */
export interface Geometry {
  readonly width: number
  readonly height: number
  readonly gutter: number
  readonly axisTop: number
  readonly faultTop: number
  readonly faultRowHeight: number
  readonly lanesTop: number
  /** By lane; absent when its node is filtered out. */
  readonly boxes: ReadonlyArray<LaneBox | undefined>
  /** How far the lanes can scroll. */
  readonly scrollMax: number
}

/** The selection: an event, a check's point, or nothing. */
export interface Selection {
  readonly event: number
  readonly point: number
}

/** What changes while a person looks; one object, owned by `App.ts`. */
export interface State {
  from: number
  to: number
  scroll: number
  selection: Selection
  hover: number
  /** Where the mouse is in the diagram, in pixels; -1 when elsewhere. */
  cursor: number
  /** 1 where the event passes the filters. */
  mask: Uint8Array
  /** 1 where the search found something; undefined without a search. */
  hits: Uint8Array | undefined
  hitList: Int32Array
  lanesOff: Uint8Array
  kindsOff: Uint8Array
  /** For each lane the last instant that could have caused the selection; undefined when not asked for. */
  causes: Float64Array | undefined
}

/** One drawing of the diagram. */
export interface Frame {
  readonly pen: Pen
  readonly theme: Theme
  readonly model: Model
  readonly state: State
  readonly geometry: Geometry
  readonly x: (micros: number) => number
  readonly place: ReturnType<typeof place>
  readonly label: (label: Label) => void
  /** True when the event is no cause of the selection, and causes are asked for. */
  readonly late: (index: number) => boolean
  /** Messages too many to draw one by one. */
  dense: number
}

/** A check's name on the axis. */
export interface Flag {
  readonly left: number
  readonly right: number
  /** 0 lies on the axis's own texts. */
  readonly row: number
  readonly text: string
}

/** A text that is drawn if there is room, the most important first. */
export interface Label {
  /** Longest first; the first that fits its `room` is used. */
  readonly texts: ReadonlyArray<string>
  /** Places that would do, the best first. */
  readonly spots: ReadonlyArray<readonly [x: number, y: number]>
  readonly align: "left" | "center" | "right"
  readonly color: string
  readonly priority: number
  readonly room: number
  readonly weight?: number
}

/** What the browser's modules ask of each other; made by `App.ts`. */
export interface Actions {
  readonly show: (from: number, to: number) => void
  readonly select: (selection: Selection, options: { readonly reveal: boolean }) => void
  readonly hover: (index: number) => void
  readonly redraw: () => void
  readonly filter: () => void
  readonly zoom: (factor: number, atMicros?: number) => void
  readonly pan: (micros: number) => void
  readonly fit: () => void
  readonly find: (query: string) => void
  readonly hit: (step: number) => void
  readonly toggleCauses: () => void
  readonly goToPoint: (point: number) => void
  readonly step: (step: number) => void
}

/** The parts of a 2D context that the page uses. */
export interface Pen {
  fillStyle: unknown
  strokeStyle: unknown
  lineWidth: number
  globalAlpha: number
  font: string
  textAlign: string
  textBaseline: string
  lineJoin: string
  lineCap: string
  setLineDash(segments: ReadonlyArray<number>): void
  setTransform(a: number, b: number, c: number, d: number, e: number, f: number): void
  save(): void
  restore(): void
  beginPath(): void
  closePath(): void
  rect(x: number, y: number, width: number, height: number): void
  roundRect(x: number, y: number, width: number, height: number, radius: number): void
  arc(x: number, y: number, radius: number, from: number, to: number): void
  clip(): void
  moveTo(x: number, y: number): void
  lineTo(x: number, y: number): void
  stroke(): void
  fill(): void
  fillRect(x: number, y: number, width: number, height: number): void
  clearRect(x: number, y: number, width: number, height: number): void
  fillText(text: string, x: number, y: number): void
  strokeText(text: string, x: number, y: number): void
  measureText(text: string): { readonly width: number }
  createPattern(image: Element, repetition: string): unknown
}

/** The parts of an element that the page uses. */
export interface Element {
  textContent: string | null
  className: string
  value: string
  type: string
  checked: boolean
  hidden: boolean
  open: boolean
  title: string
  tabIndex: number
  scrollTop: number
  width: number
  height: number
  readonly clientWidth: number
  readonly clientHeight: number
  readonly style: Record<string, string>
  readonly dataset: Record<string, string | undefined>
  readonly classList: { toggle(name: string, on?: boolean): void }
  readonly tagName: string
  append(...children: ReadonlyArray<Element | string>): void
  replaceChildren(...children: ReadonlyArray<Element | string>): void
  remove(): void
  addEventListener(type: string, listener: (event: Input) => void, options?: { readonly passive: boolean }): void
  setAttribute(name: string, value: string): void
  setPointerCapture(pointer: number): void
  getBoundingClientRect(): {
    readonly left: number
    readonly top: number
    readonly width: number
    readonly height: number
  }
  focus(): void
  blur(): void
  select(): void
  scrollIntoView(options: { readonly block: string }): void
  getContext(kind: "2d"): Pen | null
  closest(selector: string): Element | null
  showModal(): void
  close(): void
}

/** The parts of an event that the page uses. */
export interface Input {
  readonly clientX: number
  readonly clientY: number
  readonly deltaX: number
  readonly deltaY: number
  readonly deltaMode: number
  readonly button: number
  readonly pointerId: number
  readonly shiftKey: boolean
  readonly ctrlKey: boolean
  readonly metaKey: boolean
  readonly altKey: boolean
  readonly key: string
  readonly target: Element
  preventDefault(): void
}

/** The parts of `window` that the page uses. */
export interface Browser {
  readonly document: {
    readonly documentElement: Element
    readonly body: Element
    readonly activeElement: Element | null
    getElementById(id: string): Element | null
    querySelectorAll(selector: string): Iterable<Element>
    createElement(name: string): Element
    addEventListener(type: string, listener: (event: Input) => void): void
    execCommand(name: string): boolean
  }
  readonly location: { hash: string }
  readonly history: { replaceState(state: null, title: string, url: string): void }
  readonly devicePixelRatio: number
  readonly navigator: {
    readonly clipboard?: { writeText(text: string): { then(done: () => void, failed: () => void): void } }
  }
  readonly ResizeObserver: new (changed: () => void) => { observe(element: Element): void }
  requestAnimationFrame(draw: () => void): void
  setTimeout(run: () => void, millis: number): number
  clearTimeout(timer: number): void
  matchMedia(query: string): { readonly matches: boolean; addEventListener(type: string, listener: () => void): void }
  getComputedStyle(element: Element): { getPropertyValue(name: string): string }
  addEventListener(type: string, listener: (event: Input) => void): void
}
