/**
 * Loading: entries out of what is stored, key by key in the order of the keyspace, with what records say of them laid over it. Elements of earlier
 * generations, and of keys that are gone, are garbage that was not cleared: they are told of, and not loaded.
 */
import { HashValue } from "./HashValue.ts"
import { ListValue } from "./ListValue.ts"
import type { Changed, DatabaseAt, Layer, Overlay } from "./Overlay.ts"
import { SetValue } from "./SetValue.ts"
import { SortedSetValue } from "./SortedSetValue.ts"
import * as Stored from "./Stored.ts"
import { StreamValue } from "./StreamValue.ts"
import * as StringValue from "./StringValue.ts"
import type { Type, Value } from "./Value.ts"

type Elements = Array<readonly [sub: string, bytes: string]>

type Load = (head: string, elements: Elements) => Value

const loads: Readonly<Record<Type, Load>> = {
  string: (head, elements) => StringValue.StringValue.load(head, elements),
  list: (head, elements) => ListValue.load(head, elements),
  set: (head, elements) => SetValue.load(head, elements),
  zset: (head, elements) => SortedSetValue.load(head, elements),
  hash: (head, elements) => HashValue.load(head, elements),
  stream: (head, elements) => StreamValue.load(head, elements)
}

/** A key, and all that is stored under it. */
interface Group {
  /** What its own key is, and those of its elements begin with. */
  readonly key: Uint8Array
  readonly database: number
  readonly name: string
  /** undefined: it is gone, and what is left of it garbage. */
  readonly head: Stored.Head | undefined
  readonly changed: Changed | undefined
  /** What the elements begin with that count; made for the first one. */
  prefix: Uint8Array | undefined
  readonly elements: Elements
}

export interface Parts {
  readonly databaseAt: DatabaseAt
  readonly overlay: Overlay
  /** What all elements of a generation that is not in use begin with. */
  readonly garbage: (prefix: Uint8Array) => void
}

const begins = (key: Uint8Array, prefix: Uint8Array): boolean => {
  if (key.length <= prefix.length) return false
  for (let i = prefix.length - 1; i >= 0; i--) if (key[i] !== prefix[i]) return false
  return true
}

const needsOrder = (type: Type): boolean => type === "list" || type === "stream"

/** Elements as they are stored, with changes laid over them. */
const laid = (type: Type, stored: Elements, changed: Changed): Elements => {
  const elements = stored.filter(([sub]) => !changed.has(sub))
  for (const [sub, bytes] of changed) if (bytes !== undefined) elements.push([sub, bytes])
  return needsOrder(type) ? elements.sort(([left], [right]) => (left < right ? -1 : 1)) : elements
}

export class Loading {
  private group: Group | undefined
  /** The last garbage that was told of. */
  private garbage: Uint8Array | undefined
  private readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** The next key of the keyspace. */
  take(key: Uint8Array, value: Uint8Array): void {
    if (this.group !== undefined && begins(key, this.group.key)) return this.element(this.group, key, value)
    this.finish()
    const place = Stored.placeOf(key)
    if (place === undefined) return
    const { database, isElement, isHash, keyBytes } = place
    const { overlay } = this.parts
    const layer = overlay.take(database, place.name, isHash)
    if (layer !== undefined) this.begin(key.subarray(0, keyBytes), layer)
    else if (isElement || overlay.has(database, place.name, isHash))
      this.begin(key.subarray(0, keyBytes), { database, name: place.name, head: undefined })
    else this.begin(key, { database, ...Stored.decodeHead(value, place.name) })
    if (isElement) this.element(this.group!, key, value)
  }

  /** There are no more keys, or of this one. */
  finish(): void {
    const { group } = this
    if (group === undefined) return
    this.group = undefined
    const { changed, database, elements, head, name } = group
    if (head !== undefined) this.load(database, name, head, elements, changed)
  }

  /** A key that only records tell of. */
  layer({ database, elements, head, name }: Layer): void {
    if (head !== undefined) this.load(database, name, head, [], elements)
  }

  private begin(
    key: Uint8Array,
    { database, elements: changed, head, name }: Pick<Layer, "database" | "name" | "head"> & Partial<Layer>
  ): void {
    this.group = { key, database, name, head, changed, prefix: undefined, elements: [] }
  }

  private element(group: Group, key: Uint8Array, value: Uint8Array): void {
    const { elements, head } = group
    if (head !== undefined) {
      const prefix = (group.prefix ??= Stored.generationKey(group.key, head.generation))
      if (begins(key, prefix)) return void elements.push(Stored.decodeElement(prefix, key, value))
    }
    if (this.garbage !== undefined && begins(key, this.garbage)) return
    this.garbage = Stored.generationOf(key, group.key.length)
    this.parts.garbage(this.garbage)
  }

  private load(
    database: number,
    name: string,
    head: Stored.Head,
    stored: Elements,
    changed: Changed | undefined
  ): void {
    const { expiresAt, generation } = head
    const elements = changed === undefined ? stored : laid(head.type, stored, changed)
    const content = head.isInline ? StringValue.contentOf(head.head) : loads[head.type](head.head, elements)
    const entry = this.parts.databaseAt(database).restore(name, content, expiresAt)
    if (generation !== 0) entry.elements = { content, generation }
  }
}
