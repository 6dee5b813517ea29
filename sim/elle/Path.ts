/** Shortest paths and short cycles, breadth first, where any edges will do. */
import { components, knots } from "./Components.ts"
import type { Graph } from "./Graph.ts"

export interface Path {
  readonly vertices: ReadonlyArray<number>
  /** Edge i of the graph leads from vertex i to the next. */
  readonly edges: ReadonlyArray<number>
}

/** The shortest path from one vertex to another, both included; there must be one. */
export const path = (graph: Graph, from: number, to: number): Path => {
  const parents = new Int32Array(graph.vertices).fill(-1)
  const parentEdges = new Int32Array(graph.vertices)
  const queue = [from]
  parents[from] = from
  for (let at = 0; at < queue.length && parents[to] === -1; at += 1) {
    const vertex = queue[at]!
    for (let edge = graph.offsets[vertex]!; edge < graph.offsets[vertex + 1]!; edge += 1) {
      const target = graph.targets[edge]!
      if (parents[target] !== -1) continue
      parents[target] = vertex
      parentEdges[target] = edge
      queue.push(target)
    }
  }
  const vertices = [to]
  const edges: Array<number> = []
  for (let vertex = to; vertex !== from; vertex = parents[vertex]!) {
    edges.push(parentEdges[vertex]!)
    vertices.push(parents[vertex]!)
  }
  return { vertices: vertices.reverse(), edges: edges.reverse() }
}

/** How many edges a cycle is looked for from, in the hope of a shorter one. */
const startsMax = 16

/** A short cycle of a graph that has one: its last vertex leads to its first, by its last edge. */
export const cycle = (graph: Graph): Path => {
  const knot = knots(components(graph), graph.vertices)[0]!
  const inside = new Set(knot)
  let best: Path | undefined
  let starts = 0
  for (const start of knot) {
    for (let edge = graph.offsets[start]!; edge < graph.offsets[start + 1]! && starts < startsMax; edge += 1) {
      if (!inside.has(graph.targets[edge]!)) continue
      starts += 1
      const back = path(graph, graph.targets[edge]!, start)
      if (best !== undefined && back.vertices.length >= best.vertices.length) continue
      best = { vertices: back.vertices, edges: [...back.edges, edge] }
    }
  }
  return best!
}
