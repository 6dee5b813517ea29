/**
 * DiskImage: the contents of one machine's disk, and what power loss leaves of them. Pure data and functions: latency,
 * completions and the drawing of faults are `SimDisk`'s.
 *
 * A file's bytes are kept as reads see them (`cache`), with the writes since its last sync in a list. Power loss undoes
 * that list and applies again, sector by sector, what the draw keeps. After a failed sync the durable bytes are kept apart,
 * because later syncs no longer make everything durable.
 */
import { copy } from "#base/Bytes.ts"

export const sectorBytes = 512

/** One unsynced change of a file, and how to undo it. A truncation has no bytes. */
interface Pending {
  readonly offset: number
  readonly bytes: Uint8Array
  readonly sizeAfter: number
  readonly sizeBefore: number
  /** What stood at `offset` before; undefined: nothing. */
  readonly old: Uint8Array | undefined
  /** A write that landed where it was not meant to. */
  readonly stray: boolean
}

/** Bytes of which `size` count. */
interface Image {
  bytes: Uint8Array
  size: number
}

/** What is to be kept of unsynced changes. */
export interface PowerLoss {
  /** Whether an unsynced write or truncation survives. */
  readonly keepWrite: () => boolean
  /** Whether a sector of a surviving write survives. */
  readonly keepSector: () => boolean
  /** Whether an unsynced change of names survives. */
  readonly keepEntry: () => boolean
}

const sectorOf = (offset: number): number => Math.floor(offset / sectorBytes)

/** The end of the sectors of a stretch of bytes. */
const sectorEnd = (end: number): number => Math.ceil(end / sectorBytes)

const grown = (bytes: Uint8Array, size: number): Uint8Array => {
  if (bytes.length >= size) return bytes
  const larger = new Uint8Array(Math.max(size, bytes.length * 2, 256))
  larger.set(bytes)
  return larger
}

const nothing = new Uint8Array(0)

export class Inode {
  private cache: Uint8Array = nothing
  size = 0
  private pending: Array<Pending> = []
  /** What is durable, kept apart since a sync lost some write for good. */
  private durable: Image | undefined
  /** The stretch of `cache` that was shown last. */
  private seen: { readonly of: Uint8Array; readonly bytes: Uint8Array } = { of: nothing, bytes: nothing }

  read(offset: number, length: number): Uint8Array {
    const end = Math.min(offset + length, this.size)
    return end <= offset ? new Uint8Array(0) : copy(this.cache, offset, end)
  }

  /** Copies the bytes: they are the caller's again. `stray`: they were meant for another place. */
  write(offset: number, bytes: Uint8Array, stray = false): void {
    if (bytes.length === 0) return
    const { size } = this
    const end = offset + bytes.length
    const old = offset < size ? copy(this.cache, offset, Math.min(end, size)) : undefined
    this.cache = grown(this.cache, end)
    if (offset > size) this.cache.fill(0, size, offset)
    this.cache.set(bytes, offset)
    if (end > size) this.size = end
    this.pending.push({ offset, bytes: copy(bytes), sizeAfter: this.size, sizeBefore: size, old, stray })
  }

  /** Nothing is pending and nothing was lost: what is seen is what is durable. */
  get isClean(): boolean {
    return this.pending.length === 0 && this.durable === undefined
  }

  /** A write and its sync in one, to a clean file: there is nothing to undo, and nothing to keep for that. */
  writeDurable(offset: number, bytes: Uint8Array): void {
    const { size } = this
    const end = offset + bytes.length
    this.cache = grown(this.cache, end)
    if (offset > size) this.cache.fill(0, size, offset)
    this.cache.set(bytes, offset)
    if (end > size) this.size = end
  }

  truncate(size: number): void {
    const sizeBefore = this.size
    const old = size < sizeBefore ? this.cache.slice(size, sizeBefore) : undefined
    this.cache = grown(this.cache, size)
    if (size > sizeBefore) this.cache.fill(0, sizeBefore, size)
    this.size = size
    this.pending.push({ offset: size, bytes: nothing, sizeAfter: size, sizeBefore, old, stray: false })
  }

  /** Everything written so far becomes durable, but for what an earlier sync lost. */
  sync(): void {
    if (this.durable !== undefined) for (const change of this.pending) applyChange(this.durable, change)
    this.pending.length = 0
  }

  /** Sectors that the next sync makes durable as a whole as they were meant to be. */
  renewed(): ReadonlySet<number> {
    const sectors = new Set<number>()
    for (const { bytes, offset, stray } of this.pending) {
      const end = offset + bytes.length
      const [from, to] = stray ? [sectorOf(offset), sectorEnd(end)] : [sectorEnd(offset), sectorOf(end)]
      for (let sector = from; sector < to; sector++) {
        if (stray) sectors.delete(sector)
        else sectors.add(sector)
      }
    }
    return sectors
  }

