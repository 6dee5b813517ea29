/**
 * Dependency graphs of transactions. Edges are collected as columns and then laid out by source (CSR: the edges of vertex v
 * are `offsets[v]` up to `offsets[v + 1]`), each with the kinds of dependency it stands for as bits.
 *
 * Vertices at and above the number of transactions are no transactions but moments (see Order.ts): a path through moments
 * stands for one edge of real time.
 */
import { Bytes, Ints } from "./Grow.ts"

/** Write-write: the later one wrote the next version of a key. */
export const ww = 1
/** Write-read: the later one read what the earlier one wrote. */
export const wr = 2
/** Read-write: the earlier one read a version that the later one replaced. */
export const rw = 4
/** The earlier one came before in the same process. */
export const process = 8
/** The earlier one had ended when the later one began. */
export const realtime = 16

export const data = ww | wr | rw

export interface Graph {
  readonly vertices: number
  readonly offsets: Int32Array
  readonly targets: Int32Array
  readonly kinds: Uint8Array
}

export class Edges {
  readonly sources: Ints
  readonly targets: Ints
  readonly kinds: Bytes

  /** `capacity`: how many edges there will be, if somebody knows; memory that grows costs the garbage collector dear. */
  constructor(capacity = 64) {
    this.sources = new Ints(capacity)
    this.targets = new Ints(capacity)
    this.kinds = new Bytes(capacity)
  }

  get count(): number {
    return this.sources.length
  }

  /** Adds an edge; an edge of a vertex to itself is none. */
  add(source: number, target: number, kind: number): void {
    if (source === target) return
    this.sources.push(source)
    this.targets.push(target)
    this.kinds.push(kind)
  }

  /** The graph of the edges, laid out by counting: linear. */
  graph(vertices: number): Graph {
    const sources = this.sources.view()
    const targets = this.targets.view()
    const kinds = this.kinds.view()
    // Each vertex's place is moved on while its edges are laid out, to where the next vertex begins.
    const offsets = new Int32Array(vertices + 2)
    for (let edge = 0; edge < sources.length; edge += 1) offsets[sources[edge]! + 2]! += 1
    for (let vertex = 2; vertex < offsets.length; vertex += 1) offsets[vertex]! += offsets[vertex - 1]!
    const laidTargets = new Int32Array(sources.length)
    const laidKinds = new Uint8Array(sources.length)
    for (let edge = 0; edge < sources.length; edge += 1) {
      const place = offsets[sources[edge]! + 1]!++
      laidTargets[place] = targets[edge]!
      laidKinds[place] = kinds[edge]!
    }
    return { vertices, offsets, targets: laidTargets, kinds: laidKinds }
  }
}

/** The edges of a graph between some vertices, which get the numbers of their places; only of the kinds in the mask. */
export const between = (graph: Graph, members: Int32Array, mask: number): Edges => {
  const places = new Map<number, number>()
  for (let place = 0; place < members.length; place += 1) places.set(members[place]!, place)
  const edges = new Edges()
  for (let place = 0; place < members.length; place += 1) {
    const vertex = members[place]!
    for (let edge = graph.offsets[vertex]!; edge < graph.offsets[vertex + 1]!; edge += 1) {
      const kinds = graph.kinds[edge]! & mask
      if (kinds === 0) continue
      const target = places.get(graph.targets[edge]!)
      if (target !== undefined) edges.add(place, target, kinds)
    }
  }
  return edges
}

/** The same graph with one edge, of all their kinds, for the edges from one vertex to another. */
export const merged = (graph: Graph): Graph => {
  const edges = new Edges()
  const latest = new Int32Array(graph.vertices).fill(-1)
  for (let vertex = 0; vertex < graph.vertices; vertex += 1) {
    const first = edges.count
    for (let edge = graph.offsets[vertex]!; edge < graph.offsets[vertex + 1]!; edge += 1) {
      const target = graph.targets[edge]!
      const known = latest[target]!
      if (known >= first) edges.kinds.set(known, edges.kinds.at(known) | graph.kinds[edge]!)
      else {
        latest[target] = edges.count
        edges.add(vertex, target, graph.kinds[edge]!)
      }
    }
  }
  return edges.graph(graph.vertices)
}
