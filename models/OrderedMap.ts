/**
 * An ordered map from byte strings to byte strings: the sequential specification of a storage engine. Keys sort by their
 * bytes, unsigned, a prefix before what it begins.
 *
 * A map is a sorted list that nobody changes: an operation gives a new one, so a snapshot is the map itself. Everything takes
 * time linear in the entries: it judges, it does not serve.
 */

export interface Entry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

export type OrderedMap = ReadonlyArray<Entry>

export const empty: OrderedMap = []

/** Below 0, 0 or above 0 as `left` sorts before, with or after `right`. */
export const compare = (left: Uint8Array, right: Uint8Array): number => {
  const length = Math.min(left.length, right.length)
  for (let i = 0; i < length; i++) if (left[i] !== right[i]) return left[i] - right[i]
  return left.length - right.length
}

/** How many keys are below `key`. */
const rank = (map: OrderedMap, key: Uint8Array): number => {
  let [low, high] = [0, map.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compare(map[middle].key, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

const holds = (map: OrderedMap, at: number, key: Uint8Array): boolean =>
  at < map.length && compare(map[at].key, key) === 0

export const get = (map: OrderedMap, key: Uint8Array): Uint8Array | undefined => {
  const at = rank(map, key)
  return holds(map, at, key) ? map[at].value : undefined
}

export const put = (map: OrderedMap, key: Uint8Array, value: Uint8Array): OrderedMap => {
  const at = rank(map, key)
  return [...map.slice(0, at), { key, value }, ...map.slice(holds(map, at, key) ? at + 1 : at)]
}

export const remove = (map: OrderedMap, key: Uint8Array): OrderedMap => {
  const at = rank(map, key)
  return holds(map, at, key) ? [...map.slice(0, at), ...map.slice(at + 1)] : map
}

/** Without the keys in [from, to). */
export const removeRange = (map: OrderedMap, from: Uint8Array, to: Uint8Array): OrderedMap =>
  compare(from, to) < 0 ? [...map.slice(0, rank(map, from)), ...map.slice(rank(map, to))] : map

/** The entries in [from, to), in order. */
export const range = (map: OrderedMap, from: Uint8Array | undefined, to: Uint8Array | undefined): OrderedMap => {
  const first = from === undefined ? 0 : rank(map, from)
  const end = to === undefined ? map.length : rank(map, to)
  return map.slice(first, Math.max(first, end))
}

export const equal = (left: OrderedMap, right: OrderedMap): boolean =>
  left.length === right.length &&
  left.every(
    (entry, at) =>
      entry === right[at] || (compare(entry.key, right[at].key) === 0 && compare(entry.value, right[at].value) === 0)
  )
