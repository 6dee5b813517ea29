/**
 * Opening: makes the tree's file, and finds the newest tree in one that is there.
 *
 * A new file is made under another name, and takes its own when everything in it is durable: a file that has its name is whole.
 * The meta that was found is written again before anybody sees its tree: after a sync that failed, or a process that died, the
 * system may show what is not on the device.
 */
import type * as Disk from "#world/Disk.ts"
import { Corrupt, type StorageError } from "../StorageError.ts"
import * as MapParts from "./MapParts.ts"
import * as Meta from "./Meta.ts"
import * as Node from "./Node.ts"
import { Page } from "./Page.ts"
import * as PageFile from "./PageFile.ts"
import * as Format from "./PageFormat.ts"
import { SpaceMap } from "./SpaceMap.ts"
import { Store } from "./Store.ts"

const fileName = "data.btree"
const newName = "data.btree.new"

export interface Place {
  readonly port: Disk.Port
  readonly directory: string
}

export interface Sizes {
  readonly pageBytes: number
  readonly cacheBytesMax: number
  readonly spareBytesMax: number
  readonly writeBytesMax: number
  readonly sparePercent: number
}

type Done<A> = (error: StorageError | undefined, value: A | undefined) => void
type Failed = (error: StorageError | undefined) => void

const pathOf = (directory: string, name: string): string => (directory === "" ? name : `${directory}/${name}`)

/** Fills a new store; its tree may be in memory only. */
export type Fill = (store: Store, done: Failed) => void

export const fillNothing: Fill = (_, done) => done(undefined)

/** A store without a place on disk for anything yet. */
const emptyStore = (file: PageFile.PageFile, sizes: Sizes): Store => {
  const { cacheBytesMax, pageBytes, spareBytesMax } = sizes
  const none = { number: 0, pages: 0, checksum: 0 }
  const first = Format.firstPage(pageBytes)
  file.pageBytes = pageBytes
  const root = new Page(Node.emptyLeaf(pageBytes), 0, 1, 0)
  const store = new Store({
    file,
    space: new SpaceMap(first, first, MapParts.pagesPerPart(pageBytes)),
    cacheBytesMax,
    spareBytesMax,
    meta: { commit: 0, txn: 0, pageBytes, pageCount: first, root: none, map: none },
    mapParts: [],
    root
  })
  store.dirtyBytes = root.sizeBytes
  return store
}

/** Makes a new file with what `fill` puts into it, durably, in the place of the one that is there. */
export const create = ({ directory, port }: Place, sizes: Sizes, fill: Fill, done: Done<Store>): void => {
  const path = pathOf(directory, newName)
  port.remove(path, (error) => {
    if (error !== undefined && error.code !== "not-found") return done(error, undefined)
    PageFile.open(port, { path, create: true, writeBytesMax: sizes.writeBytesMax }, (error, file) => {
      if (error !== undefined) return done(error, undefined)
      const store = emptyStore(file!, sizes)
      const fail = (error: StorageError): void => {
        file!.close()
        port.remove(path, () => done(error, undefined))
      }
      fill(store, (error) => {
        if (error !== undefined) return fail(error)
        finish(store, sizes.sparePercent, (error) => {
          if (error !== undefined) return fail(error)
          port.rename(path, pathOf(directory, fileName), (error) => {
            if (error !== undefined) return fail(error)
            file!.path = pathOf(directory, fileName)
            port.syncDirectory(directory, (error) => {
              if (error === undefined) return done(undefined, store)
              file!.close()
              done(error, undefined)
            })
          })
        })
      })
    })
  })
}

/** Makes all of a new store durable, and both metas valid. */
const finish = (store: Store, sparePercent: number, done: Failed): void => {
  const metas = (): void => {
    store.space.sparePercent = sparePercent
    store.writeMeta({ ...store.meta, commit: store.meta.commit + 1 }, done)
  }
  if (store.isDurable) return metas()
  store.persist((error) => (error === undefined ? metas() : done(error)))
}

/** Opens the store of a directory; makes it when there is none. The directory must be there. */
export const open = (place: Place, sizes: Sizes, done: Done<Store>): void => {
  const { directory, port } = place
  port.list(directory, (error, names) => {
    if (error !== undefined) return done(error, undefined)
    if (!names.includes(fileName)) return create(place, sizes, fillNothing, done)
    const proceed = (): void => openFile(place, sizes, done)
    if (!names.includes(newName)) return proceed()
    port.remove(pathOf(directory, newName), (error) => (error === undefined ? proceed() : done(error, undefined)))
  })
}

