/**
 * Store: one file of the tree, with what is known of it in memory: the tree as readers see it (`state`), the tree on disk (`meta`), the
 * pages that are cached, the map of used pages.
 *
 * A commit writes the tree's new pages to places that nothing on disk refers to, makes them durable, writes the meta durably, and only
 * then the commit counts. So after power loss the newest meta has a whole tree, and every page that it refers to and that does not
 * match is damaged. A commit that finds no room is undone: the tree on disk is untouched, and what was written is in free pages.
 */
import { assert } from "#base/Assert.ts"
import type { DiskError } from "#world/WorldError.ts"
import { Buffers } from "./Buffers.ts"
import { Freed } from "./Freed.ts"
import * as MapParts from "./MapParts.ts"
import * as Meta from "./Meta.ts"
import type { Page } from "./Page.ts"
import { PageCache } from "./PageCache.ts"
import type { Failure, PageFile } from "./PageFile.ts"
import { checksumOf, type Reference } from "./PageFormat.ts"
import * as Placement from "./Placement.ts"
import { Readers } from "./Readers.ts"
import type { SpaceMap } from "./SpaceMap.ts"

/** A tree as of a transaction. */
export interface State {
  readonly txn: number
  readonly root: Page
}

export type Loaded = (error: Failure | undefined, page: Page | undefined) => void

/** What became of an attempt to write: nothing has happened with `no-space`, anything may have with other errors. */
export type Committed = (error: DiskError | undefined) => void

export const referenceTo = (page: Page): Reference => ({
  number: page.number,
  checksum: checksumOf(page.bytes),
  pages: page.pages
})

export class Store {
  readonly file: PageFile
  readonly space: SpaceMap
  readonly cache: PageCache
  readonly readers = new Readers()
  readonly buffers: Buffers
  readonly pageBytes: number
  state: State
  meta: Meta.Meta
  /** Bytes of the pages of `state` that are not on disk. */
  dirtyBytes = 0
  commits = 0
  /** Copies of the meta that were damaged when it was opened, and are whole again. */
  metasRepaired = 0
  /** Where a slot begins whose write failed, which may have stopped within a sector; -1: none did. */
  unknownSlotAt = -1
  private mapParts: ReadonlyArray<MapParts.Part | undefined>
  /** By the transactions that are published and not durable. */
  private freed: Array<{ readonly txn: number; readonly freed: Freed }> = []
  private releasesSeen = 0
  private retired = false
  /** Called after each commit. */
  onCommit: (() => void) | undefined
  private readonly loading = new Map<number, { readonly checksum: number; readonly waiting: Array<Loaded> }>()

  constructor(options: {
    readonly file: PageFile
    readonly space: SpaceMap
    readonly cacheBytesMax: number
    readonly spareBytesMax: number
    readonly meta: Meta.Meta
    readonly mapParts: ReadonlyArray<MapParts.Part | undefined>
    readonly root: Page
  }) {
    this.file = options.file
    this.space = options.space
    this.meta = options.meta
    this.pageBytes = options.meta.pageBytes
    this.mapParts = options.mapParts
    this.cache = new PageCache(options.cacheBytesMax)
    this.buffers = new Buffers(options.meta.pageBytes, options.spareBytesMax)
    this.state = { txn: options.meta.txn, root: options.root }
    if (options.root.number > 0) this.cache.put(options.root)
  }

  /** Everything that readers see is on disk. */
  get isDurable(): boolean {
    const { root } = this.state
    return (
      root.number > 0 && root.number === this.meta.root.number && checksumOf(root.bytes) === this.meta.root.checksum
    )
  }

  /** Brings an extent into memory. Reads of the same one are one read. */
  load(reference: Reference, kind: number, done: Loaded): void {
    const { checksum, number } = reference
    const under = this.loading.get(number)
    if (under?.checksum === checksum) {
      under.waiting.push(done)
      return
    }
    const own = { checksum, waiting: [done] }
    if (under === undefined) this.loading.set(number, own)
    this.file.read(reference, kind, (error, page) => {
      if (this.loading.get(number) === own) this.loading.delete(number)
      if (page !== undefined) this.cache.put(page)
      for (const each of own.waiting) each(error, page)
    })
  }

  /** Makes a transaction's tree the one that readers see. */
  publish(options: { readonly state: State; readonly freed: Freed; readonly dirtyBytes: number }): void {
    this.state = options.state
    this.dirtyBytes = options.dirtyBytes
    const { freed } = options
    freed.settle()
    for (const page of freed.unplaced) {
      if (!this.readers.isRead(page.birth, options.state.txn)) this.buffers.give(page)
    }
    freed.unplaced.length = 0
    this.freed.push({ txn: options.state.txn, freed })
    if (this.isDurable) this.reclaim()
  }

