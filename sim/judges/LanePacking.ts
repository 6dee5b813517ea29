/**
 * Lanes for processes. A process whose operation ended unknown never comes back, the way of Jepsen: its client goes on
 * as the process with the next number that is as large by the number of clients. So a lane is a process's number modulo
 * that of clients, which is the smallest for which no lane has two processes at once.
 */
import { never } from "./linear/Entries.ts"

export interface Columns {
  readonly count: number
  readonly processes: ArrayLike<number>
  readonly returns: ArrayLike<number>
}

interface Life {
  readonly process: number
  readonly first: number
  last: number
}

/** More clients than this get a lane for each of their processes. */
const clientsMax = 256

/** The lane of each row, rows in the order of their calls. */
export const pack = ({ count, processes, returns }: Columns): Int32Array => {
  const byProcess = new Map<number, Life>()
  for (let row = 0; row < count; row += 1) {
    const process = processes[row]!
    const life = byProcess.get(process)
    if (life === undefined) byProcess.set(process, { process, first: row, last: row })
    else life.last = row
  }
  const lives = [...byProcess.values()].sort((left, right) => left.process - right.process)
  const follows = (before: Life, next: Life): boolean => returns[before.last] === never && before.last < next.first
  const lane = lanesOf(lives, follows)
  return Int32Array.from({ length: count }, (_, row) => lane.get(processes[row]!)!)
}

const lanesOf = (
  lives: ReadonlyArray<Life>,
  follows: (before: Life, next: Life) => boolean
): ReadonlyMap<number, number> => {
  const own = (): ReadonlyMap<number, number> => new Map(lives.map(({ process }, lane) => [process, lane]))
  for (let clients = 1; clients <= Math.min(lives.length, clientsMax); clients += 1) {
    const latest = new Map<number, Life>()
    const fits = lives.every((life) => {
      const lane = life.process % clients
      const before = latest.get(lane)
      latest.set(lane, life)
      return before === undefined || follows(before, life)
    })
    if (!fits) continue
    // Numbers may begin anywhere; lanes begin at 0, in the order of their first processes.
    const order = [...latest.keys()].sort((left, right) => left - right)
    return new Map(lives.map(({ process }) => [process, order.indexOf(process % clients)]))
  }
  return own()
}
