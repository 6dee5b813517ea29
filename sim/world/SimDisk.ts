/**
 * SimDisk: the `Disk` service of a simulated machine. Operations of one file run in order, each after a drawn latency; its
 * effect on the image and its completion are one event. What a crash leaves is decided in `crash`, from the image
 * (`DiskImage`) and from what was under way.
 */
import * as RelativePath from "#base/RelativePath.ts"
import { CallEvent, Event, type Epoch, type Kernel } from "#sim/kernel/Kernel.ts"
import * as Disk from "#world/Disk.ts"
import { DiskError, type DiskErrorCode, type DiskOperation } from "#world/WorldError.ts"
import type { Atlas } from "#sim/faults/Atlas.ts"
import type { DiskFaults } from "./DiskFaults.ts"
import { DiskImage, Inode, parentOf, sectorBytes, type PowerLoss } from "./DiskImage.ts"

/** Latencies in microseconds: each is drawn from min to max. */
export interface DiskTimes {
  readonly callMicrosMin: number
  readonly callMicrosMax: number
  readonly syncMicrosMin: number
  readonly syncMicrosMax: number
}

export interface DiskObserver {
  disk(event: {
    readonly submittedAt: number
    readonly operation: DiskOperation
    readonly path: string
    readonly sizeBytes: number
    readonly result: "ok" | DiskErrorCode
  }): void
}

/** What the disk needs of its machine. */
export interface DiskOwner {
  readonly index: number
  readonly kernel: Kernel
  readonly atlas: Atlas
  /** The machine dies now, in the middle of a disk call. */
  readonly killed: () => void
  readonly observer: DiskObserver | undefined
}

const messages: Readonly<Record<DiskErrorCode, string>> = {
  "not-found": "no such file or directory: create it first",
  exists: "it exists already: open it without `exclusive`, or remove it",
  "not-a-file": "it is a directory, or its parent is a file: choose another path",
  "no-space": "no space left on the device: free some, then try again",
  io: "input/output error: treat unsynced bytes as lost, and replace the device",
  closed: "the file is closed: open it again"
}

const fault = (code: DiskErrorCode, operation: DiskOperation, path: string): DiskError =>
  new DiskError({ code, operation, path, message: `${operation} ${path === "" ? "/" : path}: ${messages[code]}` })

/** The operations of an open file, by their codes in the trace hash. */
const operations = ["open", "read", "write", "append", "truncate", "sync", "size"] as const
const codes = { read: 1, write: 2, append: 3, truncate: 4, sync: 5, size: 6 } as const
type Code = (typeof codes)[keyof typeof codes]

const nothing = new Uint8Array(0)

/** One operation of an open file, from its submission to its completion; used again after that. */
class FileCall extends Event {
  readonly kind = 5
  file!: SimFile
  code: Code = codes.size
  /** Whether it makes the file durable. */
  syncs = false
  bytes: Uint8Array = nothing
  /** How it fails, where that was decided at its submission. */
  forced: DiskErrorCode | undefined
  private submittedAt = 0
  private ticket = 0
  private offset = 0
  private length = 0

  prepare(file: SimFile, epoch: Epoch, code: Code, ticket: number, offset: number, bytes: Uint8Array, length: number) {
    this.epoch = epoch
    this.file = file
    this.code = code
    this.syncs = code === codes.sync || (file.writeThrough && (code === codes.write || code === codes.append))
    this.submittedAt = file.disk.owner.kernel.now
    this.ticket = ticket
    this.offset = offset
    this.bytes = bytes
    this.length = length
    this.forced = undefined
  }

  fire(): void {
    const { bytes, code, file, length, ticket } = this
    const { disk, inode, sink } = file
    file.completed()
    const hash = disk.owner.kernel.hash
    hash.fold(code)
    const error = this.fails()
    if (disk.owner.observer !== undefined) this.observe(error ?? "ok")
    if (error !== undefined) {
      this.failPartly()
      hash.text(error)
      disk.free.push(this)
      sink.failed(ticket, fault(error, operations[code], file.path))
      return
    }
    let value = 0
    if (code === codes.write || code === codes.append) {
      const offset = this.syncs ? this.applyDurable() : this.apply(bytes)
      if (code === codes.append) value = offset
      hash.bytes(bytes)
    } else if (code === codes.sync) disk.sync(inode)
    else if (code === codes.truncate) inode.truncate(length)
    else if (code === codes.size) value = inode.size
    else {
      const found = inode.read(this.offset, length)
      hash.bytes(found)
      disk.free.push(this)
      sink.bytes(ticket, found)
      return
    }
    disk.free.push(this)
    sink.done(ticket, value)
  }

