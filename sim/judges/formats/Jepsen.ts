/**
 * Histories in EDN, as Jepsen, Knossos and Elle write them: event maps one after another, or all in one vector or list.
 * Porcupine's key-value logs are of this kind, with a `:key` in each event.
 */
import type * as History from "../History.ts"
import type { Value } from "../Value.ts"
import * as Edn from "./Edn.ts"
import { type Builder, end, Reader } from "./EdnReader.ts"
import * as Events from "./Events.ts"
import { Source } from "./Source.ts"

/** Forms as values of a history; a map that is not inside another form stays flat, for `Events`. */
const builderOf = (depth: () => number): Builder => ({
  keyword: (name) => `:${name}`,
  symbol: (name) => name,
  character: (character) => character,
  list: (items) => items,
  vector: (items) => items,
  set: (items) => items,
  map: (flat) => {
    if (depth() === 0) return new Flat(flat as Array<Value>)
    const map = new Map<Value, Value>()
    for (let at = 0; at < flat.length; at += 2) map.set(flat[at] as Value, flat[at + 1] as Value)
    return map
  },
  tagged: (_tag, value) => value
})

class Flat {
  readonly items: ReadonlyArray<Value>
  constructor(items: Array<Value>) {
    // Names of fields, not values: the colon goes.
    for (let at = 0; at < items.length; at += 2) {
      const key = items[at]
      if (typeof key === "string" && key.startsWith(":")) items[at] = fieldNames.get(key) ?? key.slice(1)
    }
    this.items = items
  }
}

const fieldNames = new Map(["process", "type", "f", "value", "key", "time", "index"].map((name) => [`:${name}`, name]))

/** Reads a history; refuses with `Malformed`. */
export const read = (input: Uint8Array | string): History.History => {
  const source = new Source(input)
  const events = new Events.Assembler(source)
  const reader: Reader = new Reader(
    source,
    builderOf(() => reader.depth)
  )
  reader.enter()
  for (;;) {
    const offset = reader.offset()
    const form = reader.next()
    if (form === end) return events.history()
    if (form instanceof Flat) events.add(form.items, offset)
    else source.fail("a map is due, one for each event", offset)
  }
}

/** A value as EDN: text that begins with a colon as a keyword, maps with sorted keys. */
const edn = (value: Value): string => {
  if (typeof value === "string") return /^:[^\s"()[\]{},;@^`~\\]+$/.test(value) ? value : Edn.write(value)
  if (typeof value !== "object" || value === null) return Edn.write(value)
  if (value instanceof Map) return `{${[...value].map(([key, item]) => `${edn(key)} ${edn(item)}`).join(", ")}}`
  return `[${(value as ReadonlyArray<Value>).map(edn).join(" ")}]`
}

/** Writes a history, one event a line, each line with its end. */
export function* write(history: History.History): Generator<string> {
  for (const { process, type, f, value, time } of Events.written(history)) {
    const when = time === undefined ? "" : `, :time ${time}`
    yield `{:process ${process}, :type :${type}, :f :${f}, :value ${edn(value)}${when}}\n`
  }
}
