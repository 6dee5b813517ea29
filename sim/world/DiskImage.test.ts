import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { DiskImage, Inode, sectorBytes, type PowerLoss } from "./DiskImage.ts"

const keepAll: PowerLoss = { keepWrite: () => true, keepSector: () => true, keepEntry: () => true }
const keepNothing: PowerLoss = { keepWrite: () => false, keepSector: () => false, keepEntry: () => false }

/** Decides by the given coins, one after the other, and then keeps. */
const lossBy = (coins: ReadonlyArray<boolean>): PowerLoss => {
  let next = 0
  const flip = (): boolean => coins[next++] ?? true
  return { keepWrite: flip, keepSector: flip, keepEntry: flip }
}

const contents = (inode: Inode): ReadonlyArray<number> => [...inode.read(0, inode.size)]

type Change =
  | { readonly type: "write"; readonly at: number; readonly bytes: ReadonlyArray<number> }
  | { readonly type: "truncate"; readonly to: number }

/** Sets a byte of a list, with zeros before it where it was too short. */
const put = (list: Array<number>, at: number, byte: number): void => {
  while (list.length < at) list.push(0)
  list[at] = byte
}

/** What a file is, as naively as can be said: lists of numbers, and nothing shared between them. */
class Reference {
  seen: Array<number> = []
  durable: Array<number> = []
  pending: Array<Change> = []

  private static carryOut(list: Array<number>, change: Change, keepSector: () => boolean): void {
    if (change.type === "truncate") {
      while (list.length < change.to) list.push(0)
      list.length = change.to
      return
    }
    let kept = true
    change.bytes.forEach((byte, index) => {
      if (index === 0 || (change.at + index) % sectorBytes === 0) kept = keepSector()
      if (kept) put(list, change.at + index, byte)
    })
  }

  change(change: Change): void {
    if (change.type === "write" && change.bytes.length === 0) return
    Reference.carryOut(this.seen, change, () => true)
    this.pending.push(change)
  }
  sync(): void {
    for (const change of this.pending.splice(0)) Reference.carryOut(this.durable, change, () => true)
  }
  failSync(): void {
    this.pending = []
  }
  powerLoss(coins: ReadonlyArray<boolean>): void {
    let next = 0
    const flip = (): boolean => coins[next++] ?? true
    for (const change of this.pending.splice(0)) if (flip()) Reference.carryOut(this.durable, change, flip)
    this.seen = [...this.durable]
  }
}

type Command =
  | Change
  | { readonly type: "append"; readonly bytes: ReadonlyArray<number> }
  | { readonly type: "sync" | "failSync" }
  | { readonly type: "powerLoss"; readonly coins: ReadonlyArray<boolean> }

/** Sizes and places near the edges of sectors, where mistakes live. */
const place = fc.oneof(
  fc.nat(40),
  fc.tuple(fc.nat(4), fc.integer({ min: -2, max: 2 })).map(([sector, off]) => Math.max(0, sector * sectorBytes + off))
)
const stretch = fc
  .tuple(fc.oneof(fc.nat(5), fc.nat(3 * sectorBytes)), fc.integer({ min: 1, max: 255 }))
  .map(([length, first]) => Array.from({ length }, (_, index) => 1 + ((first + index) % 255)))
const coins = fc.array(fc.boolean(), { maxLength: 60 })
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("write" as const), at: place, bytes: stretch }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("append" as const), bytes: stretch }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("truncate" as const), to: place }) },
  { weight: 2, arbitrary: fc.constant({ type: "sync" as const }) },
  { weight: 1, arbitrary: fc.constant({ type: "failSync" as const }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("powerLoss" as const), coins }) }
)

const apply = (inode: Inode, reference: Reference, each: Command): void => {
  switch (each.type) {
    case "append":
      return apply(inode, reference, { type: "write", at: inode.size, bytes: each.bytes })
    case "write":
      inode.write(each.at, Uint8Array.from(each.bytes))
      return reference.change(each)
    case "truncate":
      inode.truncate(each.to)
      return reference.change(each)
    case "sync":
      inode.sync()
      return reference.sync()
    case "failSync":
      inode.loseToSync()
      return reference.failSync()
    case "powerLoss":
      inode.powerLoss(lossBy(each.coins))
      return reference.powerLoss(each.coins)
  }
}

