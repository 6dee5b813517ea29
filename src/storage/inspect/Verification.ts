/**
 * Verification: reads all files of a store, each by its format, and finds everything that is not as it was written: in each file, and
 * between them. It needs a disk that may be read only. No engine is open on the store meanwhile: what an engine is just
 * changing may look damaged.
 */
import * as Effect from "effect/Effect"
import { Disk } from "#world/Disk.ts"
import type { DiskError } from "#world/WorldError.ts"
import * as Keys from "../Keys.ts"
import * as Manifest from "../lsm/Manifest.ts"
import type { TableMeta } from "../lsm/TableFormat.ts"
import * as TableFormat from "../lsm/TableFormat.ts"
import { Corrupt } from "../StorageError.ts"
import * as WalFormat from "../wal/Format.ts"
import * as WalOpening from "../wal/Opening.ts"
import * as ManifestUnits from "./ManifestUnits.ts"
import * as OverlayDisk from "./OverlayDisk.ts"
import { fileKind, type FileKind, type StoreKind } from "./StoreKind.ts"
import * as TableUnits from "./TableUnits.ts"
import type { Source } from "./Unit.ts"

export interface Report {
  readonly kind: StoreKind
  /** Files that were read. */
  readonly files: number
  readonly bytes: number
  /** Blocks, records, pages, ... that were looked at. */
  readonly units: number
  readonly rot: ReadonlyArray<Corrupt>
  /** Names of files that nothing refers to, and that the next opening removes. They were not read. */
  readonly leftOver: ReadonlyArray<string>
  /** A log or a manifest ends in what a crash has torn off, which the next opening cuts. */
  readonly isTorn: boolean
}

const repair = "repair it from a replica or a backup"
const pathIn = (directory: string, name: string): string => (directory === "" ? name : `${directory}/${name}`)

class Findings {
  files = 0
  bytes = 0
  units = 0
  isTorn = false
  readonly rot: Array<Corrupt> = []
  /** Names of the files that the store is made of. */
  readonly named = new Set<string>()
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  add(name: string, offsetBytes: number, message: string, advice = repair): void {
    const path = pathIn(this.directory, name)
    this.rot.push(new Corrupt({ path, offsetBytes, message: `${message}: ${advice}` }))
  }

  /** What somebody else found, unless it is known. */
  take(found: Corrupt): void {
    const isKnown = this.rot.some(({ offsetBytes, path }) => path === found.path && offsetBytes === found.offsetBytes)
    if (!isKnown) this.rot.push(found)
  }
}

const open = Effect.fnUntraced(function* (directory: string, name: string, number: number) {
  const path = pathIn(directory, name)
  const handle = yield* (yield* Disk).open(path)
  return { path, number, handle, sizeBytes: yield* handle.size } satisfies Source
})

/** Reads a file of the store by its format; the size that it has. */
const walk = Effect.fnUntraced(function* (findings: Findings, name: string, { number, walk }: FileKind) {
  findings.named.add(name)
  const source = yield* open(findings.directory, name, number)
  findings.files++
  findings.bytes += source.sizeBytes
  yield* walk(source, {
    wantsEntries: false,
    unit: ({ isRepairable = false, offsetBytes, problem, what }) => {
      findings.units++
      if (what === ManifestUnits.tornEnd) findings.isTorn = true
      if (problem === undefined) return
      const advice = isRepairable ? "the next opening repairs it" : repair
      findings.add(name, offsetBytes, `${what}: ${problem}`, advice)
    }
  })
  return source
}, Effect.scoped)

const filesOf = (names: ReadonlyArray<string>, what: string): ReadonlyArray<readonly [string, FileKind]> =>
  names.flatMap((name) => {
    const kind = fileKind(name)
    return kind?.what === what ? [[name, kind] as const] : []
  })

const verifyAll = Effect.fnUntraced(function* (findings: Findings, names: ReadonlyArray<string>, what: string) {
  for (const [name, kind] of filesOf(names, what)) yield* walk(findings, name, kind)
})

/** The newest is the store, older ones are left over; where there is none, everything is in the log. */
const verifyMemory = Effect.fnUntraced(function* (findings: Findings, names: ReadonlyArray<string>) {
  const newest = filesOf(names, "checkpoint")
    .toSorted(([, a], [, b]) => b.number - a.number)
    .at(0)
  if (newest !== undefined) yield* walk(findings, newest[0], newest[1])
})

const readManifest = Effect.fnUntraced(function* (directory: string, name: string, number: number) {
  const { handle, sizeBytes } = yield* open(directory, name, number)
  const read = Manifest.read(yield* handle.readAt(0, sizeBytes), number)
  return "why" in read ? undefined : read
}, Effect.scoped)

