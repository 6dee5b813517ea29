/** Where the time axis has its ticks, and what they say. */

export interface Tick {
  readonly at: number
  readonly text: string
  readonly major: boolean
}

/**
 * Ticks for [from, to] microseconds with at most `most` labelled ones: steps of 1, 2 or 5 times a power of ten up to 30 s, then of
 * whole minutes and hours. Each has the digits that tell it from its neighbour, no more.
 */
export function ticks(from: number, to: number, most: number): ReadonlyArray<Tick> {
  const steps: Array<number> = []
  for (let unit = 1; unit <= 10_000_000; unit *= 10) steps.push(unit, unit * 2, unit * 5)
  const second = 1_000_000
  const clock = steps.filter((step) => step <= 10 * second)
  clock.push(30 * second, 60 * second, 120 * second, 300 * second, 600 * second, 1_800 * second, 3_600 * second)
  for (let hours = 2; hours <= 1_000_000; hours *= 2) clock.push(hours * 3_600 * second)
  const step = clock.find((one) => (to - from) / one <= most) ?? to - from
  const divisions = String(step).startsWith("2") ? 4 : step >= 30 * second ? 6 : 5
  const minor = step / divisions
  const two = (value: number): string => (value < 10 ? "0" : "") + value
  const say = (at: number): string => {
    if (at === 0) return "0"
    if (step >= 60 * second) {
      const minutes = Math.round(at / (60 * second))
      return minutes < 60 ? minutes + " min" : Math.floor(minutes / 60) + ":" + two(minutes % 60) + " h"
    }
    if (to < second && step < 100_000)
      return step >= 1_000 ? at / 1_000 + " ms" : (at / 1_000).toFixed(step >= 100 ? 1 : step >= 10 ? 2 : 3) + " ms"
    let digits = 0
    for (let unit = second; unit > step && digits < 6; unit /= 10) digits++
    return (at / second).toFixed(digits) + " s"
  }
  const result: Array<Tick> = []
  const first = Math.max(0, Math.ceil(from / minor))
  for (let number = first; number * minor <= to && result.length < 2_000; number++) {
    const at = number * minor
    const major = number % divisions === 0
    result.push({ at, text: major ? say(at) : "", major })
  }
  return result
}