describe("a file", () => {
  it("is what a naive list of bytes is, after whatever writes, truncations, syncs, failed syncs and power losses", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 30 }), fc.nat(3_000), fc.nat(3_000), (commands, offset, length) => {
        const inode = new Inode()
        const reference = new Reference()
        for (const each of commands) {
          apply(inode, reference, each)
          expect(contents(inode)).toEqual(reference.seen)
        }
        expect([...inode.read(offset, length)]).toEqual(reference.seen.slice(offset, offset + length))
      }),
      { seed: 11, numRuns: 400 }
    )
  })

  it("keeps what was synced, whatever power loss takes of what came later in other sectors", () => {
    fc.assert(
      fc.property(stretch, fc.array(fc.tuple(place, stretch), { maxLength: 8 }), coins, (synced, later, flips) => {
        const inode = new Inode()
        inode.write(0, Uint8Array.from(synced))
        inode.sync()
        const beyond = Math.ceil(synced.length / sectorBytes) * sectorBytes
        for (const [at, bytes] of later) inode.write(beyond + at, Uint8Array.from(bytes))
        inode.powerLoss(lossBy(flips))
        expect([...inode.read(0, synced.length)]).toEqual(synced)
      }),
      { seed: 12, numRuns: 200 }
    )
  })

  it("has nothing invented after power loss: every sector is one that it was, or part of it, or a hole of zeros", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(5), fc.nat(3), fc.integer({ min: 1, max: 255 })), { maxLength: 12 }),
        fc.nat(11),
        coins,
        (writes, syncAt, flips) => {
          const inode = new Inode()
          const versions: Array<Set<number>> = Array.from({ length: 10 }, () => new Set([0]))
          writes.forEach(([sector, more, fill], index) => {
            inode.write(sector * sectorBytes, new Uint8Array((more + 1) * sectorBytes).fill(fill))
            for (let each = sector; each <= sector + more; each++) versions[each].add(fill)
            if (index !== syncAt) return
            inode.sync()
            versions.forEach((version, each) => {
              version.clear()
              version.add(inode.read(each * sectorBytes, 1)[0] ?? 0)
            })
          })
          inode.powerLoss(lossBy(flips))
          const left = contents(inode)
          expect(left.length % sectorBytes).toBe(0)
          for (let each = 0; each * sectorBytes < left.length; each++) {
            const sector = new Set(left.slice(each * sectorBytes, (each + 1) * sectorBytes))
            expect(sector.size).toBe(1)
            expect(versions[each].has([...sector][0])).toBe(true)
          }
        }
      ),
      { seed: 13, numRuns: 200 }
    )
  })

  it("never makes durable by a later sync what a failed sync lost, though reads still see it", () => {
    const inode = new Inode()
    inode.write(0, Uint8Array.of(1, 1, 1))
    inode.sync()
    inode.write(0, Uint8Array.of(2))
    inode.loseToSync()
    inode.write(2, Uint8Array.of(3))
    inode.sync()
    inode.sync()
    expect(contents(inode)).toEqual([2, 1, 3])
    inode.powerLoss(keepAll)
    expect(contents(inode)).toEqual([1, 1, 3])
  })

  it("tells what power loss would leave for certain, without losing anything", () => {
    const inode = new Inode()
    const certain = (): ReadonlyArray<number> => [...inode.durableBytes()]
    inode.write(0, Uint8Array.of(1, 1))
    expect(certain()).toEqual([])
    inode.sync()
    expect(certain()).toEqual([1, 1])
    inode.writeDurable(1, Uint8Array.of(2, 2))
    expect(certain()).toEqual([1, 2, 2])
    inode.write(0, Uint8Array.of(3))
    expect(certain()).toEqual([1, 2, 2])
    inode.loseToSync()
    inode.sync()
    expect([certain(), contents(inode)]).toEqual([
      [1, 2, 2],
      [3, 2, 2]
    ])
  })

  it("keeps its own copy of what is written: the writer may use the buffer again", () => {
    const inode = new Inode()
    const bytes = Uint8Array.of(1, 2, 3)
    inode.write(0, bytes)
    bytes.fill(9)
    inode.powerLoss(keepAll)
    expect(contents(inode)).toEqual([1, 2, 3])
  })

  it("gives its readers their own copy", () => {
    const inode = new Inode()
    inode.write(0, Uint8Array.of(1, 2, 3))
    inode.read(0, 3).fill(9)
    expect(contents(inode)).toEqual([1, 2, 3])
  })

  it("is not made longer by an empty write beyond its end", () => {
    const inode = new Inode()
    inode.write(100, new Uint8Array(0))
    expect(inode.size).toBe(0)
  })

  it("shows a flipped bit before and after power loss, until its sector is written again", () => {
    const inode = new Inode()
    inode.write(0, new Uint8Array(sectorBytes).fill(8))
    inode.sync()
    inode.flipBit(5, 0)
    expect(inode.read(5, 1)[0]).toBe(9)
    inode.powerLoss(keepAll)
    expect(inode.read(5, 1)[0]).toBe(9)
    inode.write(0, new Uint8Array(sectorBytes).fill(8))
    inode.powerLoss(keepNothing)
    expect(inode.read(5, 1)[0]).toBe(9)
  })

  it("tells which sectors a sync makes whole, and which it leaves open", () => {
    const inode = new Inode()
    inode.write(10, new Uint8Array(3 * sectorBytes))
    expect([...inode.renewed()]).toEqual([1, 2])
    inode.write(sectorBytes, new Uint8Array(sectorBytes), true)
    expect([...inode.renewed()]).toEqual([2])
    inode.write(0, new Uint8Array(2 * sectorBytes))
    expect([...inode.renewed()].sort((left, right) => left - right)).toEqual([0, 1, 2])
    expect([0, 3, 4].map((sector) => inode.isPending(sector))).toEqual([true, true, false])
    inode.sync()
    expect([[...inode.renewed()], inode.isPending(0)]).toEqual([[], false])
    inode.truncate(sectorBytes)
    expect([0, 1, 3, 4].map((sector) => inode.isPending(sector))).toEqual([false, true, true, false])
  })
})

