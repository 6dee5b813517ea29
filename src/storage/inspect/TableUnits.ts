/**
 * TableUnits: a table of an LSM engine: its blocks in their order, then what tells where they are. Besides the checksums it compares what
 * parts say of each other: the order of the keys, the index and the filter that a look-up goes by, the numbers of entries.
 */
import * as Effect from "effect/Effect"
import * as Bytes from "#base/Bytes.ts"
import * as Keys from "../Keys.ts"
import { BlockCursor } from "../lsm/BlockCursor.ts"
import * as Bloom from "../lsm/Bloom.ts"
import * as TableFormat from "../lsm/TableFormat.ts"
import * as TableHead from "../lsm/TableHead.ts"
import type { Entry, Source, Unit, Visitor, Walk } from "./Unit.ts"
import { Window } from "./Window.ts"

const notWritten = "its bytes are not what was written"

/** Where each part lies, in the order of the file. */
const partsOf = ({ filterAt, filterBytes, indexBytes, propertiesBytes, rangesBytes }: TableFormat.Footer) => {
  const parts = [
    { what: "filter", sizeBytes: filterBytes },
    { what: "ranges", sizeBytes: rangesBytes },
    { what: "index", sizeBytes: indexBytes },
    { what: "properties", sizeBytes: propertiesBytes }
  ]
  let offsetBytes = filterAt
  return parts.map((part) => {
    const placed = { ...part, offsetBytes }
    offsetBytes += part.sizeBytes
    return placed
  })
}

export interface End {
  readonly footer: TableFormat.Footer
  /** What the table says of itself; undefined: it does not read. */
  readonly properties: TableFormat.TableMeta | undefined
  readonly head: TableHead.TableHead | undefined
  /** From the filter to the footer. */
  readonly units: ReadonlyArray<Unit>
}

/** What stands behind the blocks; a unit says what is wrong with the footer, without which nothing is found. */
export const readEnd = Effect.fnUntraced(function* ({ handle, number, sizeBytes }: Source) {
  const footerAt = sizeBytes - TableFormat.footerBytes
  const place = { offsetBytes: Math.max(0, footerAt), sizeBytes: Math.min(sizeBytes, TableFormat.footerBytes) }
  const bytes = yield* handle.readAt(place.offsetBytes, place.sizeBytes)
  const footer = footerAt < 0 ? "the file is shorter than its footer" : TableFormat.readFooter(bytes, number, sizeBytes)
  if (typeof footer === "string") return { ...place, what: "footer", fields: {}, problem: footer } satisfies Unit
  const end = yield* handle.readAt(footer.filterAt, footerAt - footer.filterAt)
  const units: Array<Unit> = []
  const sound = new Map<string, Uint8Array>()
  for (const part of partsOf(footer)) {
    const from = part.offsetBytes - footer.filterAt
    const content = TableFormat.unseal(end.subarray(from, from + part.sizeBytes), number, part.offsetBytes)
    if (content !== undefined) sound.set(part.what, content)
    units.push({ ...part, fields: {}, ...(content === undefined ? { problem: notWritten } : {}) })
  }
  units.push({ ...place, what: "footer", fields: { version: TableFormat.version, filterAt: footer.filterAt } })
  const written = sound.get("properties")
  const properties = written === undefined ? undefined : propertiesIn(written, footer, sizeBytes)
  const { filterAt, filterBytes, indexBytes, rangesBytes } = footer
  // Only the places and the number count for a head.
  const meta = { ...nothing, number, filterAt, filterBytes, rangesBytes, indexBytes }
  const head = TableHead.decode(end, meta)
  return {
    footer,
    properties,
    head: typeof head === "number" ? undefined : head,
    units: units.map((unit) => withFields(unit, properties, typeof head === "number" ? undefined : head))
  } satisfies End
})

const nothing: TableFormat.TableMeta = {
  number: 0,
  sizeBytes: 0,
  filterAt: 0,
  filterBytes: 0,
  rangesBytes: 0,
  indexBytes: 0,
  from: new Uint8Array(0),
  to: new Uint8Array(0),
  sequenceMin: 0,
  sequenceMax: 0,
  entries: 0,
  deletes: 0,
  olderVersions: 0,
  rangeDeletes: 0,
  userBytes: 0,
  ingestedAt: 0
}

const propertiesIn = (bytes: Uint8Array, footer: TableFormat.Footer, sizeBytes: number) => {
  const reader = new Bytes.Reader(bytes)
  const properties = TableFormat.readMeta(reader)
  const isOfThis = properties.filterAt === footer.filterAt && properties.indexBytes === footer.indexBytes
  return reader.isWhole && isOfThis ? { ...properties, sizeBytes } : undefined
}

