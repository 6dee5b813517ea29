/**
 * Shortest cycles of a given make in a graph: breadth first, from edges that such a cycle must have, over vertices times
 * what the path has had so far. A path may pass a vertex twice where only that gives it what it needs.
 *
 * Edges stand for several kinds of dependency at once; a path uses each by one of them, and says by which.
 */
import { type Components, components } from "./Components.ts"
import { Edges, type Graph, rw, wr } from "./Graph.ts"

/** What a cycle is made of. */
export interface Make {
  /** Kinds of edges, `rw` left out, that may be used anywhere. */
  readonly base: number
  /** How `rw` edges occur: never; exactly once; at least twice and nowhere next to each other; somewhere twice in a row. */
  readonly rw: "never" | "once" | "apart" | "adjacent"
  /** Kinds of which at least one edge must be used, each for itself: `wr`, `process` or `realtime`. */
  readonly needs: ReadonlyArray<number>
}

export interface Found {
  readonly vertices: ReadonlyArray<number>
  /** By which kind vertex i leads to the next. */
  readonly kinds: ReadonlyArray<number>
}

/** Steps that all searches of a check share. */
export interface Steps {
  left: number
}

/**
 * A graph of vertices (v) and "v, entered by rw" (vertices + v), in which paths have no two rw edges in a row: it has a
 * cycle exactly when the graph has a closed walk with none.
 */
export const apart = (graph: Graph, base: number): Graph => {
  const edges = new Edges()
  const { vertices } = graph
  for (let vertex = 0; vertex < vertices; vertex += 1) {
    for (let edge = graph.offsets[vertex]!; edge < graph.offsets[vertex + 1]!; edge += 1) {
      const target = graph.targets[edge]!
      const kinds = graph.kinds[edge]!
      if ((kinds & base) !== 0) {
        edges.add(vertex, target, kinds & base)
        edges.add(vertices + vertex, target, kinds & base)
      }
      if ((kinds & rw) !== 0) edges.add(vertex, vertices + target, rw)
    }
  }
  return edges.graph(vertices * 2)
}

/** How many edges to start from once a cycle has been found, in the hope of a shorter one. */
const moreStarts = 24
/** Places for vertices times what a path has had: beyond this a search is too large. */
const placesMax = 40_000_000

const seenFlags = 2
/** Of rw edges 0, 1 or more; entered by one or not; and the flags of what is needed. */
const statesPerVertex = 3 * 2 * (1 << seenFlags)

export class CycleSearch {
  private readonly graph: Graph
  private readonly parents: Int32Array
  private readonly parentKinds: Uint8Array
  private readonly queue: Int32Array
  private queued = 0

  constructor(graph: Graph) {
    const places = graph.vertices * statesPerVertex
    const size = places <= placesMax ? places : 0
    this.graph = graph
    this.parents = new Int32Array(size).fill(-1)
    this.parentKinds = new Uint8Array(size)
    this.queue = new Int32Array(size)
  }

  /** A cycle of the make, the shortest from the edges that were tried; `undefined` when none was found. */
  find(make: Make, steps: Steps): Found | undefined {
    if (this.parents.length === 0) return undefined
    const { graph } = this
    const inside = this.insideOf(make)
    const anchor = make.rw === "never" ? (make.needs.at(-1) ?? make.base) : rw
    let best: Found | undefined
    let starts = 0
    for (let vertex = 0; vertex < graph.vertices; vertex += 1) {
      for (let edge = graph.offsets[vertex]!; edge < graph.offsets[vertex + 1]!; edge += 1) {
        if ((graph.kinds[edge]! & anchor) === 0 || !inside(vertex, graph.targets[edge]!)) continue
        if (steps.left <= 0 || starts >= moreStarts) return best
        const found = this.from(vertex, graph.targets[edge]!, graph.kinds[edge]! & anchor, make, steps)
        if (found !== undefined && (best === undefined || found.vertices.length < best.vertices.length)) best = found
        if (best !== undefined) starts += 1
        if (best !== undefined && best.vertices.length === 2) return best
      }
    }
    return best
  }

  /** Whether both ends of a first edge may lie on one cycle of the make. */
  private insideOf(make: Make): (source: number, target: number) => boolean {
    const { graph } = this
    if (make.rw === "once" || make.rw === "apart") {
      const { of } = components(apart(graph, make.base))
      return (source, target) => of[source] === of[graph.vertices + target]
    }
    const mask = make.rw === "never" ? make.base : make.base | rw
    const { of }: Components = components(graph, (kinds) => (kinds & mask) !== 0)
    return (source, target) => of[source] === of[target]
  }