  /** Whether anything of a sector is not synced yet. */
  isPending(sector: number): boolean {
    return this.pending.some(
      ({ bytes, offset, sizeAfter, sizeBefore }) =>
        sector >= sectorOf(bytes.length === 0 ? Math.min(sizeAfter, sizeBefore) : offset) &&
        sector < sectorEnd(bytes.length === 0 ? Math.max(sizeAfter, sizeBefore) : offset + bytes.length)
    )
  }

  /** A failed sync: what is pending stays visible and will never be durable by a later sync. */
  loseToSync(): void {
    this.durable ??= this.undone()
    this.pending.length = 0
  }

  /** The bytes without what is pending. */
  private undone(): Image {
    const image: Image = { bytes: this.cache.slice(0, this.size), size: this.size }
    for (let i = this.pending.length - 1; i >= 0; i--) {
      const { offset, old, sizeBefore } = this.pending[i]
      image.bytes = grown(image.bytes, sizeBefore)
      if (old !== undefined) image.bytes.set(old, offset)
      image.size = sizeBefore
    }
    return image
  }

  /** What power loss leaves for certain. They may be the file's own bytes; while nothing is pending, always the same array. */
  durableBytes(): Uint8Array {
    if (!this.isClean) {
      const { bytes, size } = this.durable ?? this.undone()
      return bytes.subarray(0, size)
    }
    // A judge looks at every message: a new array each time would cost more than the judging.
    if (this.seen.of !== this.cache || this.seen.bytes.length !== this.size)
      this.seen = { of: this.cache, bytes: this.cache.subarray(0, this.size) }
    return this.seen.bytes
  }

  /** The same again, to go another way. */
  fork(): Inode {
    const fork = new Inode()
    fork.cache = this.cache.slice(0, this.size)
    fork.size = this.size
    fork.pending = [...this.pending]
    if (this.durable !== undefined) fork.durable = { ...this.durable, bytes: this.durable.bytes.slice() }
    return fork
  }

  powerLoss(loss: PowerLoss): void {
    const image = this.durable ?? this.undone()
    for (const change of this.pending) {
      if (!loss.keepWrite()) continue
      if (change.bytes.length === 0) applyChange(image, change)
      else applySectors(image, change, loss)
    }
    this.cache = image.bytes
    this.size = image.size
    this.durable = undefined
    this.pending = []
  }

  /** Flips a bit of a sector of which nothing is pending, so that reads and power loss both see it. */
  flipBit(offset: number, bit: number): void {
    this.cache[offset] ^= 1 << bit
    if (this.durable !== undefined && offset < this.durable.size) this.durable.bytes[offset] ^= 1 << bit
  }
}

const applyChange = (image: Image, change: Pick<Pending, "offset" | "bytes" | "sizeAfter">): void => {
  if (change.bytes.length === 0) {
    image.bytes = grown(image.bytes, change.sizeAfter)
    if (change.sizeAfter > image.size) image.bytes.fill(0, image.size, change.sizeAfter)
    image.size = change.sizeAfter
    return
  }
  const end = change.offset + change.bytes.length
  image.bytes = grown(image.bytes, end)
  if (change.offset > image.size) image.bytes.fill(0, image.size, change.offset)
  image.bytes.set(change.bytes, change.offset)
  if (end > image.size) image.size = end
}

/** Keeps or drops each sector of a write on its own; a hole that it leaves below the end of the file reads as zeros. */
const applySectors = (image: Image, change: Pending, loss: PowerLoss): void => {
  const end = change.offset + change.bytes.length
  let at = change.offset
  while (at < end) {
    const next = Math.min(end, (sectorOf(at) + 1) * sectorBytes)
    if (loss.keepSector()) {
      applyChange(image, {
        offset: at,
        bytes: change.bytes.subarray(at - change.offset, next - change.offset),
        sizeAfter: 0
      })
    }
    at = next
  }
}

/** A change of names: some go, then some come. */
interface PendingEntry {
  /** Those that are still to be synced. */
  readonly directories: ReadonlyArray<string>
  readonly gone: ReadonlyArray<string>
  readonly come: ReadonlyArray<readonly [name: string, entry: Entry]>
}

const applyNames = (names: Map<string, Entry>, { come, gone }: PendingEntry): void => {
  for (const name of gone) names.delete(name)
  for (const [name, entry] of come) names.set(name, entry)
}

/** Whether two changes are about one name. */
const meet = (left: PendingEntry, right: PendingEntry): boolean => {
  const names = new Set([...left.gone, ...left.come.map(([name]) => name)])
  return right.gone.some((name) => names.has(name)) || right.come.some(([name]) => names.has(name))
}

export type Entry = Inode | "directory"

export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")))

/** Whether `path` is `name`, or below it. */
const isAt = (name: string, path: string): boolean => path === name || path.startsWith(`${name}/`)

