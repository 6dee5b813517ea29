import { describe, expect, it } from "vitest"
import { Liveness } from "./Liveness.ts"

const make = () => {
  const turned: Array<string> = []
  const liveness: Liveness = new Liveness(10, (store) =>
    turned.push(`${store} ${liveness.isLive(store) ? "live" : "silent"}`)
  )
  return { liveness, turned }
}

describe("a store", () => {
  it("lives from the first word of it until it has been silent for so many ticks", () => {
    const { liveness, turned } = make()
    liveness.watch(2, 0)
    expect(liveness.isLive(2)).toBe(false)
    liveness.heard(2, 1)
    for (let tick = 2; tick <= 10; tick++) liveness.tick(tick)
    expect(turned).toEqual(["2 live"])
    liveness.tick(11)
    liveness.tick(12)
    expect(turned).toEqual(["2 live", "2 silent"])
    liveness.heard(2, 13)
    expect(turned.at(-1)).toBe("2 live")
  })

  it("that has started anew is told of, although it was never silent", () => {
    const { liveness, turned } = make()
    liveness.watch(2, 0)
    liveness.heard(2, 1, 5)
    liveness.heard(2, 2, 5)
    liveness.heard(2, 3)
    expect(turned).toEqual(["2 live"])
    liveness.heard(2, 4, 6)
    expect(turned).toEqual(["2 live", "2 live"])
  })

  it("that nobody watches means nothing", () => {
    const { liveness, turned } = make()
    liveness.heard(3, 1)
    liveness.tick(100)
    expect([turned, liveness.isLive(3), [...liveness.stores]]).toEqual([[], false, []])
  })
})
