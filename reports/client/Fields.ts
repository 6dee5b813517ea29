/** All that is recorded of one event, as names and values for the side panel. */
import type { RecordedEvent } from "../Recording.ts"
import type { Parts } from "./Types.ts"

type Fields = ReadonlyArray<readonly [name: string, value: string]>

export function fields(
  event: RecordedEvent,
  names: ReadonlyArray<string>,
  parts: Pick<Parts, "formatBytes" | "formatDuration" | "formatTime">
): Fields {
  const name = (lane: number): string => names[lane] ?? String(lane)
  const time = parts.formatTime
  const took = (since: number, until: number): string => parts.formatDuration(until - since)
  switch (event.type) {
    case "message": {
      const { label: message, fate, channel } = event
      const way = { from: name(event.from), to: name(event.to), sent: time(event.sentAt) }
      const came = fate === "delivered" || fate === "duplicate"
      const end = { [came ? "arrived" : "lost"]: time(event.at), took: took(event.sentAt, event.at) }
      return Object.entries({ message, fate, ...way, ...end, channel, size: parts.formatBytes(event.sizeBytes) })
    }
    case "disk": {
      const { operation, path, result } = event
      const span = {
        submitted: time(event.submittedAt),
        completed: time(event.at),
        took: took(event.submittedAt, event.at)
      }
      return Object.entries({
        operation,
        path,
        result,
        node: name(event.node),
        ...span,
        size: parts.formatBytes(event.sizeBytes)
      })
    }
    case "trace": {
      const own = { event: event.name, level: event.level, node: name(event.node), at: time(event.at) }
      return [
        ...Object.entries(own),
        ...Object.entries(event.fields).map(([key, value]) => [key, String(value)] as const)
      ]
    }
    case "operation": {
      const { label: operation, outcome, result, at, until } = event
      const end = until === undefined ? { completed: "never" } : { completed: time(until), took: took(at, until) }
      return Object.entries({ operation, outcome, result, client: name(event.node), began: time(at), ...end })
    }
    case "fault": {
      const { kind: fault, group, detail, at, until } = event
      const nodes = event.nodes.length === 0 ? "all" : event.nodes.map(name).join(", ")
      return Object.entries({ fault, group, nodes, from: time(at), until: time(until), took: took(at, until), detail })
    }
    case "node":
      return Object.entries({ change: event.change, node: name(event.node), at: time(event.at), detail: event.detail })
    case "phase":
      return Object.entries({ phase: event.name, at: time(event.at) })
  }
}
