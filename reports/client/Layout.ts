/** Where things are in the diagram: the axis on top, a track of faults, then one band a lane. */
import type { Geometry, LaneBox, Model, State } from "./Types.ts"

/** Lays out for a canvas of this size. O(lanes). */
export function layout(
  model: Model,
  state: State,
  size: { readonly width: number; readonly height: number }
): Geometry {
  const axisHeight = 30
  const faultRowHeight = 19
  const gutter = Math.min(128, Math.max(72, size.width * 0.16))
  const faultTop = axisHeight + 4
  const lanesTop = model.faultRows === 0 ? axisHeight + 4 : faultTop + model.faultRows * faultRowHeight + 8
  const { lanes } = model.packed
  const weights = lanes.map((_, lane) => (state.lanesOff[lane] === 1 ? 0 : 1 + (model.rowsOfLane[lane] - 1) * 0.22))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const room = size.height - lanesTop - 6
  const unit = Math.min(260, Math.max(48, room / Math.max(1, total)))
  const scrollMax = Math.max(0, unit * total - room)
  let top = lanesTop - Math.min(state.scroll, scrollMax)
  const boxes = weights.map((weight, lane): LaneBox | undefined => {
    if (weight === 0) return undefined
    const height = unit * weight
    const box = { lane, top, height, middle: top + height * 0.5 }
    top += height
    return box
  })
  return { ...size, gutter, axisTop: 0, faultTop, faultRowHeight, lanesTop, boxes, scrollMax }
}
