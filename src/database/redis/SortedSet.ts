/**
 * SortedSet: members ordered by their scores, and by their bytes where those are equal, with the number of members before each. A B+tree
 * whose inner nodes know how many entries are below each child, and whose leaves are linked both ways.
 *
 * Promises: adding, removing, the rank of an entry or a bound, and finding the entry of a rank look at O(log n) nodes of at most
 * `widthMax` entries; from there each entry costs O(1). `nodesVisited` counts, so that a test can hold it to that.
 *
 * Needs of its caller: no entry is added twice, and only those that are there are removed, with the score that they have: whoever has the
 * scores by member knows (`SortedSetValue`). A score is a number, and not NaN.
 *
 * An entry takes 16 bytes and what nodes leave empty; Redis's skip list takes at least 37 and an allocation.
 */

/** Entries of a leaf, children of an inner node. */
const widthMax = 32
/** A node of less is joined with a neighbour, */
const widthMin = 8
/** if both together are no more than this: else the next entry would split them again. */
const joinedMax = 24

interface Leaf {
  readonly isLeaf: true
  readonly scores: Array<number>
  readonly members: Array<string>
  next: Leaf | undefined
  previous: Leaf | undefined
}

interface Inner {
  readonly isLeaf: false
  readonly children: Array<Node>
  /** Entries below each child. */
  readonly counts: Array<number>
  /** At most the first entry below each child, and above all entries below the one before it. */
  readonly scores: Array<number>
  readonly members: Array<string>
}

type Node = Leaf | Inner

const newLeaf = (): Leaf => ({ isLeaf: true, scores: [], members: [], next: undefined, previous: undefined })

const newInner = (): Inner => ({ isLeaf: false, children: [], counts: [], scores: [], members: [] })

const countOf = (node: Node): number => {
  if (node.isLeaf) return node.members.length
  let count = 0
  for (let i = 0; i < node.counts.length; i++) count += node.counts[i]
  return count
}

/** The first entry, from `from` on, that is not before the given one. */
const lowerBound = (node: Node, from: number, score: number, member: string): number => {
  const { members, scores } = node
  let low = from
  let high = scores.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const other = scores[middle]
    if (other < score || (other === score && members[middle] < member)) low = middle + 1
    else high = middle
  }
  return low
}

/** The child in which the entry is, or belongs. */
const childOf = (node: Inner, score: number, member: string): number => {
  const at = lowerBound(node, 1, score, member)
  return at < node.scores.length && node.scores[at] === score && node.members[at] === member ? at : at - 1
}

/** Whether an entry is before a bound: true for all entries up to some, and for none after it. */
export type Before = (score: number, member: string) => boolean

/** The first, from `from` on, that is not before the bound. */
const boundary = (node: Node, from: number, before: Before): number => {
  let low = from
  let high = node.scores.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (before(node.scores[middle], node.members[middle])) low = middle + 1
    else high = middle
  }
  return low
}

const insertAt = <T>(array: Array<T>, at: number, item: T): void => {
  array.push(item)
  for (let i = array.length - 1; i > at; i--) array[i] = array[i - 1]
  array[at] = item
}

const removeAt = <T>(array: Array<T>, at: number): void => {
  for (let i = at + 1; i < array.length; i++) array[i - 1] = array[i]
  array.pop()
}

export class SortedSet {
  private root: Node = newLeaf()
  private count = 0
  /** Nodes that were looked at so far. */
  nodesVisited = 0

  get size(): number {
    return this.count
  }

  add(score: number, member: string): void {
    this.count += 1
    const { root } = this
    const right = this.addTo(root, score, member)
    if (right === undefined) return
    const top = newInner()
    this.adopt(top, 0, root)
    this.adopt(top, 1, right)
    this.root = top
  }

  remove(score: number, member: string): void {
    this.count -= 1
    this.removeFrom(this.root, score, member)
    if (this.count === 0) this.root = newLeaf()
    while (!this.root.isLeaf && this.root.children.length === 1) this.root = this.root.children[0]
  }

  /** Entries before the bound. */
  rank(before: Before): number {
    let node = this.root
    let rank = 0
    while (!node.isLeaf) {
      this.nodesVisited += 1
      const at = boundary(node, 1, before) - 1
      for (let i = 0; i < at; i++) rank += node.counts[i]
      node = node.children[at]
    }
    this.nodesVisited += 1
    return rank + boundary(node, 0, before)
  }

  /** Entries before the given one. */
  rankOf(score: number, member: string): number {
    let node = this.root
    let rank = 0
    while (!node.isLeaf) {
      this.nodesVisited += 1
      const at = childOf(node, score, member)
      for (let i = 0; i < at; i++) rank += node.counts[i]
      node = node.children[at]
    }
    this.nodesVisited += 1
    return rank + lowerBound(node, 0, score, member)
  }

