/**
 * A run as a story for the terminal: the verdict, the checks, the faults in order, and what led to the judge's point. Columns align;
 * nothing in it can move the cursor or change colours, whatever bytes a label was made of. Colours come from `paint`, if at all.
 */
import { describe } from "./Describe.ts"
import { formatBytes, formatCount, formatDuration, formatTime } from "./Format.ts"
import { printable as clean } from "./Printable.ts"
import type { Recording } from "./Recording.ts"
import * as Story from "./Story.ts"

/** What a piece of the story is, for whoever colours it. */
export type Role = "title" | "pass" | "fail" | "warn" | "faint"

export interface ExplainOptions {
  /** Events told before the judge's point: 40 unless said. */
  readonly events?: number
  /** Wraps a piece of text in colour; must not change what is visible of it. */
  readonly paint?: (role: Role, text: string) => string
}

const eventsDefault = 40

/** Faults told; the page has the rest. */
const faultsMax = 60

interface Row {
  readonly cells: ReadonlyArray<string>
  readonly role?: Role | undefined
}

/** Rows as aligned lines; the first column to the right, the last one free. */
const align = (
  rows: ReadonlyArray<Row>,
  indent: string,
  paint: (role: Role, text: string) => string
): ReadonlyArray<string> => {
  const widths: Array<number> = []
  for (const { cells } of rows)
    cells.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)))
  return rows.map(({ cells, role }) => {
    const padded = cells.map((cell, column) =>
      column === 0 ? cell.padStart(widths[0]) : column === cells.length - 1 ? cell : cell.padEnd(widths[column])
    )
    const line = padded.join("  ").trimEnd()
    return indent + (role === undefined ? line : paint(role, line))
  })
}

const roles = { bad: "fail", odd: "warn", quiet: "faint", plain: undefined } as const

/** The story of a run. Ends with a line feed. */
export const explain = (recording: Recording, options: ExplainOptions = {}): string => {
  const paint = options.paint ?? ((_: Role, text: string): string => text)
  const names = recording.lanes.map((lane) => lane.name)
  const words = { names, duration: formatDuration, bytes: formatBytes }
  const role = recording.verdict === "pass" ? "pass" : "fail"
  const lines = [
    `${paint(role, recording.verdict.toUpperCase())}  ${paint("title", clean(recording.scenario))}  seed ${clean(recording.seed)}`,
    paint(
      "faint",
      `trace ${recording.traceHash}, ${formatDuration(recording.virtualMicros)} of virtual time, ${formatCount(recording.events.length)} events`
    ),
    `reproduce: ${clean(recording.reproduce)}`
  ]
  if (recording.truncated) lines.push(paint("warn", "The recorder was full: later events are missing."))
  const section = (title: string, rows: ReadonlyArray<Row>): void => {
    if (rows.length > 0) lines.push("", paint("title", title), ...align(rows, "  ", paint))
  }

  const checks = Story.sortedChecks(recording).map((check): Row => {
    const at = check.atMicros === undefined ? "" : `at ${formatTime(check.atMicros)}`
    const node = check.node === undefined ? "" : `on ${names[check.node] ?? check.node}`
    const place = [at, node].filter((part) => part !== "").join(" ")
    const word = check.verdict === "fail" ? "FAIL" : check.verdict
    const cells = [word, clean(check.name), clean(check.detail) + (place === "" ? "" : `  (${clean(place)})`)]
    return { cells, role: check.verdict === "fail" ? "fail" : check.verdict === "unknown" ? "warn" : undefined }
  })
  section("Checks", checks)

  const point = Story.mainPoint(recording)
  const faults = recording.events.filter((event) => event.type === "fault")
  const told = faults.slice(0, faultsMax).map((event): Row => {
    const { who, text } = describe(event, words)
    const active = point !== undefined && event.at <= point.atMicros && point.atMicros <= event.until
    const now = active ? "  (in force at the judge's point)" : ""
    return {
      cells: [formatTime(event.at), event.group, clean(who), clean(text) + now],
      role: active ? "warn" : undefined
    }
  })
  section(
    faults.length > faultsMax ? `Faults (the first ${faultsMax} of ${formatCount(faults.length)})` : "Faults",
    told
  )

  if (point === undefined) return lines.join("\n") + "\n"
  const steps = Story.stepsBefore(recording, point, options.events ?? eventsDefault).map(({ event, alike }): Row => {
    const { who, what, text, tone } = describe(event, words)
    return {
      cells: [formatTime(event.at), clean(who), what, clean(text) + (alike > 0 ? `  (and ${alike} alike before)` : "")],
      role: roles[tone]
    }
  })
  const node = point.node === undefined ? "" : (names[point.node] ?? "")
  const violation: Row = {
    cells: [formatTime(point.atMicros), clean(node), "FAIL", clean(`${point.check.name}: ${point.check.detail}`)],
    role: "fail"
  }
  section(`What led to it, on ${point.lanes.map((lane) => clean(names[lane])).join(", ")}`, [...steps, violation])
  return lines.join("\n") + "\n"
}