type NameCommand =
  | { readonly type: "create" | "remove"; readonly name: string }
  | { readonly type: "rename"; readonly name: string; readonly to: string }
  | { readonly type: "sync" }
  | { readonly type: "powerLoss"; readonly coins: ReadonlyArray<boolean> }

const name = fc.constantFrom("a", "b", "c")
const nameCommand: fc.Arbitrary<NameCommand> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom("create" as const, "remove" as const), name }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("rename" as const), name, to: name }) },
  { weight: 1, arbitrary: fc.constant({ type: "sync" as const }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("powerLoss" as const), coins }) }
)

/** Names as naively as can be said: a record, and what is to be done to it. */
class NameReference {
  seen: Record<string, number> = {}
  durable: Record<string, number> = {}
  pending: Array<(names: Record<string, number>) => void> = []

  change(change: (names: Record<string, number>) => void): void {
    change(this.seen)
    this.pending.push(change)
  }
}

describe("names", () => {
  it("are what a naive record of names is, after whatever creations, renames, removals, syncs and power losses", () => {
    fc.assert(
      fc.property(fc.array(nameCommand, { maxLength: 30 }), (commands) => {
        const image = new DiskImage()
        const reference = new NameReference()
        const numbers = new Map<Inode, number>()
        for (const each of commands) {
          const there = "name" in each ? reference.seen[each.name] : undefined
          if (each.type === "create" && there === undefined) {
            const inode = new Inode()
            const number = numbers.size
            numbers.set(inode, number)
            image.create(each.name, inode)
            reference.change((names) => (names[each.name] = number))
          } else if (each.type === "remove" && there !== undefined) {
            image.remove(each.name)
            reference.change((names) => delete names[each.name])
          } else if (each.type === "rename" && there !== undefined && each.name !== each.to) {
            image.rename(each.name, each.to)
            reference.change((names) => {
              delete names[each.name]
              names[each.to] = there
            })
          } else if (each.type === "sync") {
            image.syncDirectory("")
            for (const change of reference.pending.splice(0)) change(reference.durable)
          } else if (each.type === "powerLoss") {
            image.powerLoss(lossBy(each.coins))
            const kept = reference.pending.splice(0).filter((_, index) => each.coins[index] ?? true)
            for (const change of kept) change(reference.durable)
            reference.seen = { ...reference.durable }
          }
          expect(image.list("")).toEqual(Object.keys(reference.seen).sort((left, right) => (left < right ? -1 : 1)))
          for (const [path, inode] of image.files()) expect(numbers.get(inode)).toBe(reference.seen[path])
        }
      }),
      { seed: 14, numRuns: 500 }
    )
  })

  it("of synced directories survive with all that is in them, renamed as a whole or not at all", () => {
    for (const keep of [false, true]) {
      const image = new DiskImage()
      const inode = new Inode()
      image.create("old", "directory")
      image.create("old/log", inode)
      inode.write(0, Uint8Array.of(1, 2, 3))
      inode.sync()
      image.syncDirectory("old")
      image.syncDirectory("")
      image.rename("old", "new")
      expect([image.list(""), image.list("new"), image.list("old")]).toEqual([["new"], ["log"], []])
      image.powerLoss({ ...keepNothing, keepEntry: () => keep })
      const [there, gone] = keep ? ["new", "old"] : ["old", "new"]
      expect([image.list(""), image.list(there), image.get(gone)]).toEqual([[there], ["log"], undefined])
      expect(contents(image.get(`${there}/log`) as Inode)).toEqual([1, 2, 3])
    }
  })

  it("that replace others do so whole: after power loss the old file is there, or the new one", () => {
    for (const flips of [[], [true], [false], [false, false], [true, false], [false, true]]) {
      const image = new DiskImage()
      const [before, after] = [new Inode(), new Inode()]
      image.create("current", before)
      image.syncDirectory("")
      image.create("next", after)
      image.rename("next", "current")
      image.powerLoss(lossBy(flips))
      expect([before, after]).toContain(image.get("current"))
    }
  })

  it("are certain to survive once their directories are synced, all the way up, and nothing is pending there", () => {
    const image = new DiskImage()
    const inode = new Inode()
    inode.writeDurable(0, Uint8Array.of(7))
    const certain = (path: string): number | undefined => image.durable(path)?.[0]
    image.create("a", "directory")
    image.create("a/log", inode)
    image.syncDirectory("a")
    expect(certain("a/log")).toBe(undefined)
    image.syncDirectory("")
    expect([certain("a/log"), certain("a"), certain("b")]).toEqual([7, undefined, undefined])
    image.rename("a", "b")
    expect([certain("a/log"), certain("b/log")]).toEqual([undefined, undefined])
    image.syncDirectory("")
    expect([certain("a/log"), certain("b/log")]).toEqual([undefined, 7])
  })

  it("that move between directories are durable once both are synced; until then a file is in one place or the other", () => {
    const places = (keep: boolean, ...synced: ReadonlyArray<string>): ReadonlyArray<string> => {
      const image = new DiskImage()
      for (const directory of ["a", "b"]) image.create(directory, "directory")
      image.create("a/log", new Inode())
      for (const directory of ["", "a"]) image.syncDirectory(directory)
      image.rename("a/log", "b/log")
      for (const directory of synced) image.syncDirectory(directory)
      image.powerLoss(keep ? keepAll : keepNothing)
      return image.files().map(([path]) => path)
    }
    for (const synced of [[], ["a"], ["b"]]) {
      expect(places(false, ...synced)).toEqual(["a/log"])
      expect(places(true, ...synced)).toEqual(["b/log"])
    }
    for (const synced of [
      ["a", "b"],
      ["b", "a"]
    ])
      expect(places(false, ...synced)).toEqual(["b/log"])
  })

  it("keep their order where they meet: a file made where another went from stays, once it is durable", () => {
    const image = new DiskImage()
    const [first, second] = [new Inode(), new Inode()]
    for (const directory of ["a", "b"]) image.create(directory, "directory")
    image.create("a/log", first)
    for (const directory of ["", "a"]) image.syncDirectory(directory)
    image.rename("a/log", "b/log")
    image.create("a/log", second)
    image.syncDirectory("a")
    image.powerLoss(keepNothing)
    expect([image.get("a/log"), image.get("b/log")]).toEqual([second, first])
  })

  it("below a directory that vanished are out of reach", () => {
    const image = new DiskImage()
    image.create("directory", "directory")
    image.create("directory/log", new Inode())
    image.syncDirectory("directory")
    image.powerLoss(keepNothing)
    expect([image.list(""), image.get("directory/log"), image.files()]).toEqual([[], undefined, []])
  })

  it("are told of an open file wherever it was moved, and of one that was removed no more", () => {
    const image = new DiskImage()
    const inode = new Inode()
    image.create("next", inode)
    image.rename("next", "log")
    expect(image.pathOf(inode)).toBe("log")
    image.remove("log")
    expect(image.pathOf(inode)).toBeUndefined()
  })

  it("are sorted by bytes, which is not the order of UTF-16", () => {
    const image = new DiskImage()
    for (const each of ["\u{1F680}", "\uFFFD", "a", "Z"]) image.create(each, new Inode())
    expect(image.list("")).toEqual(["Z", "a", "\uFFFD", "\u{1F680}"])
  })
})
