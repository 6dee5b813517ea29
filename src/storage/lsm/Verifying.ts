/**
 * Verifying: reads a store's files as they are on disk, past the cache, and checks every byte that means something. A step reads the
 * manifest, the end of a table, or a stretch of its blocks. Positions are the table's number and the part of it, so a step goes
 * on where the last one was, whatever became of the tables meanwhile.
 */
import * as Effect from "effect/Effect"
import { assert } from "#base/Assert.ts"
import type { Done, Verified } from "../Engine.ts"
import { Corrupt, type StorageError } from "../StorageError.ts"
import * as Inspection from "./Inspection.ts"
import type { Store } from "./Store.ts"
import type { Table } from "./Table.ts"
import type { TableHead } from "./TableHead.ts"

/** Parts of a table that a position has room for: its end, then stretches of its blocks. */
const partsMax = 65_536

const everything: Verified = { position: 0, bytesRead: 0, rot: [] }

const tablesOf = (store: Store): ReadonlyArray<Table> =>
  store.view.version.levels.flat().sort((a, b) => a.meta.number - b.meta.number)

/** The position of the first table with a higher number. */
const after = (store: Store, number: number): number => {
  const next = tablesOf(store).find((table) => table.meta.number > number)
  return next === undefined ? 0 : next.meta.number * partsMax
}

/** The first step. */
export const verifyManifest = (store: Store): Effect.Effect<Verified, StorageError> =>
  Effect.suspend(() => {
    const { manifest } = store.parts
    return Effect.map(manifest.verify, (corrupt) => ({
      position: after(store, 0),
      bytesRead: manifest.sizeBytes,
      rot: corrupt === undefined ? [] : [corrupt]
    }))
  })

class Step {
  private readonly store: Store
  private readonly table: Table
  private readonly part: number
  private readonly done: Done<Verified | undefined>
  private readonly release: () => void

  constructor(store: Store, table: Table, part: number, done: Done<Verified | undefined>) {
    const { tables } = store.parts
    const version = tables.hold()
    this.store = store
    this.table = table
    this.part = part
    this.done = done
    this.release = () => tables.release(version)
  }

  run(): void {
    const { head, meta } = this.table
    if (this.part === 0) {
      this.table.read(meta.filterAt, meta.sizeBytes - meta.filterAt, (error, bytes) => {
        if (error !== undefined) this.fail(error)
        else this.end(bytes!)
      })
    } else if (head !== undefined) this.stretch(head)
    else {
      this.table.loadHead((error, loaded) => {
        if (error !== undefined) this.fail(error)
        else this.stretch(loaded!)
      })
    }
  }

  private end(bytes: Uint8Array): void {
    const { damage, head } = Inspection.end(bytes, this.table.meta)
    this.finish(bytes.length, damage, head === undefined ? 1 : Inspection.stretches(head).length)
  }

  private stretch(head: TableHead): void {
    const { index } = head
    const stretches = Inspection.stretches(head)
    assert(this.part < stretches.length, "a position is one that verification gave")
    const [first, end] = [stretches[this.part - 1], stretches[this.part]]
    const from = index.offset(first)
    this.table.read(from, index.offset(end) - from, (error, bytes) => {
      if (error !== undefined) return this.fail(error)
      const damage = Inspection.blocks(bytes!, head, { number: this.table.meta.number, first, end })
      this.finish(bytes!.length, damage, stretches.length)
    })
  }

  /** A file that is shorter than it should be, or gone, is damaged there. */
  private fail(error: StorageError): void {
    this.release()
    if (error instanceof Corrupt) this.done(undefined, { position: this.next(), bytesRead: 0, rot: [error] })
    else this.done(error, undefined)
  }

  private finish(bytesRead: number, damage: ReadonlyArray<number>, parts: number): void {
    const { part, table } = this
    const position = part + 1 < parts ? table.meta.number * partsMax + part + 1 : this.next()
    this.release()
    this.done(undefined, { position, bytesRead, rot: damage.map((at) => table.corrupt(at)) })
  }

  private next(): number {
    return after(this.store, this.table.meta.number)
  }
}

/** A later step; `undefined`: it is under way. */
export const verifyTable = (store: Store, position: number, done: Done<Verified | undefined>): Verified | undefined => {
  const number = Math.floor(position / partsMax)
  const table = tablesOf(store).find(({ meta }) => meta.number >= number)
  if (table === undefined) return everything
  const part = table.meta.number === number ? position % partsMax : 0
  new Step(store, table, part, done).run()
  return undefined
}
