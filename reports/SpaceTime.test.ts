import { runInNewContext } from "node:vm"
import { describe, expect, it } from "vitest"
import { causes } from "./client/Causes.ts"
import { model } from "./client/Model.ts"
import { search } from "./client/Search.ts"
import { ticks } from "./client/Ticks.ts"
import type { Parts } from "./client/Types.ts"
import { view } from "./client/View.ts"
import { fakeRecording } from "./FakeRecording.ts"
import * as Packed from "./Packed.ts"
import type { Recording } from "./Recording.ts"
import * as Script from "./Script.ts"
import * as SpaceTime from "./SpaceTime.ts"

const recording = fakeRecording()

/** The packed recording as the browser gets it out of the page. */
const embedded = (page: string): Packed.Packed => {
  const found = /<script type="application\/json" id="recording">(.*?)<\/script>/s.exec(page)
  return JSON.parse(found?.[1] ?? "null") as Packed.Packed
}

const between = (page: string, from: string, to: string): string => page.slice(page.indexOf(from), page.indexOf(to))

const hostile = `</script><script>alert(1)</script><!--<img src=x onerror="alert(2)">'&\u2028\u2029\u0007\u202e\ud800`

const hostileRecording: Recording = {
  ...recording,
  scenario: hostile,
  seed: hostile,
  reproduce: hostile,
  traceHash: hostile,
  lanes: recording.lanes.map((lane) => ({ ...lane, name: hostile })),
  options: { [hostile]: hostile },
  checks: [{ name: hostile, verdict: "fail", detail: hostile, atMicros: 3_000_000, node: 1 }],
  events: [
    ...recording.events.slice(0, 40),
    { type: "trace", at: 2_999_000, node: 1, level: "error", name: hostile, fields: { [hostile]: hostile } },
    { type: "fault", at: 2_999_100, until: 2_999_900, kind: hostile, group: "disk", nodes: [0], detail: hostile },
    { type: "operation", at: 2_999_500, node: 3, label: hostile, outcome: "unknown", result: hostile }
  ]
}

describe("the page", () => {
  it("is the same text for the same recording", () => {
    expect(SpaceTime.page(fakeRecording())).toBe(SpaceTime.page(recording))
  })

  it("carries every event, lossless", () => {
    const read = model(embedded(SpaceTime.page(recording)))
    expect(Array.from({ length: read.count }, (_, index) => read.event(index))).toEqual(recording.events)
  })

  it("names every check, the failed ones first", () => {
    const header = between(SpaceTime.page(recording), "<header", "</header>")
    const places = ["lease-exclusive", "liveness", "linearizable", "no-errors"].map((name) =>
      header.indexOf(`>${name}<`)
    )
    expect(places.every((place) => place > 0)).toBe(true)
    expect(places).toEqual(places.toSorted((left, right) => left - right))
  })

  it("shows the seed, the trace hash, the command that runs it again and the options drawn", () => {
    const header = between(SpaceTime.page(recording), "<header", "</header>")
    for (const text of ["42", recording.traceHash, recording.reproduce, "preemptionOneIn", "pct"]) {
      expect(header).toContain(text)
    }
  })

  it("links a failed check to a window of time that holds the judge's point", () => {
    const link = /href="#t=(\d+)-(\d+)&amp;p=0"/.exec(SpaceTime.page(recording))
    const at = recording.checks.find((check) => check.verdict === "fail")?.atMicros ?? Number.NaN
    expect(Number(link?.[1])).toBeLessThan(at)
    expect(Number(link?.[2])).toBeGreaterThan(at)
  })

  it("tells the cause without a script: faults, last events and the violation, as tables", () => {
    const told = between(SpaceTime.page(recording), "<noscript>", "</noscript>")
    for (const text of ["partition", "drift", "leader.elected", "lease.granted", "Holds until 3.372s"]) {
      expect(told).toContain(text)
    }
    expect(told).toMatch(
      /<tr class="point"><td>3\.\d{6} s<\/td><td>server-1<\/td><td>FAIL<\/td><td>lease-exclusive: printer is held/
    )
  })

  it("lets no text of a run become a part of the page", () => {
    const page = SpaceTime.page(hostileRecording)
    const harmless = SpaceTime.page({ ...hostileRecording, ...recording })
    const tags = (html: string): ReadonlyArray<string> => html.match(/<\/?(script|img)\b|<!--/g) ?? []
    expect(tags(page)).toEqual(tags(harmless))
    // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
    expect(page).not.toMatch(/[\u0007\u2028\u2029\u202e]|\p{Surrogate}/u)
  })

  it("opens for a run without lanes, checks and events", () => {
    const empty = {
      ...recording,
      verdict: "pass",
      lanes: [],
      checks: [],
      events: [],
      options: {},
      virtualMicros: 0
    } as const
    expect(SpaceTime.page(empty)).toContain("✓ PASS")
    expect(model(embedded(SpaceTime.page(empty))).count).toBe(0)
  })

  it("says when the recorder was full", () => {
    expect(SpaceTime.page({ ...recording, truncated: true })).toContain("later events are missing")
  })

  it("asks nothing of any network", () => {
    const page = SpaceTime.page(recording)
    expect(page).toContain("default-src 'none'")
    expect(page).not.toMatch(/https?:\/\/|@import|\bsrc=|<link/)
  })

  it("takes at most 40 bytes an event for 90,000 events", () => {
    const large = fakeRecording({ virtualMicros: 60_000_000, heartbeatMicros: 2_700 })
    expect(large.events.length).toBeGreaterThan(90_000)
    expect(SpaceTime.page(large).length / large.events.length).toBeLessThan(40)
  })
})

