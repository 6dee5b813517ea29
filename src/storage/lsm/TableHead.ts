/**
 * TableHead: what of a table has to be in memory to look into it: filter, range deletes and index, which lie side by side
 * and are read at once.
 */
import * as Bytes from "#base/Bytes.ts"
import { RangeDeletes } from "../memory/RangeDeletes.ts"
import * as Bloom from "./Bloom.ts"
import { readBytes, readU64 } from "./Fields.ts"
import * as TableFormat from "./TableFormat.ts"
import { TableIndex } from "./TableIndex.ts"

export interface TableHead {
  readonly filter: Uint8Array
  readonly index: TableIndex
  readonly ranges: RangeDeletes | undefined
  readonly memoryBytes: number
}

/** Where the head lies in its file. */
export const lengthOf = (meta: TableFormat.TableMeta): number => meta.filterBytes + meta.rangesBytes + meta.indexBytes

/** Every version counts: what a table holds was decided when it was built. */
const everything = { needs: () => true }

const decodeRanges = (bytes: Uint8Array): RangeDeletes | undefined => {
  const reader = new Bytes.Reader(bytes)
  const count = reader.u32()
  const all: Array<{ readonly from: Uint8Array; readonly to: Uint8Array; readonly sequence: number }> = []
  for (let i = 0; i < count && reader.isWhole; i++) {
    const from = readBytes(reader)
    const to = readBytes(reader)
    for (let left = reader.u32(); left > 0 && reader.isWhole; left--) all.push({ from, to, sequence: readU64(reader) })
  }
  if (!reader.isWhole || reader.leftBytes > 0) return undefined
  const ranges = new RangeDeletes(everything)
  all.sort((a, b) => a.sequence - b.sequence)
  for (const { from, to, sequence } of all) ranges.add(from, to, sequence)
  return ranges
}

/** Decodes the stored bytes of a head; a number is the place in the file of the part that is not what was written. */
export const decode = (bytes: Uint8Array, meta: TableFormat.TableMeta): TableHead | number => {
  const { filterAt, filterBytes, rangesBytes, indexBytes, number } = meta
  const rangesAt = filterAt + filterBytes
  const indexAt = rangesAt + rangesBytes
  const part = (at: number, sizeBytes: number) =>
    TableFormat.unseal(bytes.subarray(at - filterAt, at - filterAt + sizeBytes), number, at)
  const filter = part(filterAt, filterBytes)
  if (filter === undefined || !Bloom.isValid(filter)) return filterAt
  const rangeBytes = part(rangesAt, rangesBytes)
  const ranges = rangeBytes === undefined ? undefined : decodeRanges(rangeBytes)
  if (ranges === undefined) return rangesAt
  const indexPart = part(indexAt, indexBytes)
  const index = indexPart === undefined ? undefined : TableIndex.decode(indexPart, filterAt)
  if (index === undefined) return indexAt
  return {
    filter,
    index,
    ranges: ranges.isEmpty ? undefined : ranges,
    memoryBytes: filter.length + index.memoryBytes + ranges.memoryBytes + 500
  }
}
