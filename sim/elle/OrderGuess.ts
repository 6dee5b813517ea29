/**
 * Guesses an order of commits: events are put in a topological order of what is known, each time the one that seems the
 * earliest, and the writers of each key are taken to follow each other as they stand there. If no cycle comes of it with
 * the anti-dependencies, the guess is a proof: every read sees the last commit before it. Linear but for a heap.
 *
 * What seems the earliest: the row in the history (many histories are written as things happened), or how far a session
 * has come (sessions go on side by side), or nothing in particular.
 */
import type { Committed } from "./Committed.ts"
import { Edges, type Graph, rw, ww } from "./Graph.ts"
import { topological } from "./VectorClocks.ts"

export interface Known {
  /** Of events: member m begins at `m * stride`, and commits `stride - 1` later. */
  readonly graph: Graph
  readonly edges: Edges
  readonly stride: number
}

/** Whether one of the guesses explains all reads. */
export const succeeds = (committed: Committed, known: Known): boolean => {
  const { count, bySession, sessions, places } = committed
  const byRow = Float64Array.from({ length: count }, (_, member) => member)
  const byProgress = Float64Array.from(
    { length: count },
    (_, member) => (places[member]! + 0.5) / bySession[sessions[member]!]!.length
  )
  const byNothing = new Float64Array(count)
  return [byRow, byProgress, byNothing].some((priority) =>
    explains(committed, known, ranks(committed, known, priority))
  )
}

/** By event, its place in the order. */
const ranks = ({ count }: Committed, { graph, stride }: Known, priority: Float64Array): Int32Array => {
  const { vertices, offsets, targets } = graph
  // Moments of real time go as soon as they can: they only let others go.
  const weight = (event: number): number => (event < count * stride ? priority[Math.floor(event / stride)]! : -1)
  const waiting = new Int32Array(vertices)
  for (const target of targets) waiting[target]! += 1
  const heap = new Heap(vertices, weight)
  for (let event = 0; event < vertices; event += 1) if (waiting[event] === 0) heap.push(event)
  const rank = new Int32Array(vertices)
  for (let at = 0; heap.size > 0; at += 1) {
    const event = heap.pop()
    rank[event] = at
    for (let edge = offsets[event]!; edge < offsets[event + 1]!; edge += 1) {
      if (--waiting[targets[edge]!]! === 0) heap.push(targets[edge]!)
    }
  }
  return rank
}

const explains = (committed: Committed, { edges, stride, graph }: Known, rank: Int32Array): boolean => {
  const { count, writeStarts, writeKeys, readStarts, readKeys, readFrom } = committed
  const commit = (member: number): number => member * stride + stride - 1
  const writers = new Map<number, Array<number>>()
  for (let member = 0; member < count; member += 1) {
    for (let at = writeStarts[member]!; at < writeStarts[member + 1]!; at += 1) {
      const list = writers.get(writeKeys[at]!)
      if (list === undefined) writers.set(writeKeys[at]!, [member])
      else list.push(member)
    }
  }
  const all = new Edges(edges.count * 2)
  for (let edge = 0; edge < edges.count; edge += 1) {
    all.add(edges.sources.at(edge), edges.targets.at(edge), edges.kinds.at(edge))
  }
  const places = new Map<number, Map<number, number>>()
  for (const [key, list] of writers) {
    list.sort((left, right) => rank[commit(left)]! - rank[commit(right)]!)
    places.set(key, new Map(list.map((member, place) => [member, place])))
    for (let at = 1; at < list.length; at += 1) all.add(commit(list[at - 1]!), list[at]! * stride, ww)
  }
  for (let member = 0; member < count; member += 1) {
    for (let at = readStarts[member]!; at < readStarts[member + 1]!; at += 1) {
      const list = writers.get(readKeys[at]!)
      const place = readFrom[at] === -1 ? -1 : places.get(readKeys[at]!)!.get(readFrom[at]!)!
      const next = list?.[place + 1]
      // What a transaction that read and wrote a key writes comes right after what it read, or this is no order.
      if (next !== undefined && next !== member) all.add(member * stride, commit(next), rw)
    }
  }
  return topological(all.graph(graph.vertices)).length === graph.vertices
}

/** A binary heap of events, the lightest on top, the first of equals. */
class Heap {
  size = 0
  private readonly items: Int32Array
  private readonly weight: (event: number) => number

  constructor(capacity: number, weight: (event: number) => number) {
    this.items = new Int32Array(capacity + 1)
    this.weight = weight
  }

  private before(left: number, right: number): boolean {
    const difference = this.weight(left) - this.weight(right)
    return difference < 0 || (difference === 0 && left < right)
  }

  push(event: number): void {
    const { items } = this
    let at = this.size++
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (!this.before(event, items[parent]!)) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = event
  }

  pop(): number {
    const { items } = this
    const top = items[0]!
    const last = items[--this.size]!
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= this.size) break
      if (child + 1 < this.size && this.before(items[child + 1]!, items[child]!)) child += 1
      if (!this.before(items[child]!, last)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = last
    return top
  }
}
