import { describe, expect, it } from "vitest"
import { Streams } from "#sim/kernel/Stream.ts"
import { buggified } from "./Buggified.ts"

const sites = Array.from({ length: 40 }, (_, index) => `room/site-${index}`)

/** How often each site fires in a thousand visits. */
const firings = (seed: string, enabled = true): ReadonlyArray<number> => {
  const fired: Record<string, number> = {}
  const buggify = buggified(new Streams({ seed }), enabled, (site) => (fired[site] = (fired[site] ?? 0) + 1))
  return sites.map((site) => {
    let hits = 0
    for (let visit = 0; visit < 1_000; visit++) if (buggify(site)) hits++
    expect(fired[site] ?? 0).toBe(hits)
    return hits
  })
}

describe("BUGGIFY", () => {
  it("never fires in a run that is not buggified", () => {
    expect(new Set(firings("a", false))).toEqual(new Set([0]))
  })

  it("has a site in about one run of four, and lets it fire at about one visit of eight there", () => {
    const all = ["a", "b", "c", "d", "e"].flatMap((seed) => firings(seed))
    const active = all.filter((hits) => hits > 0)
    expect(active.length / all.length).toBeGreaterThan(0.15)
    expect(active.length / all.length).toBeLessThan(0.35)
    for (const hits of active) {
      expect(hits).toBeGreaterThan(80)
      expect(hits).toBeLessThan(170)
    }
  })

  it("decides for each site on its own: a new site moves no other", () => {
    const visited = (also: boolean): ReadonlyArray<boolean> => {
      const buggify = buggified(new Streams({ seed: "a" }), true, () => {})
      return Array.from({ length: 500 }, (_, visit) => {
        if (also) buggify("room/new")
        return buggify(sites[visit % 10])
      })
    }
    expect(visited(true)).toEqual(visited(false))
    expect(visited(false)).toContain(true)
  })
})
