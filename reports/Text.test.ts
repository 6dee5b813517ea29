import { describe, expect, it } from "vitest"
import { fakeRecording } from "./FakeRecording.ts"
import type { RecordedEvent, Recording } from "./Recording.ts"
import * as Text from "./Text.ts"

const recording = fakeRecording()

const trace = (at: number, node: number, name: string): RecordedEvent => ({
  type: "trace",
  at,
  node,
  level: "warn",
  name,
  fields: {}
})

const quiet: Recording = {
  ...recording,
  events: [],
  checks: [{ name: "digest", verdict: "fail", detail: "replicas differ", atMicros: 900, node: 1 }]
}

describe("the story of a failed run", () => {
  it("begins with the verdict, the seed and the command, and ends with the judge's sentence", () => {
    const lines = Text.explain(recording).trimEnd().split("\n")
    expect(lines[0]).toBe("FAIL  leased-register  seed 42")
    expect(lines[2]).toBe("reproduce: npm run sim -- --scenario leased-register --seed 42")
    expect(lines.at(-1)).toMatch(/^ {2}3\.\d{6} s {2}server-1 +FAIL +lease-exclusive: printer is held/)
  })

  it("tells all checks, the failed ones first", () => {
    const told = Text.explain(recording)
    const places = ["FAIL  lease-exclusive", "unknown  liveness", "pass  linearizable", "pass  no-errors"].map((text) =>
      told.indexOf(text)
    )
    expect(places.every((place) => place > 0)).toBe(true)
    expect(places).toEqual(places.toSorted((left, right) => left - right))
  })

  it("tells faults in order of time and which were in force at the judge's point", () => {
    const lines = Text.explain(recording).split("\n")
    const kinds = lines
      .filter((line) => / s {2}(network|disk|clock|process) {2}/.test(line))
      .map((line) => / (\S+) for /.exec(line)?.[1])
    expect(kinds).toEqual(["loss", "crash", "drift", "partition", "slow-sync", "io-error"])
    const inForce = lines.filter((line) => line.includes("in force at the judge's point"))
    expect(inForce.map((line) => / (\S+) for /.exec(line)?.[1])).toEqual(["loss", "drift", "partition"])
  })

  it("tells no more events than asked for, in order of time", () => {
    const all = Text.explain(recording, { events: 7 }).split("What led to it")[1]
    const times = all.match(/^ +\d+\.\d{6} s/gm) ?? []
    expect(times.length).toBe(8)
    expect(times).toEqual(times.toSorted())
  })

  it("leaves out repetition but says how much of it there was", () => {
    const heartbeats = Text.explain(recording)
      .split("\n")
      .filter((line) => line.includes("server-1 → server-2") && line.includes("Heartbeat"))
    expect(heartbeats.length).toBe(1)
    expect(heartbeats[0]).toMatch(/\(and \d+ alike before\)$/)
  })

  it("tells only of the nodes that the check names, in its place or in its sentence", () => {
    const events = [trace(100, 0, "of.zero"), trace(200, 1, "of.one"), trace(300, 2, "of.two")]
    const checks = [
      { name: "digest", verdict: "fail", detail: "differs from server-2", atMicros: 900, node: 1 }
    ] as const
    const told = Text.explain({ ...quiet, events, checks })
    expect(told).toContain("of.one")
    expect(told).toContain("of.two")
    expect(told).not.toContain("of.zero")
  })

  it("does not take server-1 for named where server-12 is", () => {
    const lanes = [...recording.lanes, { name: "server-12", kind: "server" }] as const
    const checks = [{ name: "digest", verdict: "fail", detail: "server-12 differs", atMicros: 900 }] as const
    const told = Text.explain({
      ...quiet,
      lanes,
      checks,
      events: [trace(100, 1, "of.one"), trace(200, 5, "of.twelve")]
    })
    expect(told).toContain("on server-12\n")
    expect(told).not.toContain("of.one")
  })

  it("points at the end of the run when a judge gives no time, and tells of all servers when it blames none", () => {
    const checks = [{ name: "liveness", verdict: "fail", detail: "nothing moved after the network healed" }] as const
    const told = Text.explain({ ...quiet, checks, events: [trace(4_999_999, 2, "election.lost")] })
    expect(told).toContain("What led to it, on server-0, server-1, server-2")
    expect(told).toContain("election.lost")
    expect(told).toContain("5.000000 s            FAIL  liveness")
  })

  it("tells nothing that came after the judge's point", () => {
    expect(Text.explain({ ...quiet, events: [trace(800, 1, "in.time"), trace(901, 1, "too.late")] })).not.toContain(
      "too.late"
    )
  })

  it("passes no control character to the terminal, whatever a label was made of", () => {
    const bad = "\u001b[31mred\u001b[0m\r\n\u0007\u202eabc"
    const told = Text.explain({ ...quiet, seed: bad, events: [trace(800, 1, bad)] })
    // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
    expect(told).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
    expect(told).toContain("\\u{1b}[31mred")
  })

  it("is the same text under paint, once the paint is taken off", () => {
    const roles = new Set<Text.Role>()
    const paint = (role: Text.Role, text: string): string => {
      roles.add(role)
      return `\u001b[1m${text}\u001b[0m`
    }
    const bare = Text.explain(recording, { paint }).replaceAll("\u001b[1m", "").replaceAll("\u001b[0m", "")
    expect(bare).toBe(Text.explain(recording))
    expect([...roles].toSorted()).toEqual(["fail", "faint", "title", "warn"])
  })
})

it("a run that passed is told without a point to look at", () => {
  const checks = recording.checks.map((check) => ({ ...check, verdict: "pass" as const }))
  const told = Text.explain({ ...recording, verdict: "pass", checks })
  expect(told.startsWith("PASS  leased-register")).toBe(true)
  expect(told).not.toContain("What led to it")
})

it("a run whose recorder was full says so", () => {
  expect(Text.explain({ ...recording, truncated: true })).toContain("later events are missing")
})
