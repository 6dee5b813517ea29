import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Atlas, nothing } from "./Atlas.ts"

type Step =
  | {
      readonly type: "claim"
      readonly node: number
      readonly path: string
      readonly first: number
      readonly length: number
    }
  | { readonly type: "renew"; readonly node: number; readonly path: string; readonly sector: number }
  | { readonly type: "wipe"; readonly node: number }

const nodes = 5
const node = fc.nat(nodes - 1)
const path = fc.constantFrom("a", "b")
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ type: fc.constant("claim" as const), node, path, first: fc.nat(3), length: fc.nat(3) })
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("renew" as const), node, path, sector: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("wipe" as const), node }) }
)

/** What is damaged, as naively as can be said: "node path sector" for each. */
class Reference {
  readonly damaged = new Set<string>()
  readonly wiped = new Set<number>()

  copiesDamaged(of: string, sector: number): number {
    let count = 0
    for (let each = 0; each < nodes; each++) {
      if (this.wiped.has(each) || this.damaged.has(`${each} ${of} ${sector}`)) count++
    }
    return count
  }

  get most(): number {
    let most = this.wiped.size
    for (const of of ["a", "b"])
      for (let sector = 0; sector < 7; sector++) most = Math.max(most, this.copiesDamaged(of, sector))
    return most
  }
}

const apply = (atlas: Atlas, reference: Reference, each: Step): void => {
  if (each.type === "renew") {
    atlas.renewed(each.node, each.path, [each.sector])
    reference.damaged.delete(`${each.node} ${each.path} ${each.sector}`)
  } else if (each.type === "wipe") {
    if (atlas.claimWipe(each.node)) reference.wiped.add(each.node)
  } else if (atlas.claim(each.node, each.path, { first: each.first, end: each.first + each.length })) {
    for (let sector = each.first; sector < each.first + each.length; sector++) {
      reference.damaged.add(`${each.node} ${each.path} ${sector}`)
    }
  }
}

describe("the atlas", () => {
  it("never leaves fewer intact copies of any sector than was declared, whatever is claimed, renewed and wiped", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: nodes }), (steps, copiesIntactMin) => {
        const atlas = new Atlas(nodes, { copiesIntactMin })
        const reference = new Reference()
        for (const each of steps) {
          apply(atlas, reference, each)
          expect(nodes - reference.most).toBeGreaterThanOrEqual(copiesIntactMin)
        }
      }),
      { seed: 41, numRuns: 300 }
    )
  })

  it("grants what leaves enough: it refuses no more than it must", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), node, path, fc.nat(6), (steps, who, of, sector) => {
        const atlas = new Atlas(nodes, { copiesIntactMin: 2 })
        const reference = new Reference()
        for (const each of steps) apply(atlas, reference, each)
        const already = reference.wiped.has(who) || reference.damaged.has(`${who} ${of} ${sector}`)
        const after = reference.copiesDamaged(of, sector) + (already ? 0 : 1)
        expect(atlas.claim(who, of, { first: sector, end: sector + 1 })).toBe(after <= nodes - 2)
      }),
      { seed: 42, numRuns: 300 }
    )
  })

  it("grants all of a claim or none of it", () => {
    const atlas = new Atlas(2, { copiesIntactMin: 1 })
    expect(atlas.claim(0, "a", { first: 2, end: 3 })).toBe(true)
    expect(atlas.claim(1, "a", { first: 0, end: 4 })).toBe(false)
    expect(atlas.claim(0, "a", { first: 0, end: 2 })).toBe(true)
  })

  it("allows no damage to a protocol that survives none", () => {
    const atlas = new Atlas(9, nothing)
    expect([atlas.claim(0, "a", { first: 0, end: 1 }), atlas.claimWipe(0), atlas.hasDamage]).toEqual([
      false,
      false,
      false
    ])
  })

  it("keeps damage to the files that were declared", () => {
    const atlas = new Atlas(3, { copiesIntactMin: 0, files: (of) => of.startsWith("blobs/") })
    expect(atlas.claim(0, "blobs/1", { first: 0, end: 1 })).toBe(true)
    expect(atlas.claim(0, "register", { first: 0, end: 1 })).toBe(false)
  })

  it("spares all nodes but as many as were declared, whatever of them was damaged, renewed or wiped", () => {
    const atlas = new Atlas(5, { copiesIntactMin: 2, nodesDamagedMax: 1 })
    expect(atlas.claim(3, "a", { first: 0, end: 1 })).toBe(true)
    expect(atlas.claim(1, "b", { first: 0, end: 1 })).toBe(false)
    atlas.renewed(3, "a", [0])
    expect([atlas.claimWipe(1), atlas.claimWipe(3)]).toEqual([false, true])
    expect(atlas.claim(1, "b", { first: 0, end: 1 })).toBe(false)
    expect(atlas.claim(3, "b", { first: 0, end: 1 })).toBe(true)
  })

  it("counts a wiped node as damaged in every sector for the rest of the run", () => {
    const atlas = new Atlas(3, { copiesIntactMin: 2 })
    expect(atlas.claimWipe(0)).toBe(true)
    atlas.renewed(0, "a", [0])
    expect(atlas.claim(1, "a", { first: 0, end: 1 })).toBe(false)
    expect(atlas.claim(0, "a", { first: 0, end: 1 })).toBe(true)
    expect([atlas.claimWipe(0), atlas.claimWipe(1)]).toEqual([true, false])
  })

  it("tells which files of a node may be damaged", () => {
    const atlas = new Atlas(3, { copiesIntactMin: 1 })
    atlas.claim(0, "a", { first: 1, end: 2 })
    atlas.claimWipe(1)
    const files = [
      [0, "a"],
      [0, "ab"],
      [1, "b"],
      [2, "a"]
    ] as const
    expect(files.map(([node, of]) => atlas.isDamaged(node, of))).toEqual([true, false, true, false])
    atlas.renewed(0, "a", [1])
    expect(atlas.isDamaged(0, "a")).toBe(false)
  })

  it("moves a file's damage along with its name", () => {
    const atlas = new Atlas(2, { copiesIntactMin: 0 })
    atlas.claim(0, "next", { first: 1, end: 2 })
    atlas.claim(0, "log", { first: 7, end: 8 })
    atlas.claim(1, "next", { first: 1, end: 2 })
    atlas.renamed(0, "next", "log")
    const damaged = (node: number) => ["next", "log"].map((path) => atlas.isDamaged(node, path))
    expect([damaged(0), damaged(1)]).toEqual([
      [false, true],
      [true, false]
    ])
    atlas.renewed(0, "log", [1])
    expect(damaged(0)).toEqual([false, false])
  })
})

it("where replicas keep things in different places, a damaged node counts in all that it has, and stays so", () => {
  const atlas = new Atlas(3, { copiesIntactMin: 2, wholeNodes: true })
  expect(atlas.claim(1, "a", { first: 0, end: 2 })).toBe(true)
  expect(atlas.claim(1, "b", { first: 7, end: 8 })).toBe(true)
  expect([atlas.claim(0, "c", { first: 0, end: 1 }), atlas.claimWipe(2)]).toEqual([false, false])
  atlas.renewed(1, "a", [0, 1])
  atlas.renewed(1, "b", [7])
  expect([atlas.claim(0, "c", { first: 0, end: 1 }), atlas.claimWipe(1)]).toEqual([false, true])
  const sectors = new Atlas(3, { copiesIntactMin: 2 })
  expect([0, 1].map((node) => sectors.claim(node, "a", { first: node, end: node + 1 }))).toEqual([true, true])
})