  private observe(result: "ok" | DiskErrorCode): void {
    this.file.disk.owner.observer!.disk({
      submittedAt: this.submittedAt,
      operation: operations[this.code],
      path: this.file.path,
      sizeBytes: this.code === codes.read ? this.length : this.bytes.length,
      result
    })
  }

  private fails(): DiskErrorCode | undefined {
    if (this.forced !== undefined) return this.forced
    const { faults } = this.file.disk
    if (faults.ioErrorPerMille > 0 && this.code !== codes.size && faults.error.chance(faults.ioErrorPerMille, 1_000))
      return "io"
    if (faults.full && (this.code === codes.write || this.code === codes.append)) {
      const end = (this.code === codes.append ? this.file.inode.size : this.offset) + this.bytes.length
      if (end > this.file.inode.size) return "no-space"
    }
    return undefined
  }

  private failPartly(): void {
    if (this.bytes.length > 0) {
      const prefix = this.file.disk.faults.prefix.below(this.bytes.length)
      if (prefix > 0) this.apply(this.bytes.subarray(0, prefix))
    }
    if (this.syncs) this.file.inode.loseToSync()
  }

  /** Puts the bytes into the image; returns where. */
  private apply(bytes: Uint8Array): number {
    const { disk, inode } = this.file
    const offset = this.code === codes.append ? inode.size : this.offset
    const landed = disk.misdirected(inode, offset, bytes.length)
    inode.write(landed, bytes, landed !== offset)
    return offset
  }

  /** A write-through: on a healthy disk there is no moment at which power loss could take it. */
  private applyDurable(): number {
    const { disk, inode } = this.file
    if (!disk.isHealthy || !inode.isClean) {
      const offset = this.apply(this.bytes)
      disk.sync(inode)
      return offset
    }
    const offset = this.code === codes.append ? inode.size : this.offset
    inode.writeDurable(offset, this.bytes)
    return offset
  }

  /** The machine died while this was under way: it may have been carried out, unseen. */
  carryOutUnseen(): void {
    if (this.code === codes.write || this.code === codes.append) this.apply(this.bytes)
    else if (this.code === codes.truncate) this.file.inode.truncate(this.length)
    else if (this.code === codes.sync && !this.file.disk.faults.lying) this.file.disk.sync(this.file.inode)
  }

  /** The same on a healthy fork of its file; `partly`: what it wrote is not durable. */
  carryOutOn(inode: Inode, how: "partly" | "wholly"): void {
    if (this.code === codes.write) inode.write(this.offset, this.bytes)
    else if (this.code === codes.append) inode.write(inode.size, this.bytes)
    else if (this.code === codes.truncate) inode.truncate(this.length)
    if (this.syncs && how === "wholly") inode.sync()
  }
}

class SimFile implements Disk.File {
  readonly disk: SimDisk
  readonly path: string
  readonly inode: Inode
  readonly sink: Disk.Sink
  readonly writeThrough: boolean
  readonly underWay: Array<FileCall> = []
  /** A sync of it is stuck, and what was submitted after it waits behind it. */
  isStuck = false
  private readonly epoch: Epoch
  private busyUntil = 0
  private closed = false

  constructor(disk: SimDisk, epoch: Epoch, path: string, inode: Inode, options: Disk.OpenOptions, sink: Disk.Sink) {
    this.disk = disk
    this.epoch = epoch
    this.path = path
    this.inode = inode
    this.writeThrough = options.writeThrough === true
    this.sink = sink
  }

