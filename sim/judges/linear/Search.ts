/**
 * The search for a linearization of one part: Wing and Gong (1993) with the state caching of Lowe (2017) and the linked
 * list of Porcupine, iterative. A configuration is how many completions are behind it, the model's state, and which open
 * operations have taken effect; each is visited once.
 *
 * At a configuration, `next` is the operation whose completion comes first among those that have not taken effect: every
 * operation called before that completion may take effect now. What keeps the tree small, each loses no verdict:
 *   - a read that fits and changes nothing takes effect at once (moving it forward to there changes no state);
 *   - of open operations of one kind only the first to return is tried (they can be swapped);
 *   - of operations that touch nothing in common, only those tied to `next` are tried: any other could as well come later
 *     (persistent sets, Godefroid 1996);
 *   - an operation that may never have happened is not taken where it changes nothing, nor where the next one hides it
 *     (leaving it out leads to the same state with more still open);
 *   - `next` is tried first, operations that may never have happened last.
 *
 * Time and memory are bounded by the budget; at its end the outcome is `undecided`. All numbers are integers in typed
 * arrays; memory is about 24 bytes an operation and 30 a configuration.
 */
import { Prng } from "#base/Prng.ts"
import { type Automaton, refused } from "./Automaton.ts"
import { Configurations } from "./Configurations.ts"
import { never } from "./Entries.ts"
import type { Problem } from "./Problem.ts"

export interface Limits {
  readonly configurationsMax: number
  readonly memoryBytesMax: number
  /** Polled now and then: true when the time is over. */
  readonly expired: () => boolean
}

export type Outcome =
  | { readonly type: "linearized"; readonly order: Int32Array; readonly configurations: number }
  | {
      readonly type: "refused"
      readonly configurations: number
      /** The operation whose completion no linearization reaches. */
      readonly stuck: number
      readonly partials: ReadonlyArray<Partial>
    }
  | {
      readonly type: "undecided"
      readonly configurations: number
      readonly reason: "configurations" | "memory" | "time"
    }

/** A linearization that reaches as far as any does and then fits nothing more. */
export interface Partial {
  readonly order: Int32Array
  /** The automaton's state after it. */
  readonly state: number
}

const pollEvery = 1024
const deadEndsMax = 64
/** How many operations of a kind are looked at for one that is open; missing one costs time, never a verdict. */
const twinStepsMax = 64
const partialsMax = 8
/** All partial linearizations together, so that a refusal of millions stays small. */
const partialOperationsMax = 8_000_000

export class Search {
  private readonly problem: Problem
  private readonly automaton: Automaton<any, any, any>
  private readonly initial: number
  private readonly configurations: Configurations
  /**
   * Two rings of the operations that have not taken effect, by call: node operation + 1. Node 0 heads those that
   * completed, node count + 1 those that never did.
   */
  private readonly following: Int32Array
  private readonly preceding: Int32Array
  private readonly done: Uint8Array
  private readonly bits: Int32Array
  private readonly randomOfSlot: Int32Array
  private bitsHash = 0
  /** The linearization so far. */
  private readonly order: Int32Array
  private orderLength = 0
  /** Completions behind. */
  private passed = 0
  private frameState: Int32Array
  private framePassed: Int32Array
  private frameOrder: Int32Array
  private frameTried: Int32Array
  private frameRecord: Int32Array
  private frameTouched: Int32Array
  private frameLive: Uint8Array
  private depth = 0
  private furthest = -1
  private deadEnds: Array<{ readonly record: number; readonly length: number }> = []

  /** The search begins in the model's first state unless another is given. */
  constructor(problem: Problem, automaton: Automaton<any, any, any>, initial = automaton.initial()) {
    const { count, words } = problem
    this.initial = initial
    this.problem = problem
    this.automaton = automaton
    this.configurations = new Configurations(words)
    this.following = new Int32Array(count + 2)
    this.preceding = new Int32Array(count + 2)
    this.done = new Uint8Array(count)
    this.bits = new Int32Array(words)
    this.randomOfSlot = words === 1 ? firstRandoms : randoms(words * 32)
    this.order = new Int32Array(count)
    this.frameState = new Int32Array(64)
    this.framePassed = new Int32Array(64)
    this.frameOrder = new Int32Array(64)
    this.frameTried = new Int32Array(64)
    this.frameRecord = new Int32Array(64)
    this.frameTouched = new Int32Array(64)
    this.frameLive = new Uint8Array(64)
    this.following[count + 1] = count + 1
    this.preceding[count + 1] = count + 1
    for (let operation = 0; operation < count; operation += 1) {
      const head = problem.returns[operation] === never ? count + 1 : 0
      const last = this.preceding[head]!
      this.following[last] = operation + 1
      this.preceding[operation + 1] = last
      this.following[operation + 1] = head
      this.preceding[head] = operation + 1
    }
  }

