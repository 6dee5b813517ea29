/** Where one event is in the diagram: asked by the painters and by whoever looks for the event under the mouse. */
import type { Geometry, Model, State } from "./Types.ts"

/** A message's line, cut to what is near the screen. `done`: the end is the message's own end, not the cut. */
export interface Segment {
  readonly x0: number
  readonly y0: number
  readonly x1: number
  readonly y1: number
  readonly done: boolean
}

export interface Bar {
  readonly left: number
  readonly right: number
  readonly top: number
  readonly height: number
}

export function place(model: Model, state: State, geometry: Geometry) {
  const { gutter, width, boxes } = geometry
  const scale = (width - gutter) / (state.to - state.from)
  const x = (micros: number): number => gutter + (micros - state.from) * scale

  /** A message that does not arrive ends between the lanes, where it was lost. */
  const segment = (index: number): Segment | undefined => {
    const sender = boxes[model.lane[index]]
    const receiver = boxes[model.peer[index]]
    if (sender === undefined || receiver === undefined) return undefined
    const kind = model.kind[index]
    const share = kind === 2 || kind === 3 ? (model.end[index] > model.start[index] ? 0.62 : 0.4) : 1
    let x0 = x(model.start[index])
    let y0 = sender.middle
    let x1 = x(model.end[index])
    const loop = sender.lane === receiver.lane
    let y1 = loop ? y0 - 16 : y0 + (receiver.middle - y0) * share
    const slope = x1 - x0 > 0.01 ? (y1 - y0) / (x1 - x0) : 0
    if (x0 < -3_000) {
      y0 += slope * (-3_000 - x0)
      x0 = -3_000
    }
    const done = x1 <= width + 3_000
    if (!done) {
      y1 -= slope * (x1 - width - 3_000)
      x1 = width + 3_000
    }
    return { x0, y0, x1, y1, done }
  }

  /** The bar of a disk operation (below the lifeline) or of a client's operation (on it). */
  const bar = (index: number): Bar | undefined => {
    const box = boxes[model.lane[index]]
    if (box === undefined) return undefined
    const left = Math.max(x(model.start[index]), -50)
    const right = Math.min(Math.max(x(model.end[index]), left + 2), width + 50)
    if (model.kind[index] <= 6) {
      const failed = model.kind[index] === 6
      return { left, right, top: box.middle + 8 + model.row[index] * 6 - (failed ? 1 : 0), height: failed ? 6 : 4 }
    }
    const rows = model.rowsOfLane[box.lane]
    const height = Math.min(20, (box.height - 8) / rows - 3)
    return { left, right, top: box.middle + (model.row[index] - (rows - 1) / 2) * (height + 3) - height / 2, height }
  }

  const dot = (index: number): { readonly x: number; readonly y: number } | undefined => {
    const box = boxes[model.lane[index]]
    return box === undefined ? undefined : { x: x(model.start[index]), y: box.middle }
  }

  return { x, segment, bar, dot }
}
