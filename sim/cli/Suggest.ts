/** Suggest: the name that was probably meant. */

/** Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment). */
export const distance = (left: string, right: string): number => {
  let beforeLast: Array<number> = []
  let last = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const cost = left[row - 1] === right[column - 1] ? 0 : 1
      let best = Math.min(last[column] + 1, current[column - 1] + 1, last[column - 1] + cost)
      const swapped =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      if (swapped) best = Math.min(best, beforeLast[column - 2] + 1)
      current.push(best)
    }
    beforeLast = last
    last = current
  }
  return last[right.length]
}

/**
 * The nearest of `known`: by distance, where a part between slashes or a beginning that matches counts as near.
 * `undefined` when nothing is near enough to be worth saying.
 */
export const nearest = (name: string, known: ReadonlyArray<string>): string | undefined => {
  const wanted = name.toLowerCase()
  let best: string | undefined
  let bestDistance = Infinity
  for (const candidate of known) {
    const whole = distance(wanted, candidate)
    const parts = candidate.split("/").map((part) => distance(wanted, part))
    const begins =
      wanted.length >= 3 && (candidate.startsWith(wanted) || candidate.includes(`/${wanted}`)) ? 1 : Infinity
    const measured = Math.min(whole, ...parts.map((part) => part + 0.5), begins)
    if (measured < bestDistance) {
      best = candidate
      bestDistance = measured
    }
  }
  return bestDistance <= Math.max(2, Math.floor(wanted.length / 3)) ? best : undefined
}

/** ` Did you mean "x"?`, or nothing. */
export const sentence = (name: string, known: ReadonlyArray<string>): string => {
  const found = nearest(name, known)
  return found === undefined ? "" : ` Did you mean ${JSON.stringify(found)}?`
}