  /** Visits at most `count` entries from the one of this rank on, `isReverse`: backwards. Nothing changes meanwhile. */
  visit(rank: number, count: number, isReverse: boolean, visit: (member: string, score: number) => void): void {
    if (rank < 0 || rank >= this.count) return
    let node = this.root
    let at = rank
    while (!node.isLeaf) {
      this.nodesVisited += 1
      let child = 0
      while (at >= node.counts[child]) at -= node.counts[child++]
      node = node.children[child]
    }
    let leaf: Leaf | undefined = node
    let left = count
    while (leaf !== undefined && left > 0) {
      this.nodesVisited += 1
      const { members, scores } = leaf
      if (isReverse) {
        for (; at >= 0 && left > 0; at--, left--) visit(members[at], scores[at])
        leaf = leaf.previous
        if (leaf !== undefined) at = leaf.members.length - 1
      } else {
        for (; at < members.length && left > 0; at++, left--) visit(members[at], scores[at])
        leaf = leaf.next
        at = 0
      }
    }
  }

  /** Puts a node, with what is below it, among the children. */
  private adopt(parent: Inner, at: number, child: Node): void {
    insertAt(parent.children, at, child)
    insertAt(parent.counts, at, countOf(child))
    insertAt(parent.scores, at, child.scores[0])
    insertAt(parent.members, at, child.members[0])
  }

  /** Returns the node that was split off, behind this one. */
  private addTo(node: Node, score: number, member: string): Node | undefined {
    this.nodesVisited += 1
    if (node.isLeaf) {
      const at = lowerBound(node, 0, score, member)
      insertAt(node.scores, at, score)
      insertAt(node.members, at, member)
      if (node.members.length <= widthMax) return undefined
      // What comes in order leaves full leaves behind it.
      return this.splitLeaf(node, node.next === undefined && at === widthMax ? widthMax : widthMax >>> 1)
    }
    const at = childOf(node, score, member)
    const child = node.children[at]
    const right = this.addTo(child, score, member)
    if (right === undefined) {
      node.counts[at] += 1
      return undefined
    }
    node.counts[at] = countOf(child)
    this.adopt(node, at + 1, right)
    if (node.children.length <= widthMax) return undefined
    const from = at + 2 === node.children.length ? widthMax : widthMax >>> 1
    return {
      isLeaf: false,
      children: node.children.splice(from),
      counts: node.counts.splice(from),
      scores: node.scores.splice(from),
      members: node.members.splice(from)
    }
  }

  private splitLeaf(leaf: Leaf, from: number): Leaf {
    const { next } = leaf
    const right: Leaf = {
      isLeaf: true,
      scores: leaf.scores.splice(from),
      members: leaf.members.splice(from),
      next,
      previous: leaf
    }
    leaf.next = right
    if (next !== undefined) next.previous = right
    return right
  }

  private removeFrom(node: Node, score: number, member: string): void {
    this.nodesVisited += 1
    if (node.isLeaf) {
      const at = lowerBound(node, 0, score, member)
      removeAt(node.scores, at)
      removeAt(node.members, at)
      return
    }
    const at = childOf(node, score, member)
    const child = node.children[at]
    this.removeFrom(child, score, member)
    node.counts[at] -= 1
    if (node.counts[at] === 0) this.drop(node, at)
    else if (child.scores.length < widthMin && node.children.length > 1) {
      // With the neighbour before it where there is one.
      const left = at === 0 ? 0 : at - 1
      if (this.widthOf(node, left) + this.widthOf(node, left + 1) <= joinedMax) this.join(node, left)
    }
  }

  private widthOf(parent: Inner, at: number): number {
    return parent.children[at].scores.length
  }

  /** Puts what the child behind `at` has at the end of the one there. */
  private join(parent: Inner, at: number): void {
    const left = parent.children[at]
    const right = parent.children[at + 1]
    if (left.isLeaf && right.isLeaf) {
      left.next = right.next
      if (right.next !== undefined) right.next.previous = left
    } else if (!left.isLeaf && !right.isLeaf) {
      left.children.push(...right.children)
      left.counts.push(...right.counts)
      // The first bound of a node is not looked at, but here it comes to stand between two children.
      right.scores[0] = parent.scores[at + 1]
      right.members[0] = parent.members[at + 1]
    }
    left.scores.push(...right.scores)
    left.members.push(...right.members)
    parent.counts[at] += parent.counts[at + 1]
    this.forget(parent, at + 1)
  }

  /** Takes out a child below which nothing is left. */
  private drop(parent: Inner, at: number): void {
    const child = parent.children[at]
    if (child.isLeaf) {
      if (child.previous !== undefined) child.previous.next = child.next
      if (child.next !== undefined) child.next.previous = child.previous
    }
    this.forget(parent, at)
  }

  private forget(parent: Inner, at: number): void {
    removeAt(parent.children, at)
    removeAt(parent.counts, at)
    removeAt(parent.scores, at)
    removeAt(parent.members, at)
  }
}
