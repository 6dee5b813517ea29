import { describe, expect, it } from "vitest"
import * as Quint from "./Quint.ts"

const source = (text: string): Quint.Source => new Quint.Source({ folder: ".", name: "Planted.qnt", text })

const counter = `module Counter {
  var count: int
  var step: int
  action init = all { count' = 0, step' = 0 }
  action up = all { step > 0, count' = count + step, step' = 0 }
}`

describe("a specification", () => {
  it("is refused with the place of what cannot be parsed", () => {
    expect(() => source("module M {\n  vall x = 1\n}")).toThrow(/^Planted\.qnt:2:\d+: /)
  })

  it("is refused with the place of a type that does not fit", () => {
    expect(() => source('module M {\n  val x = 1 + "a"\n}')).toThrow(/Planted\.qnt:2:\d+: /)
  })

  it("is refused for a name that it does not have", () => {
    expect(() => source(counter).specification("Counter", 1n).expression("nothing")).toThrow("'nothing' not found")
  })

  it("takes an action that is enabled, and stays where it is without one", () => {
    const specification = source(counter).specification("Counter", 1n)
    specification.begin(specification.expression("init"))
    const up = specification.expression("up")
    const count = specification.expression("count")
    expect(specification.act(up)).toBe(false)
    specification.put("step", Quint.toValue(3))
    expect(specification.act(up)).toBe(true)
    expect(Quint.show(specification.evaluate(count))).toBe("3")
    expect(specification.act(up)).toBe(false)
    expect(Quint.show(specification.evaluate(count))).toBe("3")
  })

  it("names what it has no value for", () => {
    const specification = source("module M { pure val x = [1][4] }").specification("M", 1n)
    expect(() => specification.evaluate(specification.expression("x"))).toThrow(Quint.SpecificationError)
  })
})

describe("a value from JSON", () => {
  it("is what Quint writes for it", () => {
    const specification = source("module M { val nothing = true }").specification("M", 1n)
    const value = Quint.toValue({
      list: [1, 2],
      variant: { tag: "Some", value: true },
      bare: { tag: "None" },
      sessions: { map: [[1, "one"]] }
    })
    const written = '{ list: [1, 2], variant: Some(true), bare: None, sessions: Map(1 -> "one") }'
    expect(Quint.show(value)).toContain('Map(1 -> "one")')
    expect(Quint.fields(value).map(([name]) => name)).toEqual(["bare", "list", "sessions", "variant"])
    const typed = source(`module M {
      type Option = Some(bool) | None
      pure val written = ${written}
    }`).specification("M", 1n)
    expect(typed.evaluate(typed.expression("written")).equals(value)).toBe(true)
    expect(specification.evaluate(specification.expression("nothing")).toBool()).toBe(true)
  })
})
