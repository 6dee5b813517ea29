/** The lattice: what rules out what, in both directions. */
import { describe, expect, it } from "vitest"
import * as Consistency from "./Consistency.ts"

describe("the lattice of models", () => {
  it("holds strict serializability above everything", () => {
    const above = Consistency.modelNames.filter((name) => !Consistency.implies("strict-serializable", name))
    expect(above).toEqual([])
  })

  it("holds neither repeatable read nor snapshot isolation above the other", () => {
    expect(Consistency.implies("repeatable-read", "snapshot-isolation")).toBe(false)
    expect(Consistency.implies("snapshot-isolation", "repeatable-read")).toBe(false)
    expect(Consistency.implies("serializable", "repeatable-read")).toBe(true)
    expect(Consistency.implies("serializable", "snapshot-isolation")).toBe(true)
  })

  it("knows models by all their names", () => {
    expect(Consistency.modelOf("serializable")).toBe("PL-3")
    expect(Consistency.modelOf("SER")).toBe("strong-session-serializable")
    expect(Consistency.friendlyName("PL-2.99")).toBe("repeatable-read")
    expect(Consistency.isModel("snapshot-isolation")).toBe(true)
    expect(Consistency.isModel("snapshot")).toBe(false)
  })
})

describe("an anomaly", () => {
  const not = (...types: ReadonlyArray<string>) => Consistency.boundary(types).not

  it("rules out the weakest models that forbid it, and the stronger ones with them", () => {
    expect(not("G0")).toEqual(["read-uncommitted"])
    expect(not("G1a")).toEqual(["read-committed"])
    expect(not("G1c")).toEqual(["read-committed"])
    expect(not("G-nonadjacent")).toEqual(["snapshot-isolation"])
    expect(not("lost-update")).toEqual(["ROLA", "cursor-stability"])
    expect(not("G2-item")).toEqual(["repeatable-read"])
    expect(not("G0-realtime")).toEqual(["strong-read-uncommitted"])
    expect(not("G-single-process")).toEqual(["strong-session-snapshot-isolation"])
    expect(Consistency.boundary(["G2-item"]).alsoNot).toEqual(
      ["serializable", "strict-serializable", "strong-session-serializable"].sort()
    )
  })

  it("leaves the strongest models that it does not touch", () => {
    const { may } = Consistency.boundary(["G2-item"])
    expect(may).toContain("strong-snapshot-isolation")
    expect(may).not.toContain("serializable")
    expect(Consistency.boundary([]).may).toContain("strict-serializable")
  })

  it("is prohibited with all its special cases", () => {
    const prohibited = Consistency.anomaliesProhibitedBy("serializable")
    for (const type of ["G0", "G1a", "G1c", "G-single", "G2-item", "lost-update", "internal", "incompatible-order"]) {
      expect([type, prohibited.has(type)]).toEqual([type, true])
    }
    for (const type of ["G0-process", "G1c-realtime", "G2-item-process"]) expect(prohibited.has(type)).toBe(false)
    expect(Consistency.anomaliesProhibitedBy("strict-serializable").has("G2-item-process")).toBe(true)
    expect(Consistency.anomaliesProhibitedBy("snapshot-isolation").has("G2-item")).toBe(false)
    expect(Consistency.anomaliesProhibitedBy("read-committed").has("lost-update")).toBe(false)
  })

  it("is possible under every model that does not prohibit it: the two directions agree", () => {
    const types = ["G0", "G1a", "G1b", "G1c", "G-single", "G-nonadjacent", "G2-item", "lost-update", "internal"]
    for (const type of types.flatMap((one) => [one, `${one}-process`, `${one}-realtime`])) {
      const impossible = Consistency.impossibleModels([type])
      for (const model of Consistency.modelNames) {
        const prohibits = Consistency.anomaliesProhibitedBy(model).has(type)
        expect([type, model, impossible.has(Consistency.modelOf(model))]).toEqual([type, model, prohibits])
      }
    }
  })
})
