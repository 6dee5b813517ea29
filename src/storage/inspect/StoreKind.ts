/** StoreKind: what a directory holds, by the names of its files. */
import * as BtreeUnits from "./BtreeUnits.ts"
import * as CheckpointUnits from "./CheckpointUnits.ts"
import * as ManifestUnits from "./ManifestUnits.ts"
import * as SegmentUnits from "./SegmentUnits.ts"
import * as TableUnits from "./TableUnits.ts"
import type { Walk } from "./Unit.ts"

/** An engine's directory, or a log's. */
export type StoreKind = "memory" | "lsm" | "btree" | "log"

export interface FileKind {
  readonly store: StoreKind
  readonly what: string
  /** In its name; 0: there is none. */
  readonly number: number
  readonly walk: Walk
}

const kinds: ReadonlyArray<Omit<FileKind, "number"> & { readonly name: RegExp }> = [
  { name: /^(\d{8,15})\.checkpoint$/, store: "memory", what: "checkpoint", walk: CheckpointUnits.walk },
  { name: /^(\d{8,15})\.table$/, store: "lsm", what: "table", walk: TableUnits.walk },
  { name: /^(\d{8,15})\.manifest$/, store: "lsm", what: "manifest", walk: ManifestUnits.walk },
  { name: /^CURRENT$/, store: "lsm", what: "current", walk: ManifestUnits.walkCurrent },
  { name: /^data\.btree$/, store: "btree", what: "tree", walk: BtreeUnits.walk },
  { name: /^(\d{8,10})\.wal$/, store: "log", what: "segment", walk: SegmentUnits.walk }
]

/** Undefined: no file of a store, or one that was never finished. */
export const fileKind = (name: string): FileKind | undefined => {
  for (const { name: pattern, ...kind } of kinds) {
    const found = pattern.exec(name)
    if (found !== null) return { ...kind, number: Number(found.at(1) ?? 0) }
  }
  return undefined
}

/** LevelDB and RocksDB have a file `CURRENT` as well. */
const foreign = /^MANIFEST-\d+$/

/** The stores whose files these are: one, in a directory that is right; none of ours in one of somebody else's. */
export const kindsOf = (names: ReadonlyArray<string>): ReadonlyArray<StoreKind> =>
  names.some((name) => foreign.test(name)) ? [] : [...new Set(names.flatMap((name) => fileKind(name)?.store ?? []))]
