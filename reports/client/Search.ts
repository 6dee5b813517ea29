/** Text search over everything that an event says: names of nodes, labels, fields, results. */
import type { Model, Parts } from "./Types.ts"

/** A finder: every word of the query must occur, in any order, in any case. The first search builds the texts, O(size of the run). */
export function search(model: Model, parts: Pick<Parts, "describe" | "formatBytes" | "formatDuration" | "formatTime">) {
  let texts: ReadonlyArray<string> | undefined

  const text = (index: number): string => {
    const event = model.event(index)
    const words = {
      names: model.packed.lanes.map((lane) => lane.name),
      duration: parts.formatDuration,
      bytes: parts.formatBytes
    }
    const { who, what, text: said } = parts.describe(event, words)
    const more = event.type === "message" ? event.channel : event.type === "fault" ? event.group : ""
    return [event.type, what, who, said, more, parts.formatTime(event.at)].join(" ").toLowerCase()
  }

  /** Positions of events that match, in order; none for a query without words. */
  return (query: string): Int32Array => {
    const wanted = query
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== "")
    if (wanted.length === 0) return new Int32Array(0)
    texts ??= Array.from({ length: model.count }, (_, index) => text(index))
    const found: Array<number> = []
    texts.forEach((one, index) => {
      if (wanted.every((word) => one.includes(word))) found.push(index)
    })
    return Int32Array.from(found)
  }
}
