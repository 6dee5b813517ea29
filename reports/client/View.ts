/** Arithmetic of the visible window of time: zooming, panning, and its name in the address (`#t=FROM-TO`, microseconds). */

export interface Window {
  readonly from: number
  readonly to: number
}

/** The functions for a run of `totalMicros`: windows stay between 10 µs and the whole run with a margin. */
export function view(totalMicros: number) {
  const spanMin = 10
  const margin = Math.max(totalMicros * 0.02, 5)

  const clamp = (window: Window): Window => {
    const whole = totalMicros + 2 * margin
    const span = Math.min(Math.max(window.to - window.from, spanMin), whole)
    const center = (window.from + window.to) / 2
    const from = Math.min(Math.max(center - span / 2, -margin), totalMicros + margin - span)
    return { from, to: from + span }
  }

  const fit = (): Window => ({ from: -margin, to: totalMicros + margin })

  /** Keeps the instant `at` where it is. */
  const zoom = (window: Window, factor: number, at: number): Window => {
    const span = Math.min(Math.max((window.to - window.from) / factor, spanMin), totalMicros + 2 * margin)
    const share = (at - window.from) / (window.to - window.from)
    return clamp({ from: at - span * share, to: at + span * (1 - share) })
  }

  const pan = (window: Window, micros: number): Window => clamp({ from: window.from + micros, to: window.to + micros })

  /** Moves as little as needed to have [from, to] in view. */
  const reveal = (window: Window, from: number, to: number): Window => {
    const span = window.to - window.from
    const edge = span * 0.08
    if (from >= window.from + edge && to <= window.to - edge) return window
    const instant = to - from > span * 0.8 ? from : (from + to) / 2
    return clamp({ from: instant - span / 2, to: instant + span / 2 })
  }

  /** The window in an address's hash; undefined when there is none that makes sense. */
  const parse = (hash: string): Window | undefined => {
    const found = /(?:^#|&)t=(\d+)-(\d+)/.exec(hash)
    if (found === null) return undefined
    const from = Number(found[1])
    const to = Number(found[2])
    return Number.isFinite(to) && to > from ? clamp({ from, to }) : undefined
  }

  const hash = (window: Window): string =>
    "t=" + Math.max(0, Math.round(window.from)) + "-" + Math.max(1, Math.round(window.to))

  return { clamp, fit, zoom, pan, reveal, parse, hash }
}
