/**
 * Checkpoints: the files of a memory engine, as Effects. One file holds everything; a new one takes its place by a rename that is
 * made durable before the old one is removed, so at each moment there is a whole one, and the log from there on.
 *
 * The newest file is the only one that is read. One that is damaged is not passed over for an older one: what the log has had
 * cut off since would be missing without a word.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Disk from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"
import type { Verified } from "../Engine.ts"
import { Corrupt, Refused } from "../StorageError.ts"
import * as Format from "./CheckpointFormat.ts"
import type { TreeCursor } from "./TreeCursor.ts"

type DiskService = Disk.Disk["Service"]

/** Bytes that a read asks for, at least: enough that a trip to the device is worth its while. */
const readBytes = 1_048_576

export interface File {
  readonly path: string
  readonly number: number
  readonly sizeBytes: number
  /** Of the first log record that it does not hold. */
  readonly position: number
}

export interface Found {
  /** The newest checkpoint's number; 0: there is none. */
  readonly newest: number
  /** No number up to this one is used again. */
  readonly numberMax: number
  /** Names of files that are not needed. */
  readonly leftOver: ReadonlyArray<string>
}

export const pathOf = (directory: string, number: number, ending: Format.Ending = "checkpoint"): string =>
  `${directory}/${Format.nameOf(number, ending)}`

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")))

/** Makes a directory that survives power loss. */
export const makeDirectory = Effect.fnUntraced(function* (disk: DiskService, directory: string) {
  yield* disk.makeDirectory(directory)
  yield* disk.syncDirectory(parentOf(directory))
})

/** What the directory holds. */
export const find = Effect.fnUntraced(function* (disk: DiskService, directory: string) {
  let newest = 0
  let numberMax = 0
  const names: Array<string> = []
  for (const name of yield* disk.list(directory)) {
    const whole = Format.numberOf(name, "checkpoint")
    const number = whole ?? Format.numberOf(name, "new")
    if (number === undefined) continue
    names.push(name)
    if (whole !== undefined) newest = Math.max(newest, whole)
    numberMax = Math.max(numberMax, number)
  }
  const current = Format.nameOf(newest, "checkpoint")
  const found: Found = { newest, numberMax, leftOver: names.filter((name) => name !== current) }
  return found
})