  private submit(code: Code, ticket: number, offset: number, bytes: Uint8Array, length: number): void {
    const { disk, epoch } = this
    if (epoch.dead) return
    if (this.closed) {
      const { kernel } = disk.owner
      kernel.call(kernel.now + 1, () => this.sink.failed(ticket, fault("closed", operations[code], this.path)), epoch)
      return
    }
    const call = disk.free.pop() ?? new FileCall()
    call.prepare(this, epoch, code, ticket, offset, bytes, length)
    this.underWay.push(call)
    if (disk.faults.onCall !== undefined) call.forced = disk.faults.onCall(operations[code], this.path)
    if (disk.isLastCall(call.syncs)) return disk.owner.killed()
    const latency = (code === codes.sync ? 0 : disk.callMicros()) + (call.syncs ? disk.syncMicros() : 0)
    if (this.isStuck || (disk.faults.stuck && call.syncs)) {
      this.isStuck = true
      disk.stuck.push({ event: call, latency })
    } else this.queue(call, latency)
  }

  /** The oldest call under way is over. */
  completed(): void {
    // Mostly it is the only one, and `shift` is a call into the engine's runtime.
    if (this.underWay.length === 1) this.underWay.pop()
    else this.underWay.shift()
    if (this.closed && this.underWay.length === 0) this.disk.files.delete(this)
  }

  /** Strictly later than the call before: operations of a file never change places. */
  queue(call: Event, latency: number): void {
    const { kernel } = this.disk.owner
    this.busyUntil = Math.max(this.busyUntil, kernel.now) + Math.max(1, latency)
    kernel.schedule(call, this.busyUntil)
  }

  readAt(ticket: number, offset: number, lengthBytes: number): void {
    this.submit(codes.read, ticket, offset, nothing, lengthBytes)
  }
  writeAt(ticket: number, offset: number, bytes: Uint8Array): void {
    this.submit(codes.write, ticket, offset, bytes, 0)
  }
  append(ticket: number, bytes: Uint8Array): void {
    this.submit(codes.append, ticket, 0, bytes, 0)
  }
  truncate(ticket: number, sizeBytes: number): void {
    this.submit(codes.truncate, ticket, 0, nothing, sizeBytes)
  }
  sync(ticket: number): void {
    this.submit(codes.sync, ticket, 0, nothing, 0)
  }
  size(ticket: number): void {
    this.submit(codes.size, ticket, 0, nothing, 0)
  }
  close(): void {
    this.closed = true
    if (this.underWay.length === 0) this.disk.files.delete(this)
  }
}

export class SimDisk {
  readonly owner: DiskOwner
  readonly faults: DiskFaults
  /** What waits for the end of a `stuck-sync`, in the order of its submission. */
  readonly stuck: Array<{ readonly event: Event; readonly latency: number }> = []
  /** The open files of the present incarnation, and those closed ones that have calls under way. */
  readonly files = new Set<SimFile>()
  readonly free: Array<FileCall> = []
  private image = new DiskImage()
  private readonly times: DiskTimes
  private namesBusyUntil = 0

  constructor(owner: DiskOwner, times: DiskTimes, faults: DiskFaults) {
    this.owner = owner
    this.times = times
    this.faults = faults
  }

  callMicros(): number {
    const { callMicrosMin, callMicrosMax } = this.times
    return callMicrosMin + this.faults.latency.below(callMicrosMax - callMicrosMin + 1)
  }

  syncMicros(): number {
    // A lie takes no time.
    if (this.faults.lying) return 0
    const { syncMicrosMin, syncMicrosMax } = this.times
    const slow = this.faults.slowSyncMicros > 0 ? this.faults.latency.below(this.faults.slowSyncMicros) : 0
    return syncMicrosMin + this.faults.latency.below(syncMicrosMax - syncMicrosMin + 1) + slow
  }

  /** Counts a disk call towards the one in which the machine is to die; true: it is this one. */
  isLastCall(syncs: boolean): boolean {
    const { faults } = this
    if (faults.killAtSync && syncs) return true
    return faults.killAtCall > 0 && --faults.killAtCall === 0
  }

  /** Where a write to `offset` really lands. */
  misdirected(inode: Inode, offset: number, lengthBytes: number): number {
    if (!this.faults.misdirectNext || lengthBytes === 0) return offset
    const path = this.image.pathOf(inode)
    if (path === undefined) return offset
    const shift = offset >= sectorBytes ? -1 : 1
    const first = Math.floor(offset / sectorBytes)
    const end = Math.ceil((offset + lengthBytes) / sectorBytes)
    // Both the place that it misses and the place that it hits.
    const sectors = { first: Math.min(first, first + shift), end: Math.max(end, end + shift) }
    if (!this.owner.atlas.claim(this.owner.index, path, sectors)) return offset
    this.faults.misdirectNext = false
    return offset + shift * sectorBytes
  }

