/**
 * Strongly connected components by Tarjan's algorithm (1972), with a stack of its own instead of calls: linear in vertices
 * and edges, whatever the depth.
 */
import type { Graph } from "./Graph.ts"

export interface Components {
  readonly count: number
  /** By vertex. A component's number is lower than those of the components that lead to it. */
  readonly of: Int32Array
}

/** The components of the edges of which `admits` is true (all, when absent). */
export const components = (graph: Graph, admits?: (kinds: number) => boolean): Components => {
  const { vertices, offsets, targets, kinds } = graph
  const of = new Int32Array(vertices).fill(-1)
  const low = new Int32Array(vertices)
  /** 1 + the order of discovery; 0 is undiscovered. */
  const order = new Int32Array(vertices)
  const cursor = new Int32Array(vertices)
  const path = new Int32Array(vertices)
  const open = new Int32Array(vertices)
  let depth = 0
  let opened = 0
  let discovered = 0
  let count = 0
  for (let root = 0; root < vertices; root += 1) {
    if (order[root] !== 0) continue
    path[depth++] = root
    while (depth > 0) {
      const vertex = path[depth - 1]!
      if (order[vertex] === 0) {
        discovered += 1
        order[vertex] = discovered
        low[vertex] = discovered
        cursor[vertex] = offsets[vertex]!
        open[opened++] = vertex
      }
      const end = offsets[vertex + 1]!
      let at = cursor[vertex]!
      let lowest = low[vertex]!
      let child = -1
      for (; at < end; at += 1) {
        if (admits !== undefined && !admits(kinds[at]!)) continue
        const target = targets[at]!
        if (order[target] === 0) {
          child = target
          break
        }
        if (of[target] === -1 && low[target]! < lowest) lowest = low[target]!
      }
      // A child is looked at again when it is done: its low counts then.
      cursor[vertex] = at
      low[vertex] = lowest
      if (child !== -1) {
        path[depth++] = child
        continue
      }
      depth -= 1
      if (lowest !== order[vertex]) continue
      for (;;) {
        const member = open[--opened]!
        of[member] = count
        if (member === vertex) break
      }
      count += 1
    }
  }
  return { count, of }
}

/** Members of the components of more than one vertex below `limit`, each sorted, by their first members. */
export const knots = ({ count, of }: Components, limit: number): ReadonlyArray<Int32Array> => {
  const sizes = new Int32Array(count)
  for (let vertex = 0; vertex < limit; vertex += 1) sizes[of[vertex]!]! += 1
  const members = new Map<number, Int32Array>()
  const filled = new Map<number, number>()
  for (let vertex = 0; vertex < limit; vertex += 1) {
    const component = of[vertex]!
    if (sizes[component]! < 2) continue
    let list = members.get(component)
    if (list === undefined) members.set(component, (list = new Int32Array(sizes[component]!)))
    const at = filled.get(component) ?? 0
    list[at] = vertex
    filled.set(component, at + 1)
  }
  return [...members.values()]
}