  /** Searches on from where the last call ended undecided. */
  run(limits: Limits): Outcome {
    const { automaton, problem } = this
    const { kinds } = problem
    if (this.depth === 0 && this.enter(this.initial, -1, -1)) return this.linearized()
    for (;;) {
      const record = this.configurations.size
      if (record >= limits.configurationsMax) return this.undecided("configurations")
      if (record % pollEvery === 0) {
        if (limits.expired()) return this.undecided("time")
        if (this.sizeBytes > limits.memoryBytesMax) return this.undecided("memory")
      }
      for (;;) {
        if (this.depth === 0) return this.refuse()
        const top = this.depth - 1
        const operation = this.candidate(top)
        if (operation < 0) {
          this.pop()
          continue
        }
        const next = automaton.step(this.frameState[top]!, kinds[operation]!)
        if (next === refused || this.needless(top, operation, next)) continue
        this.frameLive[top] = 1
        this.take(operation)
        if (this.enter(next, this.frameRecord[top]!, operation)) return this.linearized()
        break
      }
    }
  }

  /** The operation whose completion no linearization has reached so far. */
  get stuck(): number {
    return this.problem.completed[this.furthest]!
  }

  /** Goes to a configuration, and back where it was visited before; true when nothing is left to explain. */
  private enter(state: number, parent: number, chosen: number): boolean {
    this.takeReads(state)
    if (this.passed === this.problem.completed.length) return true
    const record = this.configurations.insert(this.bitsHash, this.passed, state, this.bits, parent, chosen)
    if (record < 0) this.rewind()
    else this.push(state, record)
    return false
  }

  private linearized(): Outcome {
    const order = this.order.slice(0, this.orderLength)
    return { type: "linearized", order, configurations: this.configurations.size }
  }

  private get sizeBytes(): number {
    const { count } = this.problem
    return this.configurations.sizeBytes + this.automaton.sizeBytes + count * 44 + this.frameState.length * 25
  }

  private undecided(reason: "configurations" | "memory" | "time"): Outcome {
    return { type: "undecided", configurations: this.configurations.size, reason }
  }

  /** Lets every open read take effect that fits, and moves past the completions of what has taken effect. */
  private takeReads(state: number): void {
    const { automaton, following, done } = this
    const { calls, returns, kinds, reads, completed, slots } = this.problem
    let node = following[0]!
    while (this.passed < completed.length) {
      const next = completed[this.passed]!
      if (done[next] === 0) {
        const limit = returns[next]!
        while (node !== 0 && calls[node - 1]! < limit) {
          const operation = node - 1
          node = following[node]!
          if (reads[operation] === 1 && automaton.step(state, kinds[operation]!) === state) this.take(operation)
        }
        if (done[next] === 0) return
      }
      this.toggle(slots[next]!)
      this.passed += 1
    }
  }

  /** The next operation to try at the top configuration, or -1. */
  private candidate(top: number): number {
    const { following } = this
    const { calls, returns, kinds, completed, touches, separable, count } = this.problem
    const next = completed[this.passed]!
    const tried = this.frameTried[top]!
    if (tried === -1) {
      this.frameTried[top] = next
      return next
    }
    const limit = returns[next]!
    if (tried === next && separable) this.frameTouched[top] = this.tiedTo(next, limit)
    const touched = this.frameTouched[top]!
    let node = tried === next ? following[0]! : following[tried + 1]!
    for (;;) {
      if (node === count + 1) return -1
      if (node === 0) {
        node = following[count + 1]!
        continue
      }
      const operation = node - 1
      if (calls[operation]! > limit) {
        if (returns[operation] === never) return -1
        node = 0
        continue
      }
      node = following[node]!
      if (operation === next || kinds[operation] === kinds[next] || (touches[operation]! & touched) === 0) continue
      if (this.twinIsOpen(operation, limit)) continue
      this.frameTried[top] = operation
      return operation
    }
  }

  /** Whether an open operation of the same kind returns before this one. */
  private twinIsOpen(operation: number, limit: number): boolean {
    const { calls, returns, twins } = this.problem
    const steps = returns[operation] === never ? 1 : twinStepsMax
    let twin = twins[operation]!
    // Whatever returns before the limit has taken effect.
    for (let step = 0; step < steps && twin >= 0 && returns[twin]! >= limit; step += 1) {
      if (this.done[twin] === 0 && calls[twin]! < limit) return true
      twin = twins[twin]!
    }
    return false
  }

  /** What the open operations touch that are tied to `next` by common keys, directly or through others. */
  private tiedTo(next: number, limit: number): number {
    const { following } = this
    const { calls, touches, count } = this.problem
    let touched = touches[next]!
    for (;;) {
      const before = touched
      for (const head of [0, count + 1]) {
        for (let node = following[head]!; node !== head && calls[node - 1]! < limit; node = following[node]!) {
          if ((touches[node - 1]! & touched) !== 0) touched |= touches[node - 1]!
        }
      }
      if (touched === before) return touched
    }
  }

