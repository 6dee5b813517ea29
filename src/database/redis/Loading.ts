/**
 * Loading: entries out of what is stored, key by key in the order of the keyspace. Elements of earlier generations, and of keys that are gone, are
 * garbage that was not cleared: they are told of, and not loaded.
 */
import { Entry } from "./Entry.ts"
import { HashValue } from "./HashValue.ts"
import { ListValue } from "./ListValue.ts"
import { SetValue } from "./SetValue.ts"
import { SortedSetValue } from "./SortedSetValue.ts"
import * as Stored from "./Stored.ts"
import { StreamValue } from "./StreamValue.ts"
import { StringValue } from "./StringValue.ts"
import type { Content, Type, Value } from "./Value.ts"

type Elements = Array<readonly [sub: string, bytes: string]>

type Load = (head: string, elements: Elements) => Value

const loads: Readonly<Record<Type, Load>> = {
  string: (head, elements) => StringValue.load(head, elements),
  list: (head, elements) => ListValue.load(head, elements),
  set: (head, elements) => SetValue.load(head, elements),
  zset: (head, elements) => SortedSetValue.load(head, elements),
  hash: (head, elements) => HashValue.load(head, elements),
  stream: (head, elements) => StreamValue.load(head, elements)
}

/** Digits that a number prints the same way. */
const isNumber = /^(?:0|-?[1-9]\d{0,14})$/

const contentOf = (text: string): Content => (isNumber.test(text) ? Number(text) : text)

interface Pending {
  readonly database: number
  readonly name: string
  readonly head: Stored.Head
  /** What its elements begin with. */
  readonly prefix: Uint8Array
  readonly elements: Elements
}

export interface Parts {
  /** Milliseconds of the wall clock. */
  readonly now: number
  readonly loaded: (entry: Entry) => void
  /** What all elements of a generation that is not in use begin with. */
  readonly garbage: (prefix: Uint8Array) => void
}

const begins = (key: Uint8Array, prefix: Uint8Array): boolean => {
  if (key.length <= prefix.length) return false
  for (let i = prefix.length - 1; i >= 0; i--) if (key[i] !== prefix[i]) return false
  return true
}

export class Loading {
  private pending: Pending | undefined
  /** The last garbage that was told of. */
  private garbage: Uint8Array | undefined
  private readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** The next key of the keyspace. */
  take(key: Uint8Array, value: Uint8Array): void {
    const { pending } = this
    if (pending !== undefined && begins(key, pending.prefix)) {
      pending.elements.push(Stored.decodeElement(pending.prefix, key, value))
      return
    }
    if (this.garbage !== undefined && begins(key, this.garbage)) return
    const place = Stored.placeOf(key)
    if (place?.type === "element") {
      this.garbage = place.elements
      this.parts.garbage(place.elements)
    } else if (place !== undefined) {
      this.finish()
      const { database } = place
      const { head, name } = Stored.decodeHead(value, place.name)
      const prefix = Stored.elementsOf(database, name, head.generation)
      this.pending = { database, name, head, prefix, elements: [] }
    }
  }

  /** There are no more keys. */
  finish(): void {
    const { pending } = this
    if (pending === undefined) return
    this.pending = undefined
    const { database, elements, head, name } = pending
    const { loaded, now } = this.parts
    const content = head.isInline ? contentOf(head.head) : loads[head.type](head.head, elements)
    const entry = new Entry(name, database, content, now)
    entry.expiresAt = head.expiresAt
    entry.generation = head.generation
    entry.isStored = true
    if (head.generation !== 0) entry.stored = content
    loaded(entry)
  }
}