describe("the page's program", () => {
  it("is plain JavaScript in which every part needs only the language and its arguments", () => {
    const called: Array<string> = []
    const text = Script.source().replace("parts.app(window, ", "started(parts, ")
    const document = { getElementById: () => ({ textContent: "{}" }) }
    runInNewContext(text, { document, started: (parts: Parts) => called.push(...Object.keys(parts)) })
    expect(called).toEqual(Object.keys(Script.parts))
  })

  it("decodes, searches and lays ticks with the embedded text as with the checked source", () => {
    const packed = Packed.pack(recording)
    const text = Script.source().replace("parts.app(window, ", "started(parts, ")
    const document = { getElementById: () => ({ textContent: JSON.stringify(packed) }) }
    let found: ReadonlyArray<number> = []
    const started = (parts: Parts, data: Packed.Packed): void => {
      const read = parts.model(data)
      found = Array.from(parts.search(read, parts)("server-1 VOTE"))
    }
    runInNewContext(text, { document, started })
    expect(found).toEqual(Array.from(search(model(packed), Script.parts)("server-1 VOTE")))
    expect(found.length).toBe(3)
  })

  it("finds by every word, in any order and case, and nothing for no words", () => {
    const find = search(model(Packed.pack(recording)), Script.parts)
    const sync = Array.from(find("eio SYNC"), (index) => recording.events[index])
    expect(sync.map((event) => event.type).toSorted()).toEqual(["disk", "trace"])
    expect(find("   ").length).toBe(0)
  })

  it("finds exactly the events that overlap a window of time", () => {
    const read = model(Packed.pack(recording))
    const seen: Array<number> = []
    read.operations.within(2_700_000, 2_800_000, (index) => seen.push(index))
    expect(seen.map((index) => read.label(index))).toEqual(["acquire printer"])
  })

  it("draws a node as down from its crash to its start, and before its first start", () => {
    const states = model(Packed.pack(recording)).life[2].map((span) => [span.state, span.to])
    expect(states).toEqual([
      ["down", 1_600],
      ["up", 1_200_000],
      ["down", 1_620_000],
      ["up", Infinity]
    ])
  })

  it("counts as a cause only what messages could carry to the event", () => {
    const read = model(Packed.pack(recording))
    const frontier = causes(read, 1, 3_300_000)
    expect(frontier[1]).toBe(3_300_000)
    expect(frontier[2]).toBeGreaterThan(3_200_000)
    expect(frontier[0]).toBeLessThan(2_100_000)
  })

  it.each([
    [0, 5_000_000, ["0", "1 s", "2 s", "3 s", "4 s", "5 s"]],
    [3_305_000, 3_325_000, ["3.305 s", "3.310 s", "3.315 s", "3.320 s", "3.325 s"]],
    [0, 400, ["0", "0.1 ms", "0.2 ms", "0.3 ms", "0.4 ms"]],
    [0, 14_400_000_000, ["0", "1:00 h", "2:00 h", "3:00 h", "4:00 h"]]
  ])("labels the axis from %d to %d with the digits that tell ticks apart", (from, to, texts) => {
    const major = ticks(from, to, 6).filter((tick) => tick.major)
    expect(major.map((tick) => tick.text)).toEqual(texts)
  })

  it("keeps the instant under the mouse in its place while it zooms, and stays within the run", () => {
    const { zoom, clamp, parse, hash } = view(5_000_000)
    const window = zoom({ from: 1_000_000, to: 2_000_000 }, 4, 1_250_000)
    expect(window).toEqual({ from: 1_187_500, to: 1_437_500 })
    expect(clamp({ from: 9_000_000, to: 9_000_001 }).to).toBeLessThanOrEqual(5_100_000)
    expect(parse("#" + hash(window))).toEqual({ from: 1_187_500, to: 1_437_500 })
    expect(parse("#t=5-2")).toBeUndefined()
  })
})
