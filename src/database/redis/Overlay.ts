/**
 * Overlay: what records say of each key, the last of them: laid over what is stored of it when it is loaded. A record tells of a key's elements
 * before it tells of the key itself, and always does both.
 */
import { assert } from "#base/Assert.ts"
import * as Latin1 from "#base/Latin1.ts"
import * as Footprint from "./Footprint.ts"
import * as Record from "./Record.ts"
import * as Stored from "./Stored.ts"
import { Table } from "./Table.ts"

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
  /** It lies over what is stored. */
  isUsed = false
  /** What its texts take of memory, about: those that were replaced since count, too. */
  heldBytes = 0

  constructor(database: number, name: string) {
    this.database = database
    this.name = name
  }
}

/** A layer, its head, and its place in the table; an element in its map. */
const layerBytes = 180
const elementBytes = 60

export class Overlay {
  /** What it takes of memory beside what is loaded, about. */
  heldBytes = 0
  /** By number, which database it is: a byte each; undefined: no record says. */
  databases: Uint8Array | undefined
  /** By database, as keys are named there, and then by hashes of long names. */
  private readonly layers: Array<Table<Layer> | undefined> = []
  private readonly garbage: (prefix: Uint8Array) => void

  /** `garbage` hears of what elements begin with that only records have, and that are of earlier generations. */
  constructor(garbage: (prefix: Uint8Array) => void) {
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
      if (layer === undefined || layer.name !== name || layer.database !== database)
        layer = this.layerOf(database, name)
      this.lay(layer, cursor)
    }
  }

  /** What lies over a key, which has its texts from now on; `isHash`: it is long, and this the hash of its name. */
  use(database: number, name: string, isHash: boolean): Layer | undefined {
    const layer = this.layers[placeOf(database, isHash)]?.get(name)
    if (layer !== undefined) this.handOver(layer)
    return layer
  }

  /** Those that lie over nothing that is stored. */
  *unused(): Generator<Layer> {
    for (const table of this.layers) {
      for (let i = 0; i < (table?.size ?? 0); i++) {
        const layer = table!.valueAt(i)
        if (layer.isUsed) continue
        this.handOver(layer)
        yield layer
      }
    }
  }

  private handOver(layer: Layer): void {
    layer.isUsed = true
    this.heldBytes -= layer.heldBytes
  }

  private layerOf(database: number, name: string): Layer {
    const isHash = Stored.isHashed(name)
    const table = (this.layers[placeOf(database, isHash)] ??= new Table<Layer>())
    const id = isHash ? Stored.hashOf(name) : name
    const position = table.position(id)
    if (position >= 0) return table.valueAt(position)
    const layer = new Layer(database, name)
    table.add(id, layer)
    this.heldBytes += layerBytes
    this.hold(layer, Footprint.ofText(name.length))
    return layer
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
        ;(layer.elements ??= new Map()).set(cursor.sub, content)
        this.hold(layer, elementBytes + Footprint.ofText(cursor.sub.length) + Footprint.ofText(content?.length ?? 0))
        break
      }
      case Record.Kind.head:
        layer.head = cursor.head()
        this.hold(layer, Footprint.ofText(layer.head.head.length))
        this.turn(layer, layer.head.generation)
        break
      default:
        assert(cursor.kind === Record.Kind.gone, "a record tells of keys and their elements")
        layer.head = undefined
        this.turn(layer, 0)
    }
  }

  /** Elements of another generation than this are garbage, once they are folded. */
  private turn(layer: Layer, generation: number): void {
    if (layer.generation === generation) return
    if (layer.elements !== undefined) this.garbage(Stored.elementsOf(layer.database, layer.name, layer.generation))
    layer.elements = undefined
    layer.generation = generation
  }
}

const placeOf = (database: number, isHash: boolean): number => 2 * database + (isHash ? 1 : 0)
