/**
 * The lanes of a judged history, packed for its page: flat arrays of small numbers and a table of the words in them, about
 * 20 bytes an operation. `client/history/Model.ts` is the reader. A row of `rows` is
 *
 *     lane who words outcome call duration invoked took
 *
 * where `call` and `invoked` count from the row before, a duration of -1 has no end, and times are microseconds: of the
 * call, since the call; -1 where there is none.
 */
import type { Judged, JudgedPart } from "./Judged.ts"
import { printable } from "./Printable.ts"

export interface PackedPart {
  readonly name: string
  readonly verdict: JudgedPart["verdict"]
  readonly note: string
  /** Operations, each as its distance from the one before. */
  readonly operations: ReadonlyArray<number>
  readonly lines: ReadonlyArray<{
    readonly before: number
    /** Operation, how long after its call, word of the state or -1, in turn. */
    readonly points: ReadonlyArray<number>
  }>
  readonly stuck: number
  readonly minimal: ReadonlyArray<number>
}

export interface PackedHistory {
  readonly order: Judged["order"]
  readonly lanes: ReadonlyArray<string>
  readonly words: ReadonlyArray<string>
  readonly count: number
  readonly rows: ReadonlyArray<number>
  readonly before: number
  readonly after: number
  readonly parts: ReadonlyArray<PackedPart>
  /** For each anomaly its operations. */
  readonly anomalies: ReadonlyArray<ReadonlyArray<number>>
}

const outcomes = { ok: 0, failed: 1, unknown: 2 } as const

/** Packs the lanes. O(size of them). */
export const pack = (judged: Judged): PackedHistory => {
  const words: Array<string> = []
  const positions = new Map<string, number>()
  const word = (text: string): number => {
    const known = positions.get(text)
    if (known !== undefined) return known
    positions.set(text, words.length)
    return words.push(printable(text)) - 1
  }
  const rows: Array<number> = []
  let before = 0
  let invokedBefore = 0
  for (const { lane, who, words: said, outcome, call, return: end, invokedAt, completedAt } of judged.operations) {
    const took = invokedAt === undefined || completedAt === undefined ? -1 : Math.round(completedAt - invokedAt)
    rows.push(lane, word(who), word(said), outcomes[outcome], call - before, end === Infinity ? -1 : end - call)
    const invoked = Math.round(invokedAt ?? -1)
    rows.push(invoked < 0 ? -1 : invoked - invokedBefore, took)
    if (invoked >= 0) invokedBefore = invoked
    before = call
  }
  const parts = judged.parts.map((part): PackedPart => {
    let last = 0
    return {
      ...{ name: printable(part.name), verdict: part.verdict, note: printable(part.note) },
      operations: part.operations.map((operation) => {
        const distance = operation - last
        last = operation
        return distance
      }),
      lines: part.lines.map(({ before: skipped, points }) => ({
        before: skipped,
        points: points.flatMap(({ operation, place, state }) => [
          operation,
          Math.round((place - judged.operations[operation]!.call) * 1_000) / 1_000,
          state === undefined ? -1 : word(state)
        ])
      })),
      ...{ stuck: part.stuck ?? -1, minimal: part.minimal }
    }
  })
  return {
    ...{ order: judged.order, lanes: judged.lanes.map(printable), words, count: judged.operations.length, rows },
    ...{ before: judged.before, after: judged.after, parts },
    anomalies: judged.anomalies.map((anomaly) => anomaly.transactions.map(({ operation }) => operation))
  }
}
