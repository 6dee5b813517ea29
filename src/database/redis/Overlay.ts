/**
 * Overlay: what records say of each key, the last of them: laid over what is stored of it when it is loaded. A record tells of a key's elements
 * before it tells of the key itself, and always does both.
 *
 * Of most keys records say all that there is to know: those are loaded at once, and what is stored of them is passed over.
 */
import { assert } from "#base/Assert.ts"
import * as Latin1 from "#base/Latin1.ts"
import type { Database } from "./Database.ts"
import type { Entry } from "./Entry.ts"
import * as Footprint from "./Footprint.ts"
import * as Record from "./Record.ts"
import * as Stored from "./Stored.ts"
import * as StringValue from "./StringValue.ts"
import { Table } from "./Table.ts"

/** A layer with its head; an element in its map. */
const layerBytes = 150
const elementBytes = 60

const ofText = (text: string | undefined): number => (text === undefined ? 0 : Footprint.ofText(text.length))

/** By name; undefined: removed. */
export type Changed = Map<string, string | undefined>

/** What records say of one key. */
export class Layer {
  readonly database: number
  readonly name: string
  /** undefined: the key is gone. */
  head: Stored.Head | undefined = undefined
  /** Of which the elements are. */
  generation = 0
  elements: Changed | undefined = undefined
  /** What it takes of memory, about, and its elements of that. */
  heldBytes = layerBytes
  elementsBytes = 0

  constructor(database: number, name: string) {
    this.database = database
    this.name = name
  }
}

/** What keys are loaded into. */
export type DatabaseAt = (index: number) => Database

export class Overlay {
  /** What it takes of memory beside what is loaded, about. */
  heldBytes = 0
  /** By number, which database it is: a byte each; undefined: no record says. */
  databases: Uint8Array | undefined
  /** By database, as keys are named there, and then by hashes of long names. */
  private readonly layers: Array<Table<Layer | undefined> | undefined> = []
  private readonly databaseAt: DatabaseAt
  private readonly garbage: (prefix: Uint8Array) => void

  /** `garbage` hears of what elements begin with that only records have, and that are of earlier generations. */
  constructor(databaseAt: DatabaseAt, garbage: (prefix: Uint8Array) => void) {
    this.databaseAt = databaseAt
    this.garbage = garbage
  }

  /** The next record. */
  add(record: Uint8Array): void {
    const cursor = new Record.Cursor(record)
    let layer: Layer | undefined
    while (cursor.next()) {
      if (cursor.kind === Record.Kind.databases) {
        this.databases = Latin1.encode(cursor.content())
        continue
      }
      const { database, name } = cursor
      if (layer === undefined || layer.name !== name || layer.database !== database) layer = this.find(database, name)
      if (layer === undefined && cursor.isAll && !Stored.isHashed(name)) this.load(cursor)
      else this.lay((layer ??= this.layerOf(database, name)), cursor)
    }
  }

  /** All of the key is loaded already. */
  has(database: number, name: string, isHash: boolean): boolean {
    return !isHash && this.databaseAt(database).find(name) !== undefined
  }

  /** What lies over a key: once, and kept no longer; `isHash`: it is long, and this the hash of its name. */
  take(database: number, name: string, isHash: boolean): Layer | undefined {
    const table = this.layers[placeOf(database, isHash)]
    const position = table?.position(name) ?? -1
    return position < 0 ? undefined : this.takeAt(table!, position)
  }

  /** Those that lie over nothing that is stored. */
  *others(): Generator<Layer> {
    for (const table of this.layers) {
      for (let i = 0; i < (table?.size ?? 0); i++) {
        const layer = this.takeAt(table!, i)
        if (layer !== undefined) yield layer
      }
    }
  }

  private takeAt(table: Table<Layer | undefined>, position: number): Layer | undefined {
    const layer = table.valueAt(position)
    table.setAt(position, undefined)
    this.heldBytes -= layer?.heldBytes ?? 0
    return layer
  }

  private load(cursor: Record.Cursor): void {
    const { expiresAt, name } = cursor
    const database = this.databaseAt(cursor.database)
    const content = StringValue.contentOf(cursor.content())
    const entry = database.find(name)
    if (entry === undefined) database.restore(name, content, expiresAt)
    else database.restoreAs(entry, content, expiresAt)
  }

  private find(database: number, name: string): Layer | undefined {
    const isHash = Stored.isHashed(name)
    return this.layers[placeOf(database, isHash)]?.get(isHash ? Stored.hashOf(name) : name)
  }

  /** The layer of a key that has none. */
  private layerOf(database: number, name: string): Layer {
    const isHash = Stored.isHashed(name)
    const table = (this.layers[placeOf(database, isHash)] ??= new Table<Layer | undefined>())
    const layer = new Layer(database, name)
    table.add(isHash ? Stored.hashOf(name) : name, layer)
    this.heldBytes += layer.heldBytes
    this.hold(layer, ofText(name))
    const entry = isHash ? undefined : this.databaseAt(database).find(name)
    if (entry !== undefined) this.unload(layer, entry)
    return layer
  }

  /** There is more to know than what it holds. */
  private unload(layer: Layer, entry: Entry): void {
    const { content, expiresAt } = entry
    const head = StringValue.textOf(content)
    layer.head = { type: "string", expiresAt, generation: 0, isInline: true, head }
    this.hold(layer, ofText(head))
    this.databaseAt(layer.database).unrestore(entry)
  }

  private hold(layer: Layer, sizeBytes: number): void {
    layer.heldBytes += sizeBytes
    this.heldBytes += sizeBytes
  }

  private lay(layer: Layer, cursor: Record.Cursor): void {
    switch (cursor.kind) {
      case Record.Kind.put:
      case Record.Kind.remove: {
        this.turn(layer, cursor.generation)
        const content = cursor.kind === Record.Kind.put ? cursor.content() : undefined
        const elements = (layer.elements ??= new Map())
        const before = elements.has(cursor.sub) ? -ofText(elements.get(cursor.sub)) : elementBytes + ofText(cursor.sub)
        elements.set(cursor.sub, content)
        layer.elementsBytes += before + ofText(content)
        this.hold(layer, before + ofText(content))
        break
      }
      case Record.Kind.head:
        this.hold(layer, -ofText(layer.head?.head))
        layer.head = cursor.head()
        this.hold(layer, ofText(layer.head.head))
        this.turn(layer, layer.head.generation)
        break
      default:
        assert(cursor.kind === Record.Kind.gone, "a record tells of keys and their elements")
        this.hold(layer, -ofText(layer.head?.head))
        layer.head = undefined
        this.turn(layer, 0)
    }
  }

  /** Elements of another generation than this are garbage, once they are folded. */
  private turn(layer: Layer, generation: number): void {
    if (layer.generation === generation) return
    if (layer.elements !== undefined) this.garbage(Stored.elementsOf(layer.database, layer.name, layer.generation))
    this.hold(layer, -layer.elementsBytes)
    layer.elementsBytes = 0
    layer.elements = undefined
    layer.generation = generation
  }
}

const placeOf = (database: number, isHash: boolean): number => 2 * database + (isHash ? 1 : 0)