  /** A sync of a file, honest or not. */
  sync(inode: Inode): void {
    if (this.faults.lying) return
    const { atlas, index } = this.owner
    const path = atlas.hasDamage ? this.image.pathOf(inode) : undefined
    if (path !== undefined) atlas.renewed(index, path, inode.renewed())
    inode.sync()
  }

  /** No fault changes where a write lands, or whether its sync is true. */
  get isHealthy(): boolean {
    return !this.faults.lying && !this.faults.misdirectNext && !this.owner.atlas.hasDamage
  }

  /** The syncs that were stuck go on, and what waited behind them. */
  unstick(): void {
    this.faults.stuck = false
    const { kernel } = this.owner
    for (const { event, latency } of this.stuck.splice(0)) {
      if (event instanceof FileCall) {
        event.file.isStuck = false
        event.file.queue(event, latency)
      } else kernel.schedule(event, kernel.now + latency)
    }
  }

  /**
   * The machine died. What was under way may have been carried out, in order, up to a drawn point. With the power gone, what
   * was not synced is kept or lost as the faults say; otherwise the operating system still has it.
   */
  crash(powerLost: boolean): void {
    const { crash } = this.faults
    for (const file of this.files) {
      for (const call of file.underWay) {
        if (this.faults.losesAll || !crash.chance(1, 2)) break
        call.carryOutUnseen()
      }
    }
    this.files.clear()
    this.stuck.length = 0
    this.namesBusyUntil = 0
    this.faults.killAtCall = 0
    this.faults.killAtSync = false
    if (!powerLost) return
    // 0, the calm draw, keeps.
    const loss: PowerLoss = {
      keepWrite: () => !this.faults.losesUnsynced || (!this.faults.losesAll && crash.below(2) === 0),
      keepSector: () => !this.faults.tearsWrites || crash.below(4) !== 3,
      keepEntry: () => !this.faults.losesEntries || (!this.faults.losesAll && crash.below(2) === 0)
    }
    this.image.powerLoss(loss)
  }

  /** What power loss now would leave of a healthy disk, while this one goes on: `carriesOut` is asked for each call under way. */
  imageAfter(loss: PowerLoss, carriesOut: () => "not" | "partly" | "wholly"): DiskImage {
    const { forkOf, image } = this.image.fork()
    for (const file of this.files) {
      for (const call of file.underWay) {
        const how = carriesOut()
        if (how === "not") break
        call.carryOutOn(forkOf(file.inode), how)
      }
    }
    image.powerLoss(loss)
    return image
  }

  /** Puts another disk in: the machine must be down. */
  insert(image: DiskImage): void {
    this.image = image
  }

  wipe(): void {
    this.image = new DiskImage()
  }

  /** Flips a bit of a drawn place, if the atlas lets it; says where. */
  rot(): string | undefined {
    const files = this.image.files().filter(([, inode]) => inode.size > 0)
    if (files.length === 0) return undefined
    const [path, inode] = files[this.faults.rot.below(files.length)]
    const offset = this.faults.rot.below(inode.size)
    const first = Math.floor(offset / sectorBytes)
    // Only what is durable rots.
    if (inode.isPending(first) || !this.owner.atlas.claim(this.owner.index, path, { first, end: first + 1 }))
      return undefined
    inode.flipBit(offset, this.faults.rot.below(8))
    return `${path} at ${offset}`
  }

  /** The bytes of a file that power loss at this moment would leave for certain. They may be the disk's own. */
  durable(path: string): Uint8Array | undefined {
    return this.image.durable(path)
  }