/** Removes files that nobody needs; what stays is removed at the next opening. */
export const remove = (disk: DiskService, directory: string, names: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.forEach(names, (name) => Effect.ignore(disk.remove(`${directory}/${name}`)), { discard: true })

/** Reads a file from beginning to end; each unit is handed over when its checksum was found right. */
export const load = Effect.fnUntraced(function* (
  disk: DiskService,
  directory: string,
  number: number,
  visit: Format.Visit
): Effect.fn.Return<File, Corrupt | DiskError, Scope.Scope> {
  const path = pathOf(directory, number)
  const file = yield* disk.open(path)
  const head = yield* file.readAt(0, Format.headerBytes)
  const position = Format.decodeHeader(head, number)
  if (typeof position === "string") return yield* corrupt(path, 0, position)
  const reader = new Format.BlockReader(number)
  let offset = Format.headerBytes
  while (!reader.isAtEnd) {
    const askedBytes = Math.max(readBytes, reader.neededBytes)
    const bytes = yield* file.readAt(offset, askedBytes)
    let from = 0
    for (;;) {
      const read = reader.isAtEnd ? "more" : reader.read(bytes, from, visit)
      if (typeof read === "number") from += read
      else if (read !== "more") return yield* corrupt(path, offset + from, read)
      else if (!reader.isAtEnd && from === 0 && bytes.length < askedBytes)
        return yield* corrupt(path, offset, "the file ends before its end")
      else break
    }
    offset += from
  }
  if ((yield* file.size) !== offset) return yield* corrupt(path, offset, "there is something behind the end")
  return { path, number, sizeBytes: offset, position } satisfies File
}, Effect.scoped)

const corrupt = (path: string, offsetBytes: number, message: string): Corrupt =>
  new Corrupt({ path, offsetBytes, message: `${message}: repair it from a replica or a backup` })

/** Removes a file that another has taken the place of; if it stays, the next opening removes it. */
export const removeFile = (disk: DiskService, file: File): Effect.Effect<void> => Effect.ignore(disk.remove(file.path))

/** Whether something is in the way of a new directory. */
export const isTaken = (disk: DiskService, directory: string): Effect.Effect<boolean, DiskError> =>
  Effect.map(disk.list(directory), (names) => names.length > 0).pipe(
    Effect.catch((error) =>
      error.code === "not-found"
        ? Effect.succeed(false)
        : error.code === "not-a-file"
          ? Effect.succeed(true)
          : Effect.fail(error)
    )
  )

export interface WriteOptions {
  readonly directory: string
  readonly number: number
  readonly position: number
  readonly blockBytes: number
  /** All entries, in the order of the keys. */
  readonly entries: TreeCursor
  /** Asked between blocks: why to give up. */
  readonly end: () => Refused | undefined
}

/** Writes a file that is durable under its name when this succeeds. */
export const write = Effect.fnUntraced(function* (disk: DiskService, options: WriteOptions) {
  const { directory, number, position } = options
  const path = pathOf(directory, number, "new")
  const sizeBytes = yield* writeFile(disk, path, options).pipe(
    Effect.tap(() => disk.rename(path, pathOf(directory, number))),
    Effect.onError(() => Effect.ignore(disk.remove(path)))
  )
  yield* disk.syncDirectory(directory)
  return { path: pathOf(directory, number), number, sizeBytes, position } satisfies File
})

const writeFile = Effect.fnUntraced(function* (disk: DiskService, path: string, options: WriteOptions) {
  const { blockBytes, end, entries, number, position } = options
  const file = yield* disk.open(path, { create: true, exclusive: true })
  const builder = new Format.BlockBuilder(number, blockBytes)
  yield* file.append(Format.encodeHeader(number, position))
  let sizeBytes = Format.headerBytes
  for (let isMore = true; isMore;) {
    const given = end()
    if (given !== undefined) return yield* given
    while ((isMore = entries.next())) {
      const { bytes, keyFrom, keyTo, valueBytes, valueFrom, valueTo } = entries
      builder.add(bytes, keyFrom, keyTo, valueBytes, valueFrom, valueTo)
      if (builder.sizeBytes >= blockBytes) break
    }
    const unit = builder.sizeBytes > 0 ? builder.finish() : undefined
    if (unit === undefined) continue
    yield* file.append(unit)
    sizeBytes += unit.length
  }
  const last = builder.end()
  yield* file.append(last)
  yield* file.sync
  return sizeBytes + last.length
}, Effect.scoped)

/** Where a verification stands in a file. */
export interface Verification {
  readonly number: number
  readonly reader: Format.BlockReader
  offset: number
}

export const beginVerification = (file: File): Verification => ({
  number: file.number,
  reader: new Format.BlockReader(file.number),
  offset: 0
})

/** Reads on from where the verification stands; position 0: to the end. */
export const verify = Effect.fnUntraced(function* (disk: DiskService, file: File, at: Verification) {
  const { reader } = at
  const handle = yield* disk.open(file.path)
  const askedBytes = Math.max(readBytes, reader.neededBytes)
  const bytes = yield* handle.readAt(at.offset, askedBytes)
  const rot: Array<Corrupt> = []
  let from = 0
  if (at.offset === 0) {
    const position = Format.decodeHeader(bytes, file.number)
    if (typeof position === "string") rot.push(corrupt(file.path, 0, position))
    from = Format.headerBytes
  }
  let isDone = false
  while (!isDone && !reader.isAtEnd) {
    const read = reader.read(bytes, from, undefined)
    if (typeof read === "number") from += read
    else if (read !== "more") {
      rot.push(corrupt(file.path, at.offset + from, read))
      // Without the header of one block nobody finds the next.
      if (reader.isPassable) from += reader.neededBytes
      else isDone = true
    } else if (from === 0 && bytes.length < askedBytes) {
      rot.push(corrupt(file.path, at.offset, "the file ends before its end"))
      isDone = true
    } else break
  }
  at.offset += from
  if (reader.isAtEnd && (yield* handle.size) > at.offset) {
    rot.push(corrupt(file.path, at.offset, "there is something behind the end"))
  }
  const verified: Verified = { position: isDone || reader.isAtEnd ? 0 : at.offset, bytesRead: bytes.length, rot }
  return verified
}, Effect.scoped)
