/**
 * TableFile: a builder's bytes into a new file, durable when it is closed, but for the directory's entry.
 */
import * as Effect from "effect/Effect"
import * as Disk from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"
import type { TableBuilder } from "./TableBuilder.ts"
import * as TableFormat from "./TableFormat.ts"

export interface TableFile {
  /** Appends what the builder has ready. */
  readonly write: (builder: TableBuilder) => Effect.Effect<void, DiskError>
  readonly finish: (builder: TableBuilder) => Effect.Effect<TableFormat.TableMeta, DiskError>
}

export const pathOf = (directory: string, name: string): string => (directory === "" ? name : `${directory}/${name}`)

/** The file stays open for the life of the scope. A file with this number must not be there. */
export const create = Effect.fnUntraced(function* (directory: string, number: number) {
  const disk = yield* Disk.Disk
  const path = pathOf(directory, TableFormat.tableName(number))
  const handle = yield* disk.open(path, { create: true, exclusive: true })
  const file: TableFile = {
    write: (builder) => {
      const bytes = builder.take()
      return bytes === undefined ? Effect.void : Effect.map(handle.append(bytes), () => builder.giveBack(bytes))
    },
    finish: (builder) =>
      Effect.gen(function* () {
        const { meta, rest } = builder.finish()
        yield* handle.append(rest)
        yield* handle.sync
        return meta
      })
  }
  return file
})
