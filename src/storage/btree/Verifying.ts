/**
 * Verifying: reads the newest tree that is on disk, as it is there, from its root, a bounded stretch a call; then compares the pages that
 * it came by with the map of used pages: none twice, none missing in the map, none in the map that nothing refers to.
 *
 * The tree that a pass began with is kept as by a snapshot, until the pass ends, another begins, or many commits have gone by.
 */
import type { Done, Verified } from "../Engine.ts"
import { Corrupt } from "../StorageError.ts"
import * as MapParts from "./MapParts.ts"
import * as Meta from "./Meta.ts"
import * as Node from "./Node.ts"
import type { Page } from "./Page.ts"
import { firstPage, kinds, metaAreaBytes, type Reference } from "./PageFormat.ts"
import type { Store } from "./Store.ts"

/** Bytes that one step reads before it ends. */
const stepBytesMax = 1_048_576
/** Commits after which a pass that nobody goes on with is over. */
const idleCommitsMax = 4_096

interface Left {
  readonly reference: Reference
  readonly kind: number
}

/** One pass. */
class Pass {
  position = 1
  lastCommit: number
  readonly store: Store
  readonly txn: number
  readonly left: Array<Left>
  readonly mapped: Uint8Array
  readonly seen: Uint8Array
  hasRot = false

  constructor(store: Store) {
    const { map, pageCount, root, txn } = store.meta
    this.store = store
    this.txn = txn
    this.lastCommit = store.commits
    this.mapped = new Uint8Array(Math.ceil(pageCount / 8))
    this.seen = new Uint8Array(this.mapped.length)
    this.left = [
      { reference: root, kind: kinds.node },
      { reference: map, kind: kinds.mapRoot }
    ]
    store.readers.add(txn)
  }

  /** Marks pages in one of the sets; the number of one that was there already or cannot be, or -1. */
  mark(bits: Uint8Array, number: number, pages: number): number {
    for (let page = number; page < number + pages; page++) {
      const byte = page >>> 3
      const bit = 1 << (page & 7)
      if (byte >= bits.length || page < firstPage(this.store.pageBytes) || (bits[byte] & bit) !== 0) return page
      bits[byte] |= bit
    }
    return -1
  }

  /** What hangs on a page. */
  expand(page: Page, kind: number): void {
    const { bytes } = page
    if (kind === kinds.mapRoot) {
      for (const part of MapParts.partsIn(page)) {
        if (part !== undefined) this.left.push({ reference: { ...part, pages: 1 }, kind: kinds.mapPart })
      }
    } else if (kind === kinds.mapPart) {
      MapParts.forEachUsed(page, (number, pages) => this.mark(this.mapped, number, pages))
    } else if (kind === kinds.node) {
      for (let index = Node.countOf(bytes) - 1; index >= 0; index--) {
        const entry = Node.entryAt(bytes, index)
        if (page.level > 0) this.left.push({ reference: Node.childReference(bytes, index), kind: kinds.node })
        else if (Node.markAt(bytes, entry) === Node.largeMark) {
          const reference = Node.largeReference(bytes, entry, this.store.pageBytes)
          this.left.push({ reference, kind: kinds.value })
        }
      }
    }
  }

  /** Where the map and the tree disagree. */
  differences(): ReadonlyArray<Corrupt> {
    const found: Array<Corrupt> = []
    for (let byte = 0; byte < this.seen.length; byte++) {
      const difference = this.seen[byte] ^ this.mapped[byte]
      for (let bit = 0; bit < 8; bit++) {
        if ((difference & (1 << bit)) === 0) continue
        const isSeen = (this.seen[byte] & (1 << bit)) !== 0
        const what = isSeen ? "is in use and free in the map" : "is used in the map, and nothing refers to it"
        const number = byte * 8 + bit
        found.push(this.store.file.corrupt(number, `page ${number} ${what}`))
      }
    }
    return found
  }
}

export class Verifying {
  private pass: Pass | undefined
  private readonly later: (call: () => void) => void

  constructor(later: (call: () => void) => void) {
    this.later = later
  }

  /** Lets go of the tree of the pass. */
  end(): void {
    const { pass } = this
    this.pass = undefined
    if (pass === undefined) return
    pass.store.onCommit = undefined
    pass.store.readers.remove(pass.txn)
    pass.store.unused()
  }

  step(store: Store, position: number, done: Done<Verified | undefined>): void {
    let { pass } = this
    if (position === 0 || pass?.position !== position) {
      this.end()
      pass = new Pass(store)
      this.pass = pass
      store.onCommit = () => {
        if (store.commits - pass!.lastCommit > idleCommitsMax) this.end()
      }
      return this.metas(pass, done)
    }
    pass.lastCommit = store.commits
    this.walk(pass, { rot: [], bytesRead: 0 }, done)
  }

  private metas(pass: Pass, done: Done<Verified | undefined>): void {
    const { file } = pass.store
    file.readMetas(metaAreaBytes, (error, area) => {
      if (error !== undefined) return done(error, undefined)
      const unknown = pass.store.unknownSlotAt
      const damagedAt = Meta.find(area).damagedAt.filter((at) => unknown < 0 || Meta.slotOfSector(at) !== unknown)
      const rot = damagedAt.map(
        (offsetBytes) => new Corrupt({ path: file.path, offsetBytes, message: "a copy of the meta is damaged" })
      )
      this.walk(pass, { rot, bytesRead: area.length }, done)
    })
  }

  private walk(
    pass: Pass,
    found: { readonly rot: Array<Corrupt>; bytesRead: number },
    done: Done<Verified | undefined>
  ): void {
    const next = pass.left.pop()
    if (next === undefined) {
      if (!pass.hasRot) found.rot.push(...pass.differences())
      if (this.pass === pass) this.end()
      return done(undefined, { ...found, position: 0 })
    }
    const { kind, reference } = next
    const { store } = pass
    const twice = pass.mark(pass.seen, reference.number, reference.pages)
    if (twice >= 0) {
      pass.hasRot = true
      found.rot.push(store.file.corrupt(twice, `page ${twice} is used twice, or is none of the file's`))
      return this.later(() => this.walk(pass, found, done))
    }
    store.file.read(reference, kind, (error, page) => {
      if (error?._tag === "DiskError") {
        // The same stretch again, when it is asked for again.
        pass.left.length = 0
        this.end()
        return done(error, undefined)
      }
      found.bytesRead += reference.pages * store.pageBytes
      if (error !== undefined) {
        pass.hasRot = true
        found.rot.push(error)
      } else pass.expand(page!, kind)
      if (found.bytesRead < stepBytesMax || pass.left.length === 0) return this.walk(pass, found, done)
      pass.position++
      done(undefined, { ...found, position: pass.position })
    })
  }
}
