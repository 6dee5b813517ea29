/**
 * SetValue: members, each once. Each is an element of what is stored, without bytes.
 *
 * The encoding is only a name here, and an order: a set of few integers is an `intset`, whose members Redis gives in their order as numbers;
 * with anything else in it, or more of them, it is a `hashtable` and stays one.
 */
import * as Footprint from "./Footprint.ts"
import * as Integer64 from "./Integer64.ts"
import { Table } from "./Table.ts"
import { TableChanges } from "./TableChanges.ts"
import type { ElementSink, Value } from "./Value.ts"

const ofIntegers = "i"
const ofAnything = "h"

const nothing = (): string => ""

const compareDigits = (left: string, right: string): number =>
  left.length === right.length ? (left < right ? -1 : left > right ? 1 : 0) : left.length - right.length

/** Orders two integers by what they are, as text, because not all of them are exact numbers. */
export const compareIntegers = (left: string, right: string): number => {
  const isNegative = left.charCodeAt(0) === 0x2d
  if (isNegative !== (right.charCodeAt(0) === 0x2d)) return isNegative ? -1 : 1
  return isNegative ? compareDigits(right, left) : compareDigits(left, right)
}

export class SetValue implements Value {
  readonly type = "set"
  /** To be read; it is changed by the methods below. */
  readonly members: Table<true>
  /** What Redis holds in an intset. */
  isIntegers: boolean
  /** Of all members, as they lie in memory. */
  private textBytes = 0
  private readonly changes = new TableChanges()

  constructor(members: Table<true> = new Table(), isIntegers = true) {
    this.members = members
    this.isIntegers = isIntegers
  }

  /** As it was stored. */
  static load(head: string, elements: Iterable<readonly [sub: string, bytes: string]>): SetValue {
    const value = new SetValue(new Table(), head === ofIntegers)
    for (const [member] of elements) {
      value.members.add(member, true)
      value.textBytes += Footprint.ofText(member.length)
    }
    value.changes.begin()
    return value
  }

  get size(): number {
    return this.members.size
  }

  get encoding(): string {
    return this.isIntegers ? "intset" : "hashtable"
  }

  get heldBytes(): number {
    return Footprint.fixedBytes.set + this.members.size * Footprint.elementBytes.set + this.textBytes
  }

  has(member: string): boolean {
    return this.members.has(member)
  }

  /** Returns whether the member is new. */
  add(member: string): boolean {
    if (!this.members.set(member, true)) return false
    this.textBytes += Footprint.ofText(member.length)
    if (this.isIntegers && !Integer64.isCanonical(member)) this.isIntegers = false
    this.changes.note(member)
    return true
  }

  delete(member: string): boolean {
    if (!this.members.delete(member)) return false
    this.textBytes -= Footprint.ofText(member.length)
    this.changes.note(member)
    return true
  }

  /** Names the encoding after members were added: with more than so many it is the large one from now on. */
  settle(entriesMax: number): void {
    if (this.isIntegers && this.members.size > entriesMax) this.isIntegers = false
  }

  /** All members, in the order in which Redis gives those of an intset. */
  list(): Array<string> {
    const { members } = this
    const list: Array<string> = []
    for (let i = 0; i < members.size; i++) list.push(members.nameAt(i))
    return this.isIntegers ? list.sort(compareIntegers) : list
  }

  head(): string {
    return this.isIntegers ? ofIntegers : ofAnything
  }

  persist(sink: ElementSink, whole: boolean): void {
    this.changes.persist(this.members, sink, whole, nothing)
  }

  clone(): SetValue {
    const copy = new SetValue(this.members.clone(), this.isIntegers)
    copy.textBytes = this.textBytes
    return copy
  }
}
