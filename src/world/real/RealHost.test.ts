import { describe, expect, it } from "vitest"
import type { Signal } from "../Host.ts"
import { RealHost } from "./RealHost.ts"

const make = (exit: (code: number) => void = () => {}, environment?: Record<string, string>) =>
  new RealHost({ name: "n1", exit, environment })

const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 20))

describe("RealHost", () => {
  it("gives every start of a node an incarnation of its own, later ones larger", () => {
    const incarnations = Array.from({ length: 100 }, () => make().incarnation)
    expect(incarnations).toEqual([...new Set(incarnations)].sort((a, b) => a - b))
    expect(Number.isSafeInteger(incarnations[0])).toBe(true)
  })

  it("reads the environment that it is given, or the process's", () => {
    expect(make(() => {}, { ORBIT_COLOUR: "red" }).environment("ORBIT_COLOUR")).toBe("red")
    expect(make(() => {}, {}).environment("PATH")).toBeUndefined()
    expect(make().environment("PATH")).toBe(process.env["PATH"])
  })

  it("hands signals to all who asked, on all nodes, until they end it, and leaves the system's own action to the others", async () => {
    const told: Array<string> = []
    const [one, two] = [make(), make()]
    const note = (who: string) => (signal: Signal) => told.push(`${who} ${signal}`)
    expect(process.listenerCount("SIGHUP")).toBe(0)
    const endFirst = one.onSignal(note("first"))
    const endSecond = one.onSignal(note("second"))
    two.onSignal(note("third"))
    expect(process.listenerCount("SIGHUP")).toBe(1)
    process.kill(process.pid, "SIGHUP")
    await turn()
    endFirst()
    process.kill(process.pid, "SIGTERM")
    await turn()
    two.close()
    process.kill(process.pid, "SIGINT")
    await turn()
    endSecond()
    expect(told).toEqual([
      "first reload",
      "second reload",
      "third reload",
      "second terminate",
      "third terminate",
      "second interrupt"
    ])
    expect(["SIGHUP", "SIGTERM", "SIGINT"].map((name) => process.listenerCount(name))).toEqual([0, 0, 0])
  })

  it("does not call a handler that an earlier one has just ended", () => {
    const told: Array<string> = []
    const host = make()
    host.onSignal(() => {
      told.push("first")
      endSecond()
    })
    const endSecond = host.onSignal(() => told.push("second"))
    host.tell("terminate")
    host.close()
    expect(told).toEqual(["first"])
  })

  it("exits once, with the first code", () => {
    const codes: Array<number> = []
    const host = make((code) => codes.push(code))
    host.exit(3)
    host.exit(0)
    expect(codes).toEqual([3])
  })
})
