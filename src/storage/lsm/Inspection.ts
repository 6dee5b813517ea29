/**
 * Inspection: what of a table's bytes is not what was written, by its place. A table is looked through from its end, which tells where
 * its blocks are, then by stretches of blocks.
 */
import * as TableFormat from "./TableFormat.ts"
import * as TableHead from "./TableHead.ts"

/** What is read and checked at a time. */
const stretchBytes = 262_144

/** Of everything behind the data: the head, when it reads, and the places of what does not. */
export const end = (
  bytes: Uint8Array,
  meta: TableFormat.TableMeta
): { readonly head: TableHead.TableHead | undefined; readonly damage: ReadonlyArray<number> } => {
  const damage: Array<number> = []
  const decoded = TableHead.decode(bytes, meta)
  const head = typeof decoded === "number" ? undefined : decoded
  if (typeof decoded === "number") damage.push(decoded)
  const propertiesAt = TableHead.lengthOf(meta)
  const footerAt = bytes.length - TableFormat.footerBytes
  const properties = bytes.subarray(propertiesAt, footerAt)
  if (TableFormat.unseal(properties, meta.number, meta.filterAt + propertiesAt) === undefined) {
    damage.push(meta.filterAt + propertiesAt)
  }
  const footer = TableFormat.readFooter(bytes.subarray(footerAt), meta.number, meta.sizeBytes)
  if (typeof footer === "string") damage.push(meta.filterAt + footerAt)
  return { head, damage }
}

/** The numbers of the blocks at which stretches begin, and the one behind the last; one number: there are no blocks. */
export const stretches = ({ index }: TableHead.TableHead): ReadonlyArray<number> => {
  const stretches = [0]
  let from = 0
  for (let block = 1; block < index.count; block++) {
    if (index.offset(block + 1) - index.offset(from) <= stretchBytes) continue
    from = block
    stretches.push(block)
  }
  return index.count === 0 ? stretches : [...stretches, index.count]
}

/** The places of the blocks in [first, end) that do not read; `bytes` are theirs. */
export const blocks = (
  bytes: Uint8Array,
  { index }: TableHead.TableHead,
  options: { readonly number: number; readonly first: number; readonly end: number }
): ReadonlyArray<number> => {
  const damage: Array<number> = []
  const from = index.offset(options.first)
  for (let block = options.first; block < options.end; block++) {
    const at = index.offset(block)
    const stored = bytes.subarray(at - from, index.offset(block + 1) - from)
    if (TableFormat.unsealEntries(stored, options.number, at) === undefined) damage.push(at)
  }
  return damage
}
