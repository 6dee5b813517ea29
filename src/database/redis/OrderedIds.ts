/**
 * OrderedIds: a map in the order of its keys, which are ids of a stream. Keys and values lie in chunks of some hundred, side by side; most come
 * in order and leave from the front. Looking up, adding and removing cost O(log n) comparisons, and a move within one chunk.
 */

const chunkMax = 128

interface Chunk<V> {
  readonly ids: Array<string>
  readonly values: Array<V>
}

export class OrderedIds<V> {
  size = 0
  private chunks: Array<Chunk<V>> = []

  get(id: string): V | undefined {
    const chunk = this.chunks[this.chunkOf(id)]
    if (chunk === undefined) return undefined
    const at = placeOf(chunk.ids, id)
    return chunk.ids[at] === id ? chunk.values[at] : undefined
  }

  set(id: string, value: V): void {
    const chunkAt = Math.max(0, this.chunkOf(id))
    if (this.chunks.length === 0) this.chunks.push({ ids: [], values: [] })
    const chunk = this.chunks[chunkAt]
    const { ids, values } = chunk
    const at = placeOf(ids, id)
    if (ids[at] === id) {
      values[at] = value
      return
    }
    this.size += 1
    if (at === ids.length) {
      if (at >= chunkMax) {
        this.chunks.splice(chunkAt + 1, 0, { ids: [id], values: [value] })
        return
      }
      ids.push(id)
      values.push(value)
      return
    }
    ids.splice(at, 0, id)
    values.splice(at, 0, value)
    if (ids.length <= chunkMax) return
    const half = ids.length >>> 1
    this.chunks.splice(chunkAt + 1, 0, { ids: ids.splice(half), values: values.splice(half) })
  }

  delete(id: string): boolean {
    const chunkAt = this.chunkOf(id)
    if (chunkAt === -1) return false
    const { ids, values } = this.chunks[chunkAt]
    const at = placeOf(ids, id)
    if (ids[at] !== id) return false
    if (at === 0) {
      ids.shift()
      values.shift()
    } else {
      ids.splice(at, 1)
      values.splice(at, 1)
    }
    if (ids.length === 0) this.chunks.splice(chunkAt, 1)
    this.size -= 1
    return true
  }

  first(): string | undefined {
    return this.chunks[0]?.ids[0]
  }

  last(): string | undefined {
    return this.chunks.at(-1)?.ids.at(-1)
  }

  /** Visits what is at `from` and after it until `visit` answers false. Nothing is added or removed meanwhile. */
  each(from: string, visit: (id: string, value: V) => boolean | void): void {
    let chunkAt = Math.max(0, this.chunkOf(from))
    if (chunkAt >= this.chunks.length) return
    let at = placeOf(this.chunks[chunkAt].ids, from)
    for (; chunkAt < this.chunks.length; chunkAt++) {
      const { ids, values } = this.chunks[chunkAt]
      for (; at < ids.length; at++) if (visit(ids[at], values[at]) === false) return
      at = 0
    }
  }

  /** The last chunk that begins at the id or before it; -1: none does. */
  private chunkOf(id: string): number {
    const { chunks } = this
    const last = chunks.length - 1
    if (last >= 0 && chunks[last].ids[0] <= id) return last
    let low = 0
    let high = chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (chunks[middle].ids[0] <= id) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

/** The first place in an ordered array that holds the id, or a later one. */
export const placeOf = (ids: ReadonlyArray<string>, id: string): number => {
  const { length } = ids
  if (length === 0 || ids[length - 1] < id) return length
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ids[middle] < id) low = middle + 1
    else high = middle
  }
  return low
}
