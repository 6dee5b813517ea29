/** CheckpointUnits: a checkpoint of the memory engine, block by block. */
import * as Effect from "effect/Effect"
import * as Bytes from "#base/Bytes.ts"
import * as Keys from "../Keys.ts"
import * as Format from "../memory/CheckpointFormat.ts"
import type { Entry, Walk } from "./Unit.ts"
import { Window } from "./Window.ts"

/** Takes the entries of one block after the other. */
class Block {
  entries: Array<Entry> = []
  count = 0
  isSorted = true
  private last: Uint8Array | undefined
  private readonly wantsEntries: boolean

  constructor(wantsEntries: boolean) {
    this.wantsEntries = wantsEntries
  }

  readonly visit: Format.Visit = (bytes, keyFrom, keyTo, valueTo) => {
    const { last } = this
    if (last !== undefined && Keys.compareIn(last, 0, last.length, bytes, keyFrom, keyTo) >= 0) this.isSorted = false
    const key = Bytes.copy(bytes, keyFrom, keyTo)
    this.last = key
    this.count++
    if (this.wantsEntries) this.entries.push({ kind: "put", key, value: bytes.slice(keyTo, valueTo) })
  }

  begin(): void {
    this.entries = []
    this.count = 0
    this.isSorted = true
  }
}

export const walk: Walk = Effect.fnUntraced(function* (source, { unit, wantsEntries }) {
  const { number, sizeBytes } = source
  const window = new Window(source)
  const position = Format.decodeHeader(yield* window.read(0, Format.headerBytes), number)
  const header = { offsetBytes: 0, sizeBytes: Math.min(Format.headerBytes, sizeBytes), what: "header" }
  if (typeof position === "string") unit({ ...header, fields: {}, problem: position })
  else unit({ ...header, fields: { version: Format.version, number, logPosition: position } })
  const reader = new Format.BlockReader(number)
  const block = new Block(wantsEntries)
  let offset = Format.headerBytes
  let blocks = 0
  while (!reader.isAtEnd) {
    block.begin()
    let bytes = yield* window.read(offset, Format.blockHeaderBytes)
    let read = reader.read(bytes, 0, block.visit)
    if (read === "more" && reader.neededBytes > bytes.length && offset + reader.neededBytes <= sizeBytes) {
      bytes = yield* window.read(offset, reader.neededBytes)
      read = reader.read(bytes, 0, block.visit)
    }
    const found = { offsetBytes: offset, sizeBytes: Math.min(reader.neededBytes, sizeBytes - offset) }
    if (typeof read === "string") {
      const problem = read === "more" ? "the file ends before its end" : read
      unit({ ...found, what: "block", fields: { block: blocks }, problem })
      // Without the header of one block nobody finds the next.
      if (!reader.isPassable) return
    } else if (reader.isAtEnd) unit({ ...found, what: "end", fields: { blocks } })
    else {
      const { count, entries, isSorted } = block
      unit({
        ...found,
        what: "block",
        fields: { block: blocks, entries: count },
        ...(isSorted ? {} : { problem: "its keys do not rise" }),
        ...(wantsEntries ? { entries } : {})
      })
    }
    blocks++
    offset += reader.neededBytes
  }
  if (offset >= sizeBytes) return
  const rest = { offsetBytes: offset, sizeBytes: sizeBytes - offset, what: "rest", fields: {} }
  unit({ ...rest, problem: "there is something behind the end" })
})
