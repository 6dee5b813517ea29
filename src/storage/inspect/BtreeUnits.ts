/**
 * BtreeUnits: the file of a B+tree: all copies of its metas, then what the newest of them leads to: the map of used pages, the tree from
 * its root in the order of the keys, large values behind the leaf that they hang on, and the pages that nobody uses. It
 * begins from any copy that reads, also where an engine would not open because a newer one may be lost.
 *
 * Besides the checksums it compares what parts say of each other: keys with the bounds that the branches above give, levels, and the map
 * with what the tree refers to.
 */
import * as Effect from "effect/Effect"
import * as MapParts from "../btree/MapParts.ts"
import * as Meta from "../btree/Meta.ts"
import * as Node from "../btree/Node.ts"
import { Page } from "../btree/Page.ts"
import * as Format from "../btree/PageFormat.ts"
import * as Keys from "../Keys.ts"
import type { Entry, Source, Unit, Visitor, Walk } from "./Unit.ts"

interface Left {
  readonly reference: Format.Reference
  readonly kind: number
  /** Of a node, as its parent tells; undefined: a root's, which may be any. */
  readonly level?: number | undefined
  /** The node's keys are in [from, to). */
  readonly from?: Uint8Array | undefined
  readonly to?: Uint8Array | undefined
}

const metaUnits = (area: Uint8Array): { readonly units: ReadonlyArray<Unit>; readonly meta: Meta.Meta | undefined } => {
  const { laterVersion, lostAt } = Meta.find(area)
  let newest: Meta.Meta | undefined
  const units: Array<Unit> = []
  for (let offsetBytes = 0; offsetBytes < Format.metaAreaBytes; offsetBytes += Meta.sectorBytes) {
    const sector = area.subarray(offsetBytes, offsetBytes + Meta.sectorBytes)
    const meta = Meta.decode(sector)
    const place = { offsetBytes, sizeBytes: sector.length, what: "meta" }
    if (meta === undefined) {
      if (lostAt === offsetBytes) {
        units.push({
          ...place,
          fields: {},
          problem: "all copies are damaged, and the newest commits may have been there"
        })
      } else units.push({ ...place, fields: {}, problem: "a copy is damaged", isRepairable: true })
      continue
    }
    if (newest === undefined || meta.commit > newest.commit) newest = meta
    const { commit, map, pageBytes, pageCount, root, txn } = meta
    const isHome = sector[13] === offsetBytes / Meta.sectorBytes
    const version = sector[12]
    units.push({
      ...place,
      fields: { version, commit, txn, pageBytes, pageCount, root: root.number, map: map.number },
      ...(isHome ? {} : { problem: "it belongs in another place", isRepairable: true }),
      ...(version === Meta.version ? {} : { problem: `version ${version} of the format is not known` })
    })
  }
  return { units, meta: laterVersion === undefined ? newest : undefined }
}

/** A set of pages. */
class Pages {
  private readonly bits: Uint8Array
  private readonly first: number
  private readonly end: number

  constructor(pageBytes: number, pageCount: number) {
    this.bits = new Uint8Array(Math.ceil(pageCount / 8))
    this.first = Format.firstPage(pageBytes)
    this.end = pageCount
  }

  has(page: number): boolean {
    return (this.bits[page >>> 3] & (1 << (page & 7))) !== 0
  }

  /** False: one of them was there, or cannot be. */
  add(number: number, pages: number): boolean {
    if (number < this.first || number + pages > this.end) return false
    let isNew = true
    for (let page = number; page < number + pages; page++) {
      isNew &&= !this.has(page)
      this.bits[page >>> 3] |= 1 << (page & 7)
    }
    return isNew
  }

  /** Calls `run` for each longest run of pages of the same kind. */
  runs(kindOf: (page: number) => string, run: (kind: string, number: number, pages: number) => void): void {
    let from = this.first
    for (let page = from + 1; page <= this.end; page++) {
      if (page < this.end && kindOf(page) === kindOf(from)) continue
      if (from < this.end) run(kindOf(from), from, page - from)
      from = page
    }
  }
}

const names = ["", "leaf", "value", "map", "map part"]

class TreeWalk {
  readonly left: Array<Left>
  private readonly source: Source
  private readonly meta: Meta.Meta
  private readonly visitor: Visitor
  private readonly seen: Pages
  private readonly mapped: Pages
  private isWhole = true

  constructor(source: Source, meta: Meta.Meta, visitor: Visitor) {
    this.source = source
    this.meta = meta
    this.visitor = visitor
    this.seen = new Pages(meta.pageBytes, meta.pageCount)
    this.mapped = new Pages(meta.pageBytes, meta.pageCount)
    this.left = [
      { reference: meta.root, kind: Format.kinds.node },
      { reference: meta.map, kind: Format.kinds.mapRoot }
    ]
  }

  readonly run = Effect.fnUntraced({ self: this }, function* () {
    const { handle } = this.source
    const { pageBytes } = this.meta
    for (let next = this.left.pop(); next !== undefined; next = this.left.pop()) {
      const { number, pages } = next.reference
      if (!this.seen.add(number, pages)) {
        this.tell(next, undefined, { problem: "it is used twice, or is none of the file's pages" })
        continue
      }
      const bytes = yield* handle.readAt(number * pageBytes, pages * pageBytes)
      const problem = Format.problem(bytes, next.reference, pageBytes, next.kind)
      if (problem === undefined) this.expand(next, new Page(bytes, number, pages, Format.birthOf(bytes)))
      else this.tell(next, undefined, { problem })
    }
    this.tellPages()
  })

