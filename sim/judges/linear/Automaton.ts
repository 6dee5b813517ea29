/**
 * A model as a table of integers: states and kinds of operations are numbered when first met, each transition is computed
 * once. The search then compares and hashes integers only, whatever the model's states are (Knossos calls it memoization).
 */
import * as Model from "#models/Model.ts"

/** No state: the operation does not fit. */
export const refused = -1

/** Bytes counted for one state or kind beside its key: the thing itself, map and array entries. */
const entryBytes = 160

export class Automaton<State, Operation, Result> {
  readonly model: Model.Model<State, Operation, Result>
  private readonly states: Array<State> = []
  private readonly stateIds = new Map<Model.Key, number>()
  private readonly kinds = new Map<Model.Key, number>()
  private readonly operations: Array<Operation> = []
  private readonly results: Array<Result | Model.Unknown> = []
  private readonly reads: Array<boolean> = []
  /** Open addressing: triples of state + 1 (0 is free), kind, next state. */
  private capacity = 64
  private table = new Int32Array(3 * this.capacity)
  private used = 0
  private keyBytes = 0

  constructor(model: Model.Model<State, Operation, Result>) {
    this.model = model
  }

  /** What it holds, in bytes, counted from above for the table and estimated for the states. */
  get sizeBytes(): number {
    return this.table.byteLength + (this.states.length + this.operations.length) * entryBytes + this.keyBytes
  }

  initial(): number {
    return this.intern(this.model.init())
  }

  state(id: number): State {
    return this.states[id]!
  }

  /** The number of an operation's kind: operations of one kind step alike. */
  kind(operation: Operation, result: Result | Model.Unknown): number {
    const keyOf = this.model.operationKey
    if (keyOf !== undefined) {
      const key = keyOf(operation, result)
      const known = this.kinds.get(key)
      if (known !== undefined) return known
      this.kinds.set(key, this.operations.length)
      if (typeof key === "string") this.keyBytes += key.length * 2
    }
    this.operations.push(operation)
    this.results.push(result)
    this.reads.push(this.model.readOnly?.(operation, result) ?? false)
    return this.operations.length - 1
  }

  readOnly(kind: number): boolean {
    return this.reads[kind]!
  }

  describe(kind: number): string {
    return this.model.describe(this.operations[kind]!, this.results[kind]!)
  }

  /** The state after an operation of this kind, or `refused`. Constant time after the first call. */
  step(state: number, kind: number): number {
    const table = this.table
    const mask = this.capacity - 1
    let index = slotOf(state, kind) & mask
    for (;;) {
      const at = index * 3
      const present = table[at]!
      if (present === 0) return this.learn(state, kind)
      if (present === state + 1 && table[at + 1] === kind) return table[at + 2]!
      index = (index + 1) & mask
    }
  }

  private learn(state: number, kind: number): number {
    const stepped = this.model.step(this.states[state]!, this.operations[kind]!, this.results[kind]!)
    const next = stepped === undefined ? refused : this.intern(stepped)
    if (this.used * 2 >= this.capacity) this.grow()
    this.put(state, kind, next)
    this.used += 1
    return next
  }

  private put(state: number, kind: number, next: number): void {
    const mask = this.capacity - 1
    let index = slotOf(state, kind) & mask
    while (this.table[index * 3] !== 0) index = (index + 1) & mask
    this.table[index * 3] = state + 1
    this.table[index * 3 + 1] = kind
    this.table[index * 3 + 2] = next
  }

  private grow(): void {
    const old = this.table
    this.capacity *= 2
    this.table = new Int32Array(3 * this.capacity)
    for (let at = 0; at < old.length; at += 3) {
      if (old[at] !== 0) this.put(old[at]! - 1, old[at + 1]!, old[at + 2]!)
    }
  }

  private intern(state: State): number {
    const key = this.model.stateKey(state)
    const known = this.stateIds.get(key)
    if (known !== undefined) return known
    const id = this.states.length
    this.stateIds.set(key, id)
    this.states.push(state)
    if (typeof key === "string") this.keyBytes += key.length * 2
    return id
  }
}

const slotOf = (state: number, kind: number): number => {
  const mixed = Math.imul(state, 0x9e3779b1) ^ Math.imul(kind + 1, 0x85ebca6b)
  return Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) >>> 7
}