const openFile = ({ directory, port }: Place, sizes: Sizes, done: Done<Store>): void => {
  const path = pathOf(directory, fileName)
  PageFile.open(port, { path, writeBytesMax: sizes.writeBytesMax }, (error, opened) => {
    if (error !== undefined) return done(error, undefined)
    const file = opened!
    const end: Done<Store> = (error, store) => {
      if (error !== undefined) file.close()
      done(error, store)
    }
    file.readBytes(0, Format.metaAreaBytes, (error, area) => {
      if (error !== undefined) return end(error, undefined)
      const found = Meta.find(area)
      if (found.meta === undefined) return end(lost(path, found), undefined)
      const { meta } = found
      file.pageBytes = meta.pageBytes
      file.readSize((error) => {
        if (error !== undefined) return end(error, undefined)
        readStore(file, meta, sizes, (error, store) => {
          if (error !== undefined) return end(error, undefined)
          store!.metasRepaired = found.damagedAt.length
          rewriteMetas(store!, (error) => {
            if (error !== undefined) return end(error, undefined)
            port.syncDirectory(directory, (error) => end(error, store))
          })
        })
      })
    })
  })
}

/** Makes the meta that was found durable; with it the other slot, where copies are damaged. */
const rewriteMetas = (store: Store, done: Failed): void => {
  store.writeMeta(store.meta, (error) => {
    if (error !== undefined || store.metasRepaired === 0) return done(error)
    store.writeMeta({ ...store.meta, commit: store.meta.commit + 1 }, done)
  })
}

const lost = (path: string, { laterVersion, lostAt }: Meta.Found): Corrupt =>
  laterVersion === undefined
    ? new Corrupt({ path, offsetBytes: lostAt, message: "a meta is damaged: the newest commits may have been in it" })
    : new Corrupt({
        path,
        offsetBytes: 0,
        message: `the file is of version ${laterVersion}: open it with a later program`
      })

/** Reads the root and the map of used pages. */
const readStore = (file: PageFile.PageFile, meta: Meta.Meta, sizes: Sizes, done: Done<Store>): void => {
  const { map, pageBytes, pageCount, root } = meta
  const space = new SpaceMap(pageCount, Format.firstPage(pageBytes), MapParts.pagesPerPart(pageBytes))
  space.sparePercent = sizes.sparePercent
  file.read(root, Format.kinds.node, (error, rootPage) => {
    if (error !== undefined) return done(error, undefined)
    file.read(map, Format.kinds.mapRoot, (error, mapRoot) => {
      if (error !== undefined) return done(error, undefined)
      const mapParts = MapParts.partsIn(mapRoot!)
      const { cacheBytesMax, spareBytesMax } = sizes
      const next = (index: number): void => {
        if (index === mapParts.length) {
          return done(
            undefined,
            new Store({ file, space, cacheBytesMax, spareBytesMax, meta, mapParts, root: rootPage! })
          )
        }
        const part = mapParts[index]
        if (part === undefined) return next(index + 1)
        file.read({ ...part, pages: 1 }, Format.kinds.mapPart, (error, page) => {
          if (error !== undefined) return done(error, undefined)
          MapParts.forEachUsed(page!, (number, pages) => space.load(number, pages))
          next(index + 1)
        })
      }
      next(0)
    })
  })
}

/** Makes a store in a directory that is new or empty; `exists`: it is neither. */
export const checkpoint = (place: Place, sizes: Sizes, fill: Fill, done: Done<"exists">): void => {
  const { directory, port } = place
  const parent = directory.slice(0, Math.max(0, directory.lastIndexOf("/")))
  port.makeDirectory(directory, (error) => {
    if (error !== undefined) return error.code === "exists" ? done(undefined, "exists") : done(error, undefined)
    port.list(directory, (error, names) => {
      if (error !== undefined) return done(error, undefined)
      if (names.length > 0) return done(undefined, "exists")
      create(place, sizes, fill, (error, store) => {
        if (error !== undefined) return done(error, undefined)
        store!.file.close()
        port.syncDirectory(parent, (error) => done(error, undefined))
      })
    })
  })
}