export class DiskImage {
  private names = new Map<string, Entry>()
  private durableNames = new Map<string, Entry>()
  private pendingEntries: Array<PendingEntry> = []

  get(path: string): Entry | undefined {
    return path === "" ? "directory" : this.names.get(path)
  }

  private change(entry: PendingEntry): void {
    applyNames(this.names, entry)
    this.pendingEntries.push(entry)
  }

  create(path: string, entry: Entry): void {
    this.change({ directories: [parentOf(path)], gone: [], come: [[path, entry]] })
  }

  remove(path: string): void {
    this.change({ directories: [parentOf(path)], gone: [path], come: [] })
  }

  /** A file, or a directory with all below it. */
  rename(from: string, to: string): void {
    const moved = [...this.names].filter(([name]) => isAt(from, name))
    this.change({
      directories: [parentOf(from), parentOf(to)],
      gone: moved.map(([name]) => name),
      come: moved.map(([name, entry]) => [to + name.slice(from.length), entry])
    })
  }

  /** Names in a directory, sorted by bytes. */
  list(directory: string): ReadonlyArray<string> {
    const prefix = directory === "" ? "" : `${directory}/`
    const found: Array<string> = []
    for (const name of this.names.keys()) {
      if (name.startsWith(prefix) && !name.slice(prefix.length).includes("/")) found.push(name.slice(prefix.length))
    }
    return found.sort(byBytes)
  }

  /** A change is durable once all of its directories are synced; then those before it that it builds on are so too. */
  syncDirectory(directory: string): void {
    const open: Array<PendingEntry> = []
    for (const entry of this.pendingEntries) {
      const directories = entry.directories.filter((one) => one !== directory)
      if (directories.length > 0) {
        open.push({ ...entry, directories })
        continue
      }
      const together = [entry]
      for (let at = open.length - 1; at >= 0; at--) {
        if (together.some((one) => meet(open[at], one))) together.unshift(...open.splice(at, 1))
      }
      for (const one of together) applyNames(this.durableNames, one)
    }
    this.pendingEntries = open
  }

  /** Where a file is now, renames considered; undefined: removed. */
  pathOf(inode: Inode): string | undefined {
    for (const [path, entry] of this.names) if (entry === inode) return path
    return undefined
  }

  /** What power loss leaves of a file for certain; undefined: there may be none of this name. They may be its own bytes. */
  durable(path: string): Uint8Array | undefined {
    for (const { come, gone } of this.pendingEntries)
      if (gone.some((name) => isAt(name, path)) || come.some(([name]) => isAt(name, path))) return undefined
    for (let parent = parentOf(path); parent !== ""; parent = parentOf(parent))
      if (this.durableNames.get(parent) !== "directory") return undefined
    const entry = this.durableNames.get(path)
    return entry === undefined || entry === "directory" ? undefined : entry.durableBytes()
  }

  /** The same again, to go another way; `forkOf` says which file became which. */
  fork(): { readonly image: DiskImage; readonly forkOf: (inode: Inode) => Inode } {
    const forks = new Map<Inode, Inode>()
    const forkOf = (inode: Inode): Inode => {
      const fork = forks.get(inode) ?? inode.fork()
      forks.set(inode, fork)
      return fork
    }
    const forked = ([name, entry]: readonly [string, Entry]): [string, Entry] => [
      name,
      entry === "directory" ? entry : forkOf(entry)
    ]
    const image = new DiskImage()
    image.names = new Map([...this.names].map(forked))
    image.durableNames = new Map([...this.durableNames].map(forked))
    image.pendingEntries = this.pendingEntries.map((entry) => ({ ...entry, come: entry.come.map(forked) }))
    return { image, forkOf }
  }

  powerLoss(loss: PowerLoss): void {
    for (const entry of this.pendingEntries) {
      if (loss.keepEntry()) applyNames(this.durableNames, entry)
    }
    this.pendingEntries = []
    // A file whose directory vanished is out of reach.
    for (const name of [...this.durableNames.keys()]) {
      const parent = parentOf(name)
      if (parent !== "" && this.durableNames.get(parent) !== "directory") this.durableNames.delete(name)
    }
    this.names = new Map(this.durableNames)
    for (const [, inode] of this.files()) inode.powerLoss(loss)
  }

  /** All files, sorted by path. */
  files(): ReadonlyArray<readonly [path: string, inode: Inode]> {
    const files: Array<readonly [string, Inode]> = []
    for (const [path, entry] of this.names) if (entry !== "directory") files.push([path, entry])
    return files.sort(([left], [right]) => byBytes(left, right))
  }
}

const encoder = new TextEncoder()

/** Order of names by their UTF-8 bytes, which is that of their code points. */
const byBytes = (left: string, right: string): number => {
  if (left === right) return 0
  const a = encoder.encode(left)
  const b = encoder.encode(right)
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] - b[i]
  return a.length - b.length
}
