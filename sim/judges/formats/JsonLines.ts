/**
 * Orbit's own format of histories: JSON, one event a line (or all events as one JSON array), each an object with the
 * fields that `Events` describes:
 *
 *   {"process": 0, "type": "invoke", "f": "write", "value": 3, "time": 1000}
 *   {"process": 0, "type": "ok", "f": "write", "value": 3, "time": 2500}
 *
 * `process` and `type` must be there. Text that begins with a colon is what EDN calls a keyword, so histories pass
 * between the two notations without loss. Whole numbers may have any size.
 */
import type * as History from "../History.ts"
import { isArray, type Value } from "../Value.ts"
import { end } from "./EdnReader.ts"
import * as Events from "./Events.ts"
import { Reader } from "./Json.ts"
import { Source } from "./Source.ts"

/** Reads a history; refuses with `Malformed`. */
export const read = (input: Uint8Array | string): History.History => {
  const source = new Source(input)
  const events = new Events.Assembler(source)
  const reader = new Reader(source)
  reader.enter()
  for (;;) {
    const offset = reader.offset()
    const isObject = source.byte === 0x7b
    const value = reader.next()
    if (value === end) return events.history()
    if (!isObject || !isArray(value)) source.fail("an object is due, one for each event", offset)
    events.add(value as ReadonlyArray<Value>, offset)
  }
}

const json = (value: Value): string => {
  if (typeof value === "bigint") return String(value)
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (value instanceof Map) {
    const name = (key: Value): string => (typeof key === "string" ? key : json(key))
    return `{${[...value].map(([key, item]) => `${JSON.stringify(name(key))}:${json(item)}`).join(",")}}`
  }
  return `[${(value as ReadonlyArray<Value>).map(json).join(",")}]`
}

/** Writes a history, one event a line, each line with its end. */
export function* write(history: History.History): Generator<string> {
  for (const { process, type, f, value, time } of Events.written(history)) {
    const when = time === undefined ? "" : `,"time":${time}`
    yield `{"process":${process},"type":"${type}","f":${JSON.stringify(f)},"value":${json(value)}${when}}\n`
  }
}