  /** What was freed up to a durable commit may be used again, but for what readers need. */
  private reclaim(): void {
    this.freed = []
    const { readers } = this
    this.space.reclaim(readers.isRead, readers.releases !== this.releasesSeen, this.forget)
    this.releasesSeen = readers.releases
  }

  /** A page that nobody reads has lost its place. */
  private readonly forget = (number: number): void => {
    const page = this.cache.delete(number)
    if (page !== undefined) this.buffers.give(page)
  }

  /** Writes what readers see, if it is not on disk. */
  persist(done: Committed): void {
    assert(!this.isDurable, "there is something to write")
    this.commit(this.state, undefined, new Placement.Taken(), (error) => {
      if (error === undefined) {
        this.dirtyBytes = 0
        this.reclaim()
      }
      done(error)
    })
  }

  /**
   * Makes a tree durable. `freed`: by the transaction itself, when it is not published. `taken`: what earlier calls of `spill`
   * took for it; with an error all of it is given back.
   */
  commit(state: State, freed: Freed | undefined, taken: Placement.Taken, done: Committed): void {
    const { pageBytes, space } = this
    const frees = new Placement.Frees(space, taken)
    for (const each of this.freed) frees.add(each.freed, each.txn)
    if (freed !== undefined) frees.add(freed, state.txn)
    const pages = Placement.place(state.root, space, taken)
    const old = { root: this.meta.map, parts: this.mapParts }
    const map = pages && Placement.placeMap({ space, taken, frees, old, pageBytes, txn: state.txn })
    const undo = (error: DiskError): void => {
      frees.undo()
      taken.giveBack(space)
      if (pages !== undefined) Placement.displace(pages)
      done(error)
    }
    if (pages === undefined || map === undefined) return undo(this.file.full())
    this.file.write(pages.concat(map.pages), true, (error) => {
      if (error !== undefined) return undo(error)
      const meta: Meta.Meta = {
        commit: this.meta.commit + 1,
        txn: state.txn,
        pageBytes,
        pageCount: space.pageCount,
        root: referenceTo(state.root),
        map: referenceTo(map.root)
      }
      this.writeMeta(meta, (error) => {
        if (error !== undefined) return done(error)
        this.mapParts = map.parts
        this.commits++
        this.onCommit?.()
        space.written()
        this.keep(pages)
        done(undefined)
      })
    })
  }

  /** Makes a meta the newest on disk. */
  writeMeta(meta: Meta.Meta, done: Committed): void {
    this.file.writeThrough(Meta.slotAt(meta), Meta.encode(meta), (error) => {
      if (error !== undefined) {
        this.unknownSlotAt = Meta.slotAt(meta)
        return done(this.file.unknown(error))
      }
      this.meta = meta
      done(undefined)
    })
  }

  /** Pages that were written are pages like any other now. */
  private keep(pages: ReadonlyArray<Page>): void {
    Placement.settle(pages)
    for (const page of pages) this.cache.put(page)
  }

  /** Writes the pages of a tree that nobody sees yet, to have their memory. Needs that `state` is durable. */
  spill(root: Page, freed: Freed, taken: Placement.Taken, done: Committed): void {
    assert(this.isDurable, "pages that readers see are not written with those that they do not")
    this.reuse(freed, taken)
    const pages = Placement.place(root, this.space, taken)
    if (pages === undefined) return done(this.file.full())
    this.file.write(pages, false, (error) => {
      if (error === undefined) this.keep(pages)
      done(error)
    })
  }

  /** Extents that the transaction took and freed itself can be taken again at once. */
  private reuse(freed: Freed, taken: Placement.Taken): void {
    const extents = freed.extents.splice(0)
    for (let i = 0; i < extents.length; i += 3) {
      if (!taken.drop(extents[i])) freed.extent(extents[i], extents[i + 1], extents[i + 2])
      else {
        this.space.giveBack(extents[i], extents[i + 1])
        this.cache.delete(extents[i])
      }
    }
  }

  /** Nothing of a transaction that spilled has happened. */
  abandon(taken: Placement.Taken): void {
    taken.giveBack(this.space)
  }

  /** Nothing is written any more; the file is closed when nobody reads it. */
  retire(): void {
    this.retired = true
    this.unused()
  }

  /** A reader has ended. */
  unused(): void {
    if (this.retired && this.readers.isEmpty) this.file.close()
  }
}
