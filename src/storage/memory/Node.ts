/**
 * Node: the nodes of an ordered tree. What a search compares lies side by side in one array of doubles (`Keys.prefixOf`); a
 * leaf holds the ids of its records, the newest version of each key, an inner node its children and what separates them.
 *
 * Separators are the shortest keys above everything to their left and not above anything to their right, copies of
 * their own: a record may go while its separator stays.
 */
export class Leaf {
  count = 0
  readonly prefixes: Float64Array
  readonly records: Uint32Array
  next: Leaf | undefined = undefined
  previous: Leaf | undefined = undefined
  /** Where the last entry was put in, and how many in a row were each put in right behind the last: a split keeps with such a run. */
  lastAt = -1
  run = 0

  constructor(fanOut: number) {
    this.prefixes = new Float64Array(fanOut)
    this.records = new Uint32Array(fanOut)
  }

  insert(at: number, prefix: number, record: number): void {
    const { count, prefixes, records } = this
    for (let i = count; i > at; i--) {
      prefixes[i] = prefixes[i - 1]
      records[i] = records[i - 1]
    }
    prefixes[at] = prefix
    records[at] = record
    this.count = count + 1
    this.run = at === this.lastAt + 1 ? this.run + 1 : 0
    this.lastAt = at
  }

  remove(at: number): void {
    const { count, prefixes, records } = this
    for (let i = at + 1; i < count; i++) {
      prefixes[i - 1] = prefixes[i]
      records[i - 1] = records[i]
    }
    this.count = count - 1
    this.run = 0
  }

  /** Leaves the first `count` entries. */
  cut(count: number): void {
    this.count = count
    this.run = 0
  }

  /** Moves the entries from `from` on behind those of `target`. */
  moveTo(target: Leaf, from: number): void {
    for (let i = from; i < this.count; i++) {
      target.prefixes[target.count] = this.prefixes[i]
      target.records[target.count++] = this.records[i]
    }
    this.count = from
    this.run = 0
  }

  /** Puts `right` behind this leaf. */
  link(right: Leaf): void {
    right.next = this.next
    right.previous = this
    if (this.next !== undefined) this.next.previous = right
    this.next = right
  }

  unlink(): void {
    if (this.previous !== undefined) this.previous.next = this.next
    if (this.next !== undefined) this.next.previous = this.previous
  }
}

export class Inner {
  /** Separator i stands between child i and child i + 1. */
  readonly prefixes: Float64Array
  readonly separators: Array<Uint8Array> = []
  readonly children: Array<Leaf | Inner> = []

  constructor(fanOut: number) {
    this.prefixes = new Float64Array(fanOut)
  }

  /** Puts a child right of child `at`, with the separator between them. */
  insert(at: number, prefix: number, separator: Uint8Array, child: Leaf | Inner): void {
    for (let i = this.separators.length; i > at; i--) this.prefixes[i] = this.prefixes[i - 1]
    this.prefixes[at] = prefix
    this.separators.splice(at, 0, separator)
    this.children.splice(at + 1, 0, child)
  }

  /** Removes child `at` with the separator on its left; of the first child, that on its right. */
  remove(at: number): void {
    const separator = at === 0 ? 0 : at - 1
    for (let i = separator + 1; i < this.separators.length; i++) this.prefixes[i - 1] = this.prefixes[i]
    this.separators.splice(separator, 1)
    this.children.splice(at, 1)
  }

  /** Moves the children from `at` on, and the separators between them, to a new node. The separator before them is left last. */
  splitAt(at: number, fanOut: number): Inner {
    const right = new Inner(fanOut)
    right.children.push(...this.children.splice(at))
    right.separators.push(...this.separators.splice(at))
    for (let i = 0; i < right.separators.length; i++) right.prefixes[i] = this.prefixes[at + i]
    return right
  }
}
