/**
 * Shelf: a sink of elements that keeps them, for tests of values: what lies on it is what a value would be loaded from. It refuses to remove what
 * is not there, and to take one element twice in one go.
 */
import { assert } from "#base/Assert.ts"
import type { ElementSink, Value } from "./Value.ts"

export class Shelf implements ElementSink {
  private readonly elements = new Map<string, string>()
  private readonly taken = new Set<string>()
  private head = ""
  /** Elements that the last `keep` wrote or removed. */
  changes = 0

  put(sub: string, bytes: string): void {
    assert(!this.taken.has(sub), "an element is written once in one go")
    this.taken.add(sub)
    this.elements.set(sub, bytes)
    this.changes += 1
  }

  remove(sub: string): void {
    assert(!this.taken.has(sub), "an element is not written and removed in one go")
    assert(this.elements.delete(sub), "what is removed was stored")
    this.taken.add(sub)
    this.changes += 1
  }

  /** Has a value store what has changed of it, or everything, on an empty shelf. */
  keep(value: Value, { whole }: { readonly whole: boolean }): void {
    if (whole) this.elements.clear()
    this.changes = 0
    this.taken.clear()
    value.persist(this, whole)
    this.head = value.head()
  }

  /** A value from what lies here. */
  load<A>(make: (head: string, elements: Iterable<readonly [sub: string, bytes: string]>) => A): A {
    return make(
      this.head,
      [...this.elements].sort(([left], [right]) => (left < right ? -1 : 1))
    )
  }
}