  private from(source: number, first: number, anchor: number, make: Make, steps: Steps): Found | undefined {
    // The lowest bit of what the first edge may be used as.
    const kind = anchor & -anchor
    const { graph, parents, queue } = this
    const flags = flagsOf(make, 0, kind)
    const begin = placeOf(first, kind === rw ? 1 : 0, kind === rw, flags)
    this.queued = 0
    this.visit(begin, begin, kind)
    let end = -1
    for (let at = 0; at < this.queued && end === -1; at += 1) {
      const place = queue[at]!
      const vertex = Math.floor(place / statesPerVertex)
      const state = place % statesPerVertex
      const offset = graph.offsets[vertex]!
      const stop = graph.offsets[vertex + 1]!
      steps.left -= stop - offset
      if (steps.left <= 0) break
      const second = place === begin && make.rw === "adjacent"
      for (let edge = offset; edge < stop && end === -1; edge += 1) {
        end = this.follow(place, state, graph.targets[edge]!, graph.kinds[edge]!, source, make, second)
      }
    }
    const found = end === -1 ? undefined : this.path(source, begin, end, kind)
    for (let at = 0; at < this.queued; at += 1) parents[queue[at]!] = -1
    return found
  }

  /** Goes along an edge by each kind that the make admits; the place that closes the cycle, or -1. */
  private follow(
    place: number,
    state: number,
    target: number,
    kinds: number,
    source: number,
    make: Make,
    second: boolean
  ): number {
    const flags = state % (1 << seenFlags)
    const last = (state >> seenFlags) % 2 === 1
    const count = state >> (seenFlags + 1)
    let usable = second ? 0 : kinds & make.base
    if ((kinds & rw) !== 0 && (second || make.rw === "adjacent" || (make.rw === "apart" && !last))) usable |= rw
    while (usable !== 0) {
      const kind = usable & -usable
      usable ^= kind
      const isRw = kind === rw
      const now = isRw ? Math.min(2, count + 1) : count
      const next = placeOf(target, now, isRw, flagsOf(make, flags, kind))
      if (this.parents[next] !== -1) continue
      this.visit(next, place, kind)
      if (target === source && closes(make, now, isRw, flagsOf(make, flags, kind))) return next
    }
    return -1
  }

  private visit(place: number, parent: number, kind: number): void {
    this.parents[place] = parent
    this.parentKinds[place] = kind
    this.queue[this.queued++] = place
  }

  private path(source: number, begin: number, end: number, anchor: number): Found {
    const vertices: Array<number> = []
    const kinds: Array<number> = []
    for (let place = end; place !== begin; place = this.parents[place]!) {
      kinds.push(this.parentKinds[place]!)
      vertices.push(Math.floor(this.parents[place]! / statesPerVertex))
    }
    vertices.push(source)
    kinds.push(anchor)
    return { vertices: vertices.reverse(), kinds: kinds.reverse() }
  }
}

const placeOf = (vertex: number, count: number, last: boolean, flags: number): number =>
  vertex * statesPerVertex + (((count << 1) | (last ? 1 : 0)) << seenFlags) + flags

const flagsOf = (make: Make, flags: number, kind: number): number => {
  let seen = flags
  for (let index = 0; index < make.needs.length; index += 1) if (kind === make.needs[index]) seen |= 1 << index
  return seen
}

const closes = (make: Make, count: number, last: boolean, flags: number): boolean => {
  if (flags !== (1 << make.needs.length) - 1) return false
  if (make.rw === "never") return true
  if (make.rw === "once") return count === 1
  return count >= 2 && (make.rw === "adjacent" || !last)
}

/** The makes of Adya's phenomena, without order edges. */
export const dataMakes: Readonly<
  Record<string, { readonly rw: Make["rw"]; readonly base: number; readonly needs: number }>
> = {
  G0: { rw: "never", base: 1, needs: 0 },
  G1c: { rw: "never", base: 1 | wr, needs: wr },
  "G-single": { rw: "once", base: 1 | wr, needs: 0 },
  "G-nonadjacent": { rw: "apart", base: 1 | wr, needs: 0 },
  "G2-item": { rw: "adjacent", base: 1 | wr, needs: 0 }
}
