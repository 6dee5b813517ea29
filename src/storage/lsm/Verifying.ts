/**
 * Verifying: reads a store's files as they are on disk, past the cache, and checks every byte that means something. A step reads the
 * manifest, the end of a table, or a stretch of its blocks. Positions are the table's number and the part of it, so a step goes
 * on where the last one was, whatever became of the tables meanwhile.
 */
import * as Effect from "effect/Effect"
import * as Completion from "#world/Completion.ts"
import type { Verified } from "../Engine.ts"
import { Corrupt, type StorageError } from "../StorageError.ts"
import * as Inspection from "./Inspection.ts"
import type { Store } from "./Store.ts"
import type { Table } from "./Table.ts"
import type { TableHead } from "./TableHead.ts"

/** Parts of a table that a position has room for. */
const partsMax = 65_536

const read = (table: Table, offset: number, lengthBytes: number): Effect.Effect<Uint8Array, StorageError> =>
  Effect.map(
    Completion.submit<Uint8Array | undefined, StorageError>((done) => table.read(offset, lengthBytes, done)),
    (bytes) => bytes!
  )

const verifyEnd = Effect.fnUntraced(function* (table: Table) {
  const { meta } = table
  const bytes = yield* read(table, meta.filterAt, meta.sizeBytes - meta.filterAt)
  const { damage, head } = Inspection.end(bytes, meta)
  const parts = head === undefined ? 0 : Inspection.stretches(head).length - 1
  return { bytesRead: bytes.length, rot: damage.map((at) => table.corrupt(at)), parts }
})

const verifyPart = Effect.fnUntraced(function* (table: Table, part: number) {
  const head =
    table.head ?? (yield* Completion.submit<TableHead | undefined, StorageError>((done) => table.loadHead(done)))!
  const stretches = Inspection.stretches(head)
  const [first, end] = [stretches[part], stretches[part + 1]]
  const from = head.index.offset(first)
  const bytes = yield* read(table, from, head.index.offset(end) - from)
  const damage = Inspection.blocks(bytes, head, { number: table.meta.number, first, end })
  return { bytesRead: bytes.length, rot: damage.map((at) => table.corrupt(at)), parts: stretches.length - 1 }
})

/** A file that is shorter than it should be, or gone, is damaged there. */
const orRot = <A extends { readonly bytesRead: number; readonly rot: Array<Corrupt>; readonly parts: number }, R>(
  step: Effect.Effect<A, StorageError, R>
) =>
  Effect.catch(step, (error) =>
    error instanceof Corrupt ? Effect.succeed({ bytesRead: 0, rot: [error], parts: 0 }) : Effect.fail(error)
  )

export const verify = Effect.fnUntraced(function* (
  store: Store,
  position: number
): Effect.fn.Return<Verified, StorageError> {
  const { manifest, tables } = store.parts
  const numbers = tables.current.levels.flat().sort((a, b) => a.meta.number - b.meta.number)
  const after = (number: number): number => {
    const next = numbers.find((table) => table.meta.number > number)
    return next === undefined ? 0 : next.meta.number * partsMax
  }
  if (position === 0) {
    const rot = yield* manifest.verify
    return { position: after(0), bytesRead: manifest.sizeBytes, rot: rot === undefined ? [] : [rot] }
  }
  const number = Math.floor(position / partsMax)
  const table = numbers.find(({ meta }) => meta.number >= number)
  if (table === undefined) return { position: 0, bytesRead: 0, rot: [] }
  const part = table.meta.number === number ? position % partsMax : 0
  const held = tables.hold()
  const found = yield* Effect.ensuring(
    orRot<{ readonly bytesRead: number; readonly rot: Array<Corrupt>; readonly parts: number }, never>(
      part === 0 ? verifyEnd(table) : verifyPart(table, part - 1)
    ),
    Effect.sync(() => tables.release(held))
  )
  const { bytesRead, parts, rot } = found
  const next = part < parts ? table.meta.number * partsMax + part + 1 : after(table.meta.number)
  return { position: next, bytesRead, rot }
})