const withFields = (
  unit: Unit,
  properties: TableFormat.TableMeta | undefined,
  head: TableHead.TableHead | undefined
): Unit => {
  if (unit.problem !== undefined) return unit
  if (unit.what === "properties") {
    if (properties === undefined) return { ...unit, problem: "they are not those of this table" }
    const { deletes, entries, from, ingestedAt, olderVersions, rangeDeletes, sequenceMax, sequenceMin, to, userBytes } =
      properties
    const numbers = { entries, deletes, olderVersions, rangeDeletes, userBytes }
    return { ...unit, fields: { ...numbers, from, to, sequenceMin, sequenceMax, ingestedAt } }
  }
  if (head === undefined) return unit
  if (unit.what === "index") return { ...unit, fields: { blocks: head.index.count } }
  if (unit.what !== "ranges") return unit
  const entries: Array<Entry> = []
  head.ranges?.forEach((key, to, sequences) => {
    for (const sequence of sequences) entries.push({ kind: "delete-range", key, to, sequence })
  })
  return { ...unit, fields: { rangeDeletes: entries.length }, entries }
}

/** Looks at the blocks, one after the other. */
class Blocks {
  entries = 0
  deletes = 0
  private readonly head: TableHead.TableHead
  private readonly number: number
  private readonly wantsEntries: boolean
  private readonly cursor = new BlockCursor()
  hasProblem = false
  /** The key before; undefined where it did not read, or where there is none. */
  private last: Uint8Array | undefined
  private lastSequence = 0
  /** Versions of the first key that reads may go on from a block that does not. */
  private isBehindDamage = false

  constructor(head: TableHead.TableHead, number: number, wantsEntries: boolean) {
    this.head = head
    this.number = number
    this.wantsEntries = wantsEntries
  }

  unit(block: number, stored: Uint8Array): Unit {
    const offsetBytes = this.head.index.offset(block)
    const place = { offsetBytes, sizeBytes: stored.length, what: "block" }
    const content = TableFormat.unsealEntries(stored, this.number, offsetBytes)
    if (content === undefined) {
      this.last = undefined
      this.isBehindDamage = this.hasProblem = true
      return { ...place, fields: { block }, problem: notWritten }
    }
    const { cursor, entries: before } = this
    const entries: Array<Entry> = []
    let problem: string | undefined
    cursor.open(content)
    while (cursor.next()) {
      problem ??= this.problem(block)
      if (this.wantsEntries) entries.push(this.entry())
    }
    this.hasProblem ||= problem !== undefined
    const isCompressed = stored.length - TableFormat.trailerBytes !== content.length
    return {
      ...place,
      fields: { block, entries: this.entries - before, plainBytes: content.length, isCompressed },
      ...(problem === undefined ? {} : { problem }),
      ...(this.wantsEntries ? { entries } : {})
    }
  }

  /** What is wrong with the entry that the cursor is at. */
  private problem(block: number): string | undefined {
    const { cursor, head, last, lastSequence } = this
    const { key, keyLength, sequence } = cursor
    this.entries++
    if (cursor.isDelete) this.deletes++
    const order = last === undefined ? 1 : Keys.compareIn(key, 0, keyLength, last, 0, last.length)
    this.lastSequence = sequence
    if (order === 0) return sequence < lastSequence ? undefined : "versions of a key do not fall"
    this.last = Bytes.copy(key, 0, keyLength)
    if (order < 0) return "its keys do not rise"
    const { isBehindDamage } = this
    this.isBehindDamage = false
    if (!isBehindDamage && head.index.find(key, 0, keyLength) !== block) return "the index leads past one of its keys"
    return Bloom.mayContain(head.filter, Bloom.hash(key, 0, keyLength))
      ? undefined
      : "the filter denies one of its keys"
  }

  private entry(): Entry {
    const { block, isDelete, key, keyLength, sequence, valueFrom, valueTo } = this.cursor
    const copied = Bytes.copy(key, 0, keyLength)
    if (isDelete) return { kind: "delete", key: copied, sequence }
    return { kind: "put", key: copied, value: block.slice(valueFrom, valueTo), sequence }
  }
}

export const walk: Walk = Effect.fnUntraced(function* (source: Source, { unit, wantsEntries }: Visitor) {
  const end = yield* readEnd(source)
  if ("what" in end) return unit(end)
  const { head, properties, units } = end
  if (head !== undefined) {
    const window = new Window(source)
    const blocks = new Blocks(head, source.number, wantsEntries)
    for (let block = 0; block < head.index.count; block++) {
      const sizeBytes = head.index.sizeBytes(block)
      unit(blocks.unit(block, yield* window.read(head.index.offset(block), sizeBytes)))
    }
    const isRight = properties?.entries === blocks.entries && properties.deletes === blocks.deletes
    if (properties !== undefined && !blocks.hasProblem && !isRight) {
      const problem = `its blocks have ${blocks.entries} entries, ${blocks.deletes} of them deletes`
      for (const each of units) unit(each.what === "properties" ? { ...each, problem } : each)
      return
    }
  }
  for (const each of units) unit(each)
})
