/** Which event is under the mouse. */
import type { Frame } from "./Types.ts"

/** The event nearest to (x, y) within a few pixels, or -1. O(events in view). */
export function pick(frame: Frame, x: number, y: number): number {
  const { model, state, geometry } = frame
  const perPixel = (state.to - state.from) / Math.max(1, geometry.width - geometry.gutter)
  const at = state.from + (x - geometry.gutter) * perPixel
  let best = -1
  let nearest = 7
  const offer = (index: number, distance: number): void => {
    if (distance >= nearest) return
    nearest = distance
    best = index
  }
  if (y < geometry.lanesTop) {
    for (const fault of model.faults) {
      const top = geometry.faultTop + fault.row * geometry.faultRowHeight
      const inside = at >= fault.from - 3 * perPixel && at <= Math.max(fault.to, fault.from + 6 * perPixel)
      if (state.mask[fault.index] === 1 && inside && y >= top && y < top + geometry.faultRowHeight)
        offer(fault.index, 0)
    }
    return best
  }
  const seen = (index: number): boolean => state.mask[index] === 1
  const bar = (index: number): void => {
    const box = seen(index) ? frame.place.bar(index) : undefined
    if (box === undefined) return
    const aside = Math.max(box.left - x, x - box.right, 0)
    const above = Math.max(box.top - y, y - box.top - box.height, 0)
    offer(index, Math.hypot(aside, above) + (model.kind[index] >= 11 ? 1.5 : 0.5))
  }
  const dot = (index: number): void => {
    const spot = seen(index) ? frame.place.dot(index) : undefined
    if (spot !== undefined) offer(index, Math.hypot(spot.x - x, spot.y - y) - (model.kind[index] === 10 ? 3 : 1.5))
  }
  const since = at - 12 * perPixel
  const until = at + 12 * perPixel
  model.changes.within(since, until, dot)
  model.traces.within(since, until, dot)
  model.operations.within(since, until, bar)
  model.disk.within(since, until, bar)
  if (frame.dense > 0) return best
  model.messages.within(since, until, (index) => {
    const line = seen(index) ? frame.place.segment(index) : undefined
    if (line === undefined) return
    const [across, down] = [line.x1 - line.x0, line.y1 - line.y0]
    const share = Math.min(
      1,
      Math.max(0, ((x - line.x0) * across + (y - line.y0) * down) / (across * across + down * down || 1))
    )
    offer(index, Math.hypot(x - line.x0 - across * share, y - line.y0 - down * share) + 1)
  })
  return best
}
