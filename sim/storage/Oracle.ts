/**
 * Oracle: what an engine may show, from what was asked of it so far. It holds the state after each batch that was submitted, as
 * the specification (`OrderedMap`) has it, and knows which of them may be visible, and which must be durable.
 *
 * A view is a set of candidates: states that reads so far agree with. A read that agrees with none of them is a violation.
 * What was seen of a synced batch is durable: a synced batch is not visible before that.
 */
import * as OrderedMap from "#models/OrderedMap.ts"
import { show } from "./Token.ts"

export type Change =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "delete"; readonly key: Uint8Array }
  | { readonly type: "range"; readonly from: Uint8Array; readonly to: Uint8Array }

export const after = (map: OrderedMap.OrderedMap, changes: ReadonlyArray<Change>): OrderedMap.OrderedMap =>
  changes.reduce(
    (held, change) =>
      change.type === "put"
        ? OrderedMap.put(held, change.key, change.value)
        : change.type === "delete"
          ? OrderedMap.remove(held, change.key)
          : OrderedMap.removeRange(held, change.from, change.to),
    map
  )

/** A broken promise, in words. */
export class Violation extends Error {
  override readonly name = "Violation"
}

/** How two states differ, in words: the first few keys. */
const difference = (found: OrderedMap.OrderedMap, expected: OrderedMap.OrderedMap): ReadonlyArray<string> => {
  const words: Array<string> = []
  for (const { key, value } of expected) {
    const other = OrderedMap.get(found, key)
    if (other === undefined) words.push(`${show(key)} is missing`)
    else if (OrderedMap.compare(other, value) !== 0)
      words.push(`${show(key)} is ${show(other)} instead of ${show(value)}`)
  }
  for (const { key, value } of found) {
    if (OrderedMap.get(expected, key) === undefined) words.push(`${show(key)} is ${show(value)} instead of nothing`)
  }
  return words
}

/** The states that a reader may see. */
export interface View {
  candidates: ReadonlyArray<number>
}

interface Submitted {
  readonly changes: ReadonlyArray<Change>
  readonly synced: boolean
  refused: boolean
}

export class Oracle {
  /** `states[n]`: after the first n batches. */
  private states: Array<OrderedMap.OrderedMap>
  private batches: Array<Submitted> = []
  /** Batches that are durable for certain; visible for certain. */
  private durable = 0
  private visible = 0

  constructor(initial: OrderedMap.OrderedMap = OrderedMap.empty) {
    this.states = [initial]
  }

  fork(): Oracle {
    const fork = new Oracle()
    fork.states = [...this.states]
    fork.batches = this.batches.map((batch) => ({ ...batch }))
    fork.durable = this.durable
    fork.visible = this.visible
    return fork
  }

  /** A batch was handed to the engine; returns its number. */
  submit(changes: ReadonlyArray<Change>, durability: "synced" | "buffered"): number {
    this.batches.push({ changes, synced: durability === "synced", refused: false })
    this.states.push(after(this.states.at(-1)!, changes))
    return this.batches.length - 1
  }

  /** It completed: visible, and durable where it was to be. */
  completed(batch: number): void {
    this.visible = Math.max(this.visible, batch + 1)
    if (this.batches[batch].synced) this.durable = Math.max(this.durable, batch + 1)
  }

  /** It was refused: it has not happened, and will not. */
  refused(batch: number): void {
    this.batches[batch].refused = true
    for (let at = batch; at < this.batches.length; at++) {
      const { changes, refused } = this.batches[at]
      this.states[at + 1] = refused ? this.states[at] : after(this.states[at], changes)
    }
  }

  /** How many batches were submitted: what a sync that is submitted now makes durable. */
  get submitted(): number {
    return this.batches.length
  }

  /** What an opening is held against, as text: equal for oracles that accept the same. */
  get demands(): string {
    const states = this.statesFrom(this.durable).map((state) =>
      this.states[state].map(({ key, value }) => `${show(key)}=${show(value)}`).join()
    )
    return [...new Set(states)].join("|")
  }

  /** The first `count` batches are durable. */
  synced(count: number): void {
    this.durable = Math.max(this.durable, count)
    this.visible = Math.max(this.visible, count)
  }

  /** What a reader who comes now may see. */
  view(): View {
    return { candidates: this.statesFrom(this.visible) }
  }

  private statesFrom(first: number): ReadonlyArray<number> {
    return Array.from({ length: this.states.length - first }, (_, index) => first + index)
  }

  /** A reader of a view saw something: `agrees` says whether a state gives that. False: none does. */
  saw(view: View, agrees: (map: OrderedMap.OrderedMap) => boolean): boolean {
    const left = view.candidates.filter((candidate) => agrees(this.states[candidate]))
    if (left.length === 0) return false
    view.candidates = left
    // Whatever it was, it was visible; and what is visible of synced batches is durable.
    const seen = left[0]
    this.visible = Math.max(this.visible, seen)
    const synced = this.batches.slice(0, seen).findLastIndex((batch) => batch.synced && !batch.refused)
    this.durable = Math.max(this.durable, synced + 1)
    return true
  }

  /** The latest of the states that a view may be of, for words. */
  latest(view: View): OrderedMap.OrderedMap {
    return this.states[view.candidates.at(-1)!]
  }

  /**
   * The engine was opened again, after a crash or a close, and shows this. Throws a `Violation` unless it is the effect of
   * a prefix that contains what was durable; else that prefix is what there is from now on. `lostMax`: this many
   * of the last durable batches may be lost, because damage to the end of a log cannot be told from its end.
   */
  recovered(found: OrderedMap.OrderedMap, lostMax = 0): void {
    const first = Math.max(0, this.durable - lostMax)
    const prefix = this.statesFrom(first).find((state) => OrderedMap.equal(this.states[state], found))
    if (prefix === undefined) throw new Violation(this.explain(found, first))
    this.restart(found)
  }

  private restart(found: OrderedMap.OrderedMap): void {
    this.states = [found]
    this.batches = []
    this.durable = this.visible = 0
  }

  private explain(found: OrderedMap.OrderedMap, first: number): string {
    const range = `${this.batches.length} batches were submitted, the first ${this.durable} are durable`
    const earlier = this.states.findIndex((state) => OrderedMap.equal(state, found))
    if (earlier >= 0) return `${range}: only ${earlier} are there`
    const nearest = this.statesFrom(first)
      .map((state) => ({ state, words: difference(found, this.states[state]) }))
      .reduce((best, other) => (other.words.length < best.words.length ? other : best))
    const words = nearest.words.slice(0, 3).join(", ")
    return `${range}: what is there is the effect of no prefix; nearest to ${nearest.state}, but ${words}`
  }

  /** Fails unless the state is the one that a view may be of. */
  mustSee(view: View, what: string, found: OrderedMap.OrderedMap): void {
    if (this.saw(view, (map) => OrderedMap.equal(map, found))) return
    throw new Violation(`${what}: ${difference(found, this.latest(view)).slice(0, 3).join(", ")}`)
  }
}
