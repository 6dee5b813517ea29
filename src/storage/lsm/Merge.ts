/**
 * Merge: many sources as one, in the order of their keys; of entries with one key the newer comes first. The sources stand
 * sorted by the entry that each is at, and the first one that moved goes back to where it belongs: entries of one source tend to
 * come in runs, and then that is one comparison.
 */
import { assert } from "#base/Assert.ts"
import type { Step } from "../Engine.ts"
import * as Keys from "../Keys.ts"
import type { Source } from "./Source.ts"

export class Merge<S extends Source> {
  /** Those that stand at an entry, in order. */
  private readonly sorted: Array<S> = []
  /** Those that have to step before anything can be said. */
  private readonly moving: Array<S>
  private readonly sign: number
  private started = false

  constructor(sources: ReadonlyArray<S>, options: { readonly reverse?: boolean } = {}) {
    this.moving = sources.slice()
    this.sign = options.reverse === true ? -1 : 1
  }

  /** The source that stands at the current entry. */
  get top(): S {
    return this.sorted[0]
  }

  /** The source that the last `wait` was of. */
  get waiting(): S {
    assert(this.moving.length > 0, "a merge waits for a source")
    return this.moving[this.moving.length - 1]
  }

  /** Moves to the next entry. After `wait` the same step is taken again. */
  next(): Step {
    if (this.moving.length === 0) {
      if (this.sorted.length === 0) return "end"
      if (this.started) {
        const first = this.sorted[0]
        const step = first.step()
        if (step === "entry") {
          this.sink(first)
          return "entry"
        }
        this.sorted.shift()
        if (step === "wait") this.moving.push(first)
      }
    }
    while (this.moving.length > 0) {
      const source = this.moving[this.moving.length - 1]
      const step = source.step()
      if (step === "wait") return "wait"
      this.moving.pop()
      if (step === "entry") {
        this.sorted.unshift(source)
        this.sink(source)
      }
    }
    this.started = true
    return this.sorted.length > 0 ? "entry" : "end"
  }

  /** Moves the first source behind those whose entries come before its own. */
  private sink(source: S): void {
    const { sorted } = this
    let at = 0
    while (at + 1 < sorted.length && this.isBefore(sorted[at + 1], source)) {
      sorted[at] = sorted[at + 1]
      at++
    }
    sorted[at] = source
  }

  private isBefore(a: S, b: S): boolean {
    if (a.prefix !== b.prefix) return (a.prefix - b.prefix) * this.sign < 0
    const order = Keys.compareIn(a.keys, a.keyFrom, a.keyTo, b.keys, b.keyFrom, b.keyTo)
    return order === 0 ? a.rank < b.rank : order * this.sign < 0
  }
}