  /** Taking an operation that may never have happened where leaving it out serves as well. */
  private needless(top: number, operation: number, next: number): boolean {
    const { returns, kinds } = this.problem
    if (returns[operation] === never && next === this.frameState[top]) return true
    if (top === 0 || this.orderLength !== this.frameOrder[top - 1]! + 1) return false
    const before = this.order[this.orderLength - 1]!
    return returns[before] === never && this.automaton.step(this.frameState[top - 1]!, kinds[operation]!) === next
  }

  private take(operation: number): void {
    const { following, preceding } = this
    const node = operation + 1
    following[preceding[node]!] = following[node]!
    preceding[following[node]!] = preceding[node]!
    this.done[operation] = 1
    this.order[this.orderLength] = operation
    this.orderLength += 1
    this.toggle(this.problem.slots[operation]!)
  }

  private toggle(slot: number): void {
    this.bits[slot >>> 5] = this.bits[slot >>> 5]! ^ (1 << (slot & 31))
    this.bitsHash ^= this.randomOfSlot[slot]!
  }

  /** Back to the top configuration. Toggles commute, so their order does not matter. */
  private rewind(): void {
    const top = this.depth - 1
    const passed = top < 0 ? 0 : this.framePassed[top]!
    const length = top < 0 ? 0 : this.frameOrder[top]!
    const { following, preceding } = this
    const { completed, slots } = this.problem
    while (this.passed > passed) {
      this.passed -= 1
      this.toggle(slots[completed[this.passed]!]!)
    }
    while (this.orderLength > length) {
      this.orderLength -= 1
      const operation = this.order[this.orderLength]!
      const node = operation + 1
      following[preceding[node]!] = node
      preceding[following[node]!] = node
      this.done[operation] = 0
      this.toggle(slots[operation]!)
    }
  }

  private push(state: number, record: number): void {
    const top = this.depth
    if (top === this.frameState.length) this.widen()
    this.frameState[top] = state
    this.framePassed[top] = this.passed
    this.frameOrder[top] = this.orderLength
    this.frameTried[top] = -1
    this.frameRecord[top] = record
    this.frameTouched[top] = -1
    this.frameLive[top] = 0
    this.depth += 1
    if (this.passed > this.furthest) {
      this.furthest = this.passed
      this.deadEnds = []
    }
  }

  private pop(): void {
    const top = this.depth - 1
    if (this.frameLive[top] === 0 && this.passed === this.furthest && this.deadEnds.length < deadEndsMax) {
      this.deadEnds.push({ record: this.frameRecord[top]!, length: this.orderLength })
    }
    this.depth -= 1
    this.rewind()
  }

  private widen(): void {
    const length = this.frameState.length * 2
    const wider = (old: Int32Array): Int32Array => {
      const fresh = new Int32Array(length)
      fresh.set(old)
      return fresh
    }
    this.frameState = wider(this.frameState)
    this.framePassed = wider(this.framePassed)
    this.frameOrder = wider(this.frameOrder)
    this.frameTried = wider(this.frameTried)
    this.frameRecord = wider(this.frameRecord)
    this.frameTouched = wider(this.frameTouched)
    const live = new Uint8Array(length)
    live.set(this.frameLive)
    this.frameLive = live
  }

  /** What a refusal looks like, as far as the search has come; it ends the search. */
  refuse(): Extract<Outcome, { readonly type: "refused" }> {
    while (this.depth > 0) this.pop()
    const longest = this.deadEnds.toSorted((left, right) => right.length - left.length || left.record - right.record)
    const fitting = Math.min(partialsMax, Math.ceil(partialOperationsMax / (this.problem.count + 1)))
    const partials = longest.slice(0, fitting).map(({ record }) => ({
      order: this.replay(this.configurations.path(record)),
      state: this.configurations.state(record)
    }))
    return { type: "refused", configurations: this.configurations.size, stuck: this.stuck, partials }
  }

  /** The linearization that a path of choices stands for, with the reads that took effect on the way. */
  private replay(path: ReadonlyArray<number>): Int32Array {
    let state = this.initial
    this.takeReads(state)
    for (const operation of path) {
      state = this.automaton.step(state, this.problem.kinds[operation]!)
      this.take(operation)
      this.takeReads(state)
    }
    const order = this.order.slice(0, this.orderLength)
    this.rewind()
    return order
  }
}

/** The same numbers in every search: hashing needs spread, not secrecy. */
const randoms = (count: number): Int32Array => {
  const prng = new Prng(0x9e3779b9, 0x243f6a88, 0xb7e15162, 1)
  const numbers = new Int32Array(count)
  for (let warm = 0; warm < 12; warm += 1) prng.next()
  for (let index = 0; index < count; index += 1) numbers[index] = prng.next()
  return numbers
}

/** Most parts have no more than 32 operations open at a time. */
const firstRandoms: Int32Array = randoms(32)
