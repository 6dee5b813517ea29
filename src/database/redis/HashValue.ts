/**
 * HashValue: fields and their values. Each field is an element of what is stored, under its name.
 *
 * The encoding is only a name here: what Redis would say, which goes from `listpack` to `hashtable` at the configured bounds and never back.
 */
import * as Footprint from "./Footprint.ts"
import { Table } from "./Table.ts"
import { TableChanges } from "./TableChanges.ts"
import type { ElementSink, Value } from "./Value.ts"

const small = "s"
const large = "l"

const same = (value: string): string => value

export class HashValue implements Value {
  readonly type = "hash"
  /** To be read; it is changed by the methods below. */
  readonly fields: Table<string>
  /** What Redis holds in a listpack: its fields keep the order in which they came, while they are few. */
  isSmall = true
  /** The longest field or value that was put in, in bytes. */
  private widestBytes = 0
  /** Of all fields and values, as they lie in memory. */
  private textBytes = 0
  private readonly changes = new TableChanges()

  constructor(fields: Table<string> = new Table()) {
    this.fields = fields
  }

  /** As it was stored. */
  static load(head: string, elements: Iterable<readonly [sub: string, bytes: string]>): HashValue {
    const value = new HashValue()
    for (const [field, text] of elements) value.set(field, text)
    value.isSmall = head === small
    value.changes.begin()
    return value
  }

  get size(): number {
    return this.fields.size
  }

  get encoding(): string {
    return this.isSmall ? "listpack" : "hashtable"
  }

  get heldBytes(): number {
    return Footprint.fixedBytes.hash + this.fields.size * Footprint.elementBytes.hash + this.textBytes
  }

  get(field: string): string | undefined {
    return this.fields.get(field)
  }

  /** Returns whether the field is new. */
  set(field: string, value: string): boolean {
    if (field.length > this.widestBytes) this.widestBytes = field.length
    if (value.length > this.widestBytes) this.widestBytes = value.length
    this.changes.note(field)
    const { fields } = this
    const position = fields.position(field)
    if (position >= 0) {
      this.textBytes += Footprint.ofText(value.length) - Footprint.ofText(fields.valueAt(position).length)
      fields.setAt(position, value)
      return false
    }
    this.textBytes += Footprint.ofText(field.length) + Footprint.ofText(value.length)
    fields.add(field, value)
    return true
  }

  delete(field: string): boolean {
    const { fields } = this
    const position = fields.position(field)
    if (position < 0) return false
    this.textBytes -= Footprint.ofText(field.length) + Footprint.ofText(fields.valueAt(position).length)
    fields.deleteAt(position)
    this.changes.note(field)
    return true
  }

  /** Names the encoding after changes: above either bound it is the large one from now on. */
  settle(entriesMax: number, bytesMax: number): void {
    if (this.isSmall && (this.fields.size > entriesMax || this.widestBytes > bytesMax)) this.isSmall = false
  }

  head(): string {
    return this.isSmall ? small : large
  }

  persist(sink: ElementSink, whole: boolean): void {
    this.changes.persist(this.fields, sink, whole, same)
  }

  clone(): HashValue {
    const copy = new HashValue(this.fields.clone())
    copy.isSmall = this.isSmall
    copy.widestBytes = this.widestBytes
    copy.textBytes = this.textBytes
    return copy
  }
}