  private tell(left: Left, page: Page | undefined, more: Partial<Unit>): void {
    const { kind, reference } = left
    const { pageBytes } = this.meta
    const isBranch = kind === Format.kinds.node && (page?.level ?? left.level ?? 0) > 0
    this.isWhole &&= more.problem === undefined
    this.visitor.unit({
      offsetBytes: reference.number * pageBytes,
      sizeBytes: reference.pages * pageBytes,
      what: isBranch ? "branch" : names[kind],
      ...more,
      fields: { page: reference.number, ...(page === undefined ? {} : { txn: page.birth }), ...more.fields }
    })
  }

  private expand(left: Left, page: Page): void {
    if (left.kind === Format.kinds.node) return this.expandNode(left, page)
    const extra = Format.extraOf(page.bytes)
    if (left.kind === Format.kinds.value) return this.tell(left, page, { fields: { lengthBytes: extra } })
    if (left.kind === Format.kinds.mapRoot) {
      this.tell(left, page, { fields: { parts: extra } })
      for (const part of MapParts.partsIn(page).toReversed()) {
        if (part !== undefined) this.left.push({ reference: { ...part, pages: 1 }, kind: Format.kinds.mapPart })
      }
      return
    }
    let used = 0
    MapParts.forEachUsed(page, (number, pages) => {
      used += pages
      this.mapped.add(number, pages)
    })
    this.tell(left, page, { fields: { part: extra, used } })
  }

  private expandNode(left: Left, page: Page): void {
    const { bytes, level } = page
    const { from, to } = left
    const { wantsEntries } = this.visitor
    const count = Node.countOf(bytes)
    const entries: Array<Entry> = []
    const below: Array<Left> = []
    let problem =
      left.level === undefined || left.level === level ? undefined : `its level is ${level}, not ${left.level}`
    let last: Uint8Array | undefined
    for (let index = 0; index < count; index++) {
      // A branch's first key means nothing.
      const key = level > 0 && index === 0 ? from : Node.keyAt(bytes, index)
      if (key !== undefined) {
        if (last !== undefined && Keys.compare(last, key) >= 0) problem ??= "its keys do not rise"
        if (from !== undefined && Keys.compare(key, from) < 0) problem ??= "it has a key below its place"
        if (to !== undefined && Keys.compare(key, to) >= 0) problem ??= "it has a key above its place"
      }
      last = key
      if (level > 0) {
        const end = index + 1 < count ? Node.keyAt(bytes, index + 1) : to
        below.push({
          reference: Node.childReference(bytes, index),
          kind: Format.kinds.node,
          level: level - 1,
          from: key,
          to: end
        })
        continue
      }
      const large = this.largeValue(bytes, index)
      if (large !== undefined) below.push(large)
      if (wantsEntries) entries.push({ kind: "put", key: key!, ...(large === undefined ? valueAt(bytes, index) : {}) })
    }
    this.tell(left, page, {
      fields: { level, entries: count, prefixBytes: Node.prefixLengthOf(bytes), usedBytes: Node.usedBytes(bytes) },
      ...(problem === undefined ? {} : { problem }),
      ...(wantsEntries && level === 0 ? { entries } : {})
    })
    for (const each of below.toReversed()) this.left.push(each)
  }

  private largeValue(bytes: Uint8Array, index: number): Left | undefined {
    const entry = Node.entryAt(bytes, index)
    if (Node.markAt(bytes, entry) !== Node.largeMark) return undefined
    return { reference: Node.largeReference(bytes, entry, this.meta.pageBytes), kind: Format.kinds.value }
  }

  /** What the map says of pages, and what it should say. */
  private tellPages(): void {
    const { mapped, seen } = this
    const { pageBytes } = this.meta
    const kindOf = (page: number): string => {
      if (!this.isWhole) return seen.has(page) ? "used" : "free"
      if (seen.has(page) === mapped.has(page)) return seen.has(page) ? "used" : "free"
      return seen.has(page) ? "in use, and free in the map" : "used in the map, and nothing refers to them"
    }
    seen.runs(kindOf, (kind, number, pages) => {
      if (kind === "used") return
      const place = { offsetBytes: number * pageBytes, sizeBytes: pages * pageBytes, fields: { page: number, pages } }
      // What hangs on a page that does not read, nobody knows.
      if (!this.isWhole) this.visitor.unit({ ...place, what: "not reached" })
      else if (kind === "free") this.visitor.unit({ ...place, what: kind })
      else this.visitor.unit({ ...place, what: "pages", problem: `they are ${kind}` })
    })
  }
}

const valueAt = (bytes: Uint8Array, index: number): { readonly value: Uint8Array } => {
  const entry = Node.entryAt(bytes, index)
  const at = Node.payloadAt(bytes, entry)
  return { value: bytes.subarray(at, at + Node.markAt(bytes, entry)) }
}

export const walk: Walk = Effect.fnUntraced(function* (source, visitor) {
  const { meta, units } = metaUnits(yield* source.handle.readAt(0, Format.metaAreaBytes))
  for (const unit of units) visitor.unit(unit)
  if (meta !== undefined) yield* new TreeWalk(source, meta, visitor).run()
})