  /** The disk as one incarnation sees it. */
  service(epoch: Epoch): Disk.Disk["Service"] {
    return Disk.make({
      open: (path, options, sink, done) => {
        this.names<Disk.File | undefined>(epoch, "open", path, done, undefined, () => {
          const entry = this.image.get(path)
          if (entry === "directory") return "not-a-file"
          if (entry === undefined) {
            if (options.create !== true) return "not-found"
            if (this.faults.full) return "no-space"
            const parent = this.image.get(parentOf(path))
            if (parent !== "directory") return parent === undefined ? "not-found" : "not-a-file"
            this.image.create(path, new Inode())
          } else if (options.create === true && options.exclusive === true) return "exists"
          const file = new SimFile(this, epoch, path, this.image.get(path) as Inode, options, sink)
          this.files.add(file)
          return { value: file }
        })
      },
      rename: (from, to, done) => {
        this.names(epoch, "rename", from, done, undefined, () => {
          if (RelativePath.problem(to, { allowRoot: false }) !== undefined) return "not-found"
          const source = this.image.get(from)
          const target = this.image.get(to)
          if (source === undefined || to.startsWith(`${from}/`)) return "not-found"
          if (this.image.get(parentOf(to)) !== "directory") return "not-found"
          if (target === "directory") return "exists"
          if (source === "directory" && target !== undefined) return "not-a-file"
          if (from !== to) {
            this.image.rename(from, to)
            if (this.owner.atlas.hasDamage) this.owner.atlas.renamed(this.owner.index, from, to)
          }
          return { value: undefined }
        })
      },
      remove: (path, done) => {
        this.names(epoch, "remove", path, done, undefined, () => {
          const entry = this.image.get(path)
          if (entry === undefined) return "not-found"
          if (entry === "directory" && (path === "" || this.image.list(path).length > 0)) return "exists"
          this.image.remove(path)
          return { value: undefined }
        })
      },
      list: (directory, done) => {
        this.names<ReadonlyArray<string>>(epoch, "list", directory, done, [], () => {
          const entry = this.image.get(directory)
          if (entry === undefined) return "not-found"
          return entry === "directory" ? { value: this.image.list(directory) } : "not-a-file"
        })
      },
      makeDirectory: (path, done) => {
        this.names(epoch, "make-directory", path, done, undefined, () => {
          const entry = this.image.get(path)
          if (entry === "directory") return { value: undefined }
          if (entry !== undefined) return "exists"
          if (this.image.get(parentOf(path)) !== "directory") return "not-found"
          if (this.faults.full) return "no-space"
          this.image.create(path, "directory")
          return { value: undefined }
        })
      },
      syncDirectory: (path, done) => {
        this.names(epoch, "sync-directory", path, done, undefined, () => {
          const entry = this.image.get(path)
          if (entry === undefined) return "not-found"
          if (entry !== "directory") return "not-a-file"
          if (!this.faults.lying) this.image.syncDirectory(path)
          return { value: undefined }
        })
      }
    })
  }

  /** An operation on names: rare, so made of functions. `none` is what `done` gets beside an error. */
  private names<A>(
    epoch: Epoch,
    operation: DiskOperation,
    path: string,
    done: Disk.Done<A>,
    none: A,
    carryOut: () => DiskErrorCode | { readonly value: A }
  ): void {
    if (epoch.dead) return
    const { kernel, observer } = this.owner
    const submittedAt = kernel.now
    const complete = (result: DiskErrorCode | { readonly value: A }): void => {
      const code = typeof result === "string" ? result : "ok"
      kernel.hash.text(operation)
      kernel.hash.text(code)
      observer?.disk({ submittedAt, operation, path, sizeBytes: 0, result: code })
      if (typeof result === "string") done(fault(result, operation, path), none)
      else done(undefined, result.value)
    }
    if (RelativePath.problem(path, { allowRoot: true }) !== undefined) {
      kernel.call(kernel.now + 1, () => complete("not-found"), epoch)
      return
    }
    if (this.isLastCall(operation === "sync-directory")) {
      // The machine dies before or after the operation took place.
      if (this.faults.kill.chance(1, 2)) carryOut()
      return this.owner.killed()
    }
    const latency = operation === "sync-directory" ? this.syncMicros() : this.callMicros()
    const forced = this.faults.onCall?.(operation, path)
    const event = new CallEvent(epoch, () => {
      if (forced !== undefined) return complete(forced)
      const fails = this.faults.ioErrorPerMille > 0 && this.faults.error.chance(this.faults.ioErrorPerMille, 1_000)
      complete(fails ? "io" : carryOut())
    })
    if (this.faults.stuck && operation === "sync-directory") {
      this.stuck.push({ event, latency })
      return
    }
    this.namesBusyUntil = Math.max(this.namesBusyUntil, kernel.now) + Math.max(1, latency)
    kernel.schedule(event, this.namesBusyUntil)
  }
}
