/**
 * Unit: what the files of a store are made of, as somebody sees it who reads a file alone, by its format: headers, blocks, records,
 * pages, each with its place and with what is wrong with it. Looking at a file this way changes nothing and needs no engine,
 * so what is sound is shown also where an engine would not open.
 */
import type * as Effect from "effect/Effect"
import type * as Disk from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"

export type FieldValue = string | number | boolean | Uint8Array

/** What a unit holds for those who use the store. */
export interface Entry {
  readonly kind: "put" | "delete" | "delete-range"
  readonly key: Uint8Array
  /** A put's; a large one may stand in a unit of its own, and is left out. */
  readonly value?: Uint8Array
  /** Where a range ends. */
  readonly to?: Uint8Array
  /** Where versions of a key stand side by side: which of them this is. */
  readonly sequence?: number
}

export interface Unit {
  readonly offsetBytes: number
  readonly sizeBytes: number
  readonly what: string
  readonly fields: Readonly<Record<string, FieldValue>>
  /** Its bytes are not what was written, or contradict others. */
  readonly problem?: string
  /** There are other copies of it, from which the next opening repairs it. */
  readonly isRepairable?: true
  readonly entries?: ReadonlyArray<Entry>
}

export interface Visitor {
  readonly unit: (unit: Unit) => void
  /** Whether units come with their entries. */
  readonly wantsEntries: boolean
}

export interface Source {
  readonly path: string
  /** The number in its name, 0 where it has none. */
  readonly number: number
  readonly sizeBytes: number
  readonly handle: Disk.Handle
}

/** Tells all units of a file. */
export type Walk = (source: Source, visitor: Visitor) => Effect.Effect<void, DiskError>
