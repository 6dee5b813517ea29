/**
 * One recorded event in words: the same line in the terminal, in the page's list and in its tooltip. Self-contained, because
 * its source is also embedded in the page: what it needs comes in through `words`.
 */
import type { RecordedEvent } from "./Recording.ts"

export interface Words {
  /** Names of the lanes. */
  readonly names: ReadonlyArray<string>
  readonly duration: (micros: number) => string
  readonly bytes: (bytes: number) => string
}

export interface Description {
  /** Which nodes: `server-0`, `server-0 → server-1`. */
  readonly who: string
  /** One word: what it was, or what became of it. */
  readonly what: string
  readonly text: string
  /** `bad` needs a look, `odd` is a deviation that the protocol must bear, `quiet` is everyday noise. */
  readonly tone: "plain" | "bad" | "odd" | "quiet"
}

/** The event as a line. O(length of its text). */
export function describe(event: RecordedEvent, words: Words): Description {
  const name = (lane: number): string => words.names[lane] ?? `lane ${lane}`
  switch (event.type) {
    case "message": {
      const took = `${words.duration(event.at - event.sentAt)}, ${words.bytes(event.sizeBytes)}`
      const fates = { delivered: "message", duplicate: "duplicate", lost: "lost", cut: "cut off", dead: "nobody there" }
      const usual = event.fate === "delivered"
      const end = usual || event.fate === "duplicate" ? took : `sent at ${(event.sentAt / 1_000_000).toFixed(6)} s`
      return {
        who: `${name(event.from)} → ${name(event.to)}`,
        what: fates[event.fate],
        text: `${event.label} (${end})`,
        tone: usual ? "plain" : "odd"
      }
    }
    case "disk": {
      const size = event.sizeBytes > 0 ? ` ${words.bytes(event.sizeBytes)}` : ""
      const text = `${event.operation} ${event.path}${size} (${words.duration(event.at - event.submittedAt)})`
      if (event.result === "ok") return { who: name(event.node), what: "disk", text, tone: "plain" }
      // What a path turned out to be is an answer; everything else is a disk that failed.
      const answered = ["not-found", "exists", "not-a-file"].includes(event.result)
      const result = answered ? `${text}: ${event.result}` : `${text} failed: ${event.result}`
      return { who: name(event.node), what: "disk", text: result, tone: answered ? "plain" : "bad" }
    }
    case "trace": {
      const fields = Object.entries(event.fields).map(([key, value]) => `${key}=${String(value)}`)
      const tone =
        event.level === "error" ? "bad" : event.level === "warn" ? "odd" : event.level === "debug" ? "quiet" : "plain"
      return { who: name(event.node), what: event.level, text: [event.name, ...fields].join(" "), tone }
    }
    case "operation": {
      const took =
        event.until === undefined
          ? "never answered"
          : `${event.outcome} after ${words.duration(event.until - event.at)}`
      const result = event.result === "" ? "" : ` → ${event.result}`
      const tone = event.outcome === "ok" ? "plain" : event.outcome === "failed" ? "bad" : "odd"
      return { who: name(event.node), what: "operation", text: `${event.label}${result} (${took})`, tone }
    }
    case "node": {
      const tone = event.change === "start" || event.change === "resume" ? "plain" : "odd"
      return {
        who: name(event.node),
        what: event.change,
        text: event.detail === "" ? event.change : event.detail,
        tone
      }
    }
    case "fault": {
      const who =
        event.nodes.length === 0 || event.nodes.length === words.names.length ? "all" : event.nodes.map(name).join(", ")
      const lasts = event.until > event.at ? ` for ${words.duration(event.until - event.at)}` : ""
      return {
        who,
        what: "fault",
        text: `${event.kind}${lasts}${event.detail === "" ? "" : `: ${event.detail}`}`,
        tone: "odd"
      }
    }
    case "phase":
      return {
        who: "all",
        what: "phase",
        text: event.name === "end" ? "end of the run" : `${event.name} phase begins`,
        tone: "plain"
      }
  }
}
