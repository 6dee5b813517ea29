/**
 * DiskImage: the contents of one machine's disk, and what power loss leaves of them. Pure data and functions: latency,
 * completions and the drawing of faults are `SimDisk`'s.
 *
 * A file's bytes are kept as reads see them (`cache`), with the writes since its last sync in a list. Power loss undoes
 * that list and applies again, sector by sector, what the draw keeps. After a failed or lying sync the durable bytes are
 * kept apart, because later syncs no longer make everything durable.
 */

export const sectorBytes = 512

/** One unsynced change of a file. A truncation has no bytes. */
interface Pending {
  readonly offset: number
  readonly bytes: Uint8Array
  /** The size that the file had after it. */
  readonly sizeAfter: number
}

/** What is to be kept of unsynced changes. */
export interface PowerLoss {
  /** Whether a whole unsynced write survives. */
  readonly keepWrite: () => boolean
  /** Whether a sector of a surviving write survives; asked only where the write spans several, or tears. */
  readonly keepSector: () => boolean
  readonly keepEntry: () => boolean
}

const grown = (bytes: Uint8Array, size: number): Uint8Array => {
  if (bytes.length >= size) return bytes
  const larger = new Uint8Array(Math.max(size, bytes.length * 2, 256))
  larger.set(bytes)
  return larger
}

export class Inode {
  private cache: Uint8Array = new Uint8Array(0)
  size = 0
  /** Undo information: bytes and size before the first pending write. Present exactly when something is pending or lost. */
  private durable: { bytes: Uint8Array; size: number } | undefined
  private pending: Array<Pending> = []
  /** The durable image lags behind for good: some write was lost by a sync. */
  private split = false

  read(offset: number, length: number): Uint8Array {
    const end = Math.min(offset + length, this.size)
    return end <= offset ? new Uint8Array(0) : this.cache.slice(offset, end)
  }

  private remember(): void {
    // Appends are the common case, and need no copy to be undone: what was there stays as it is.
    if (this.durable === undefined) this.durable = { bytes: this.cache, size: this.size }
  }

  private unshare(upTo: number): void {
    const durable = this.durable!
    if (durable.bytes === this.cache && upTo < durable.size) durable.bytes = this.cache.slice(0, durable.size)
  }

  write(offset: number, bytes: Uint8Array): void {
    this.remember()
    this.unshare(offset)
    const end = offset + bytes.length
    this.cache = grown(this.cache, end)
    if (offset > this.size) this.cache.fill(0, this.size, offset)
    this.cache.set(bytes, offset)
    if (end > this.size) this.size = end
    this.pending.push({ offset, bytes, sizeAfter: this.size })
  }

  truncate(size: number): void {
    this.remember()
    if (size < this.size) this.unshare(0)
    this.cache = grown(this.cache, size)
    if (size > this.size) this.cache.fill(0, this.size, size)
    this.size = size
    this.pending.push({ offset: size, bytes: new Uint8Array(0), sizeAfter: size })
  }

  /** Everything written so far becomes durable, but for what an earlier sync lost. */
  sync(): void {
    if (this.split) {
      const durable = this.durable!
      for (const change of this.pending) applyChange(durable, change)
    } else {
      this.durable = undefined
    }
    this.pending.length = 0
  }

  /** A failed or lying sync: what is pending stays visible and will never be durable by a later sync. */
  loseToSync(): void {
    if (this.pending.length === 0) return
    const durable = this.durable!
    if (durable.bytes === this.cache) durable.bytes = this.cache.slice(0, durable.size)
    this.split = true
    this.pending.length = 0
  }

  /** Bytes that power loss could still take. */
  get isDirty(): boolean {
    return this.pending.length > 0 || this.split
  }

  powerLoss(loss: PowerLoss): void {
    const durable = this.durable
    if (durable === undefined) return
    const image = { bytes: durable.bytes.slice(0, durable.size), size: durable.size }
    for (const change of this.pending) {
      if (!loss.keepWrite()) continue
      if (change.bytes.length === 0) applyChange(image, change)
      else applySectors(image, change, loss)
    }
    this.cache = image.bytes
    this.size = image.size
    this.durable = undefined
    this.pending = []
    this.split = false
  }

  /** Flips a bit where reads and power loss both see it. */
  flipBit(offset: number, bit: number): void {
    this.cache[offset] ^= 1 << bit
    const durable = this.durable
    if (durable !== undefined && durable.bytes !== this.cache && offset < durable.size) durable.bytes[offset] ^= 1 << bit
  }
}

const applyChange = (image: { bytes: Uint8Array; size: number }, change: Pending): void => {
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
const applySectors = (image: { bytes: Uint8Array; size: number }, change: Pending, loss: PowerLoss): void => {
  const end = change.offset + change.bytes.length
  let at = change.offset
  while (at < end) {
    const next = Math.min(end, (Math.floor(at / sectorBytes) + 1) * sectorBytes)
    if (loss.keepSector()) {
      applyChange(image, { offset: at, bytes: change.bytes.subarray(at - change.offset, next - change.offset), sizeAfter: 0 })
    }
    at = next
  }
}

interface PendingEntry {
  readonly directories: ReadonlyArray<string>
  readonly apply: (names: Map<string, Entry>) => void
}

export type Entry = Inode | "directory"

export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")))

export class DiskImage {
  private names = new Map<string, Entry>()
  private durableNames = new Map<string, Entry>()
  private pendingEntries: Array<PendingEntry> = []

  get(path: string): Entry | undefined {
    return path === "" ? "directory" : this.names.get(path)
  }

  private change(entry: PendingEntry): void {
    entry.apply(this.names)
    this.pendingEntries.push(entry)
  }

  create(path: string, entry: Entry): void {
    this.change({ directories: [parentOf(path)], apply: (names) => names.set(path, entry) })
  }

  remove(path: string): void {
    this.change({ directories: [parentOf(path)], apply: (names) => names.delete(path) })
  }

  /** A file, or a directory with all below it. */
  rename(from: string, to: string): void {
    const moved = [...this.names].filter(([name]) => name === from || name.startsWith(`${from}/`))
    this.change({
      directories: [parentOf(from), parentOf(to)],
      apply: (names) => {
        for (const [name] of moved) names.delete(name)
        for (const [name, entry] of moved) names.set(to + name.slice(from.length), entry)
      }
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

  syncDirectory(directory: string): void {
    this.pendingEntries = this.pendingEntries.filter((entry) => {
      if (!entry.directories.includes(directory)) return true
      entry.apply(this.durableNames)
      return false
    })
  }

  powerLoss(loss: PowerLoss): void {
    for (const entry of this.pendingEntries) {
      if (loss.keepEntry()) entry.apply(this.durableNames)
    }
    this.pendingEntries = []
    // A file whose directory vanished is out of reach.
    for (const name of [...this.durableNames.keys()]) {
      const parent = parentOf(name)
      if (parent !== "" && this.durableNames.get(parent) !== "directory") this.durableNames.delete(name)
    }
    this.names = new Map(this.durableNames)
    for (const entry of new Set(this.names.values())) {
      if (entry !== "directory") entry.powerLoss(loss)
    }
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