const readCurrent = Effect.fnUntraced(function* (directory: string) {
  const { handle, sizeBytes } = yield* open(directory, "CURRENT", 0)
  return Manifest.readCurrent(yield* handle.readAt(0, sizeBytes))
}, Effect.scoped)

const isSame = (a: TableMeta, b: TableMeta): boolean =>
  a.filterAt === b.filterAt &&
  a.filterBytes === b.filterBytes &&
  a.rangesBytes === b.rangesBytes &&
  a.indexBytes === b.indexBytes &&
  a.entries === b.entries &&
  a.deletes === b.deletes &&
  Keys.compare(a.from, b.from) === 0 &&
  Keys.compare(a.to, b.to) === 0

/** What a table says of itself has to be what the manifest says of it. */
const compare = Effect.fnUntraced(function* (findings: Findings, name: string, meta: TableMeta) {
  const source = yield* open(findings.directory, name, meta.number)
  if (source.sizeBytes !== meta.sizeBytes) {
    return findings.add(name, source.sizeBytes, `it has ${source.sizeBytes} bytes, not ${meta.sizeBytes}`)
  }
  const end = yield* TableUnits.readEnd(source)
  if ("what" in end || end.properties === undefined || isSame(end.properties, meta)) return
  findings.add(name, end.footer.filterAt, "the table is another one than the manifest means")
}, Effect.scoped)

const verifyLsm = Effect.fnUntraced(function* (findings: Findings, names: ReadonlyArray<string>) {
  const { directory } = findings
  const lost = (name: string): void => findings.add(name, 0, "the file is gone")
  const verifyManifest = Effect.fnUntraced(function* () {
    if (!names.includes("CURRENT")) return lost("CURRENT")
    yield* walk(findings, "CURRENT", fileKind("CURRENT")!)
    const number = yield* readCurrent(directory)
    if (number === undefined) return
    const name = Manifest.manifestName(number)
    if (!names.includes(name)) return lost(name)
    yield* walk(findings, name, fileKind(name)!)
    return yield* readManifest(directory, name, number)
  })
  const manifest = yield* verifyManifest()
  // Without a manifest each table still tells whether it is sound.
  if (manifest === undefined) return yield* verifyAll(findings, names, "table")
  for (const meta of manifest.version.levels.flat()) {
    const name = TableFormat.tableName(meta.number)
    if (!names.includes(name)) {
      lost(name)
      continue
    }
    yield* walk(findings, name, fileKind(name)!)
    yield* compare(findings, name, meta)
  }
})

/** Only the log as a whole tells damage from what a crash has torn off: it is opened, on an overlay. */
const verifyLog = Effect.fnUntraced(function* (findings: Findings, names: ReadonlyArray<string>) {
  const { directory } = findings
  const disk = yield* OverlayDisk.make(yield* Disk)
  const opened = yield* Effect.provideService(WalOpening.open(directory), Disk, disk).pipe(
    Effect.catchTag("Corrupt", (corrupt) => Effect.succeed(corrupt))
  )
  if (opened instanceof Corrupt) {
    findings.take(opened)
    // What else is wrong is for each segment to tell.
    return yield* verifyAll(findings, names, "segment")
  }
  const { isTorn, recovery, segments } = opened
  for (const { corrupt } of recovery.damage) findings.take(corrupt)
  findings.files = segments.all.length
  findings.bytes = segments.sizeBytes
  findings.units = recovery.records
  findings.isTorn = isTorn
  for (const { number } of segments.all) findings.named.add(WalFormat.nameOf(number))
}, Effect.scoped)

const left = /^(\d{8,15}\.(checkpoint|table|manifest|new)|CURRENT\.next|data\.btree\.new)$/

/** Verifies a store, which is of this kind by its files. */
export const verify = Effect.fnUntraced(function* (
  directory: string,
  kind: StoreKind
): Effect.fn.Return<Report, DiskError, Disk> {
  const names = yield* (yield* Disk).list(directory)
  const findings = new Findings(directory)
  if (kind === "memory") yield* verifyMemory(findings, names)
  else if (kind === "lsm") yield* verifyLsm(findings, names)
  else if (kind === "btree") yield* verifyAll(findings, names, "tree")
  else yield* verifyLog(findings, names)
  const { bytes, files, isTorn, rot, units } = findings
  const leftOver = names.filter((name) => left.test(name) && !findings.named.has(name))
  return { kind, files, bytes, units, rot, leftOver, isTorn }
})
