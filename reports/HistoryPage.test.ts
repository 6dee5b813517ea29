import { runInNewContext } from "node:vm"
import { describe, expect, it } from "vitest"
import { historyModel } from "./client/history/Model.ts"
import { paintHistory } from "./client/history/Paint.ts"
import { paintPoints } from "./client/history/Points.ts"
import type { HistoryFrame, HistoryParts } from "./client/history/Types.ts"
import type { Label, Pen, Theme } from "./client/Types.ts"
import * as CycleGraph from "./CycleGraph.ts"
import { fakeAnomalies, fakeRefusal } from "./FakeJudged.ts"
import * as HistoryPage from "./HistoryPage.ts"
import * as HistoryScript from "./HistoryScript.ts"
import type { Judged } from "./Judged.ts"
import * as ModelLattice from "./ModelLattice.ts"
import * as PackedHistory from "./PackedHistory.ts"

const hostile = `</script><script>alert(1)</script><!--<img src=x onerror="alert(2)">'&\u2028\u0007\u202e\ud800`

/** Every text of a judged history replaced. */
const poison = (value: unknown): unknown => {
  if (typeof value === "string") return hostile
  if (Array.isArray(value)) return value.map(poison)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, poison(item)]))
}
const fixed = (judged: Judged): Judged => ({
  ...(poison(judged) as Judged),
  verdict: judged.verdict,
  order: judged.order,
  operations: judged.operations.map((one) => ({ ...one, words: hostile, who: hostile })),
  parts: judged.parts.map((part) => ({ ...(poison(part) as typeof part), verdict: part.verdict })),
  anomalies: judged.anomalies.map((one) => ({
    ...(poison(one) as typeof one),
    edges: one.edges.map((edge) => ({ ...edge, label: hostile, reason: hostile }))
  })),
  models: judged.models.map((model) => ({ ...model, name: hostile }))
})

const embedded = (page: string): PackedHistory.PackedHistory => {
  const found = /<script type="application\/json" id="recording">(.*?)<\/script>/s.exec(page)
  return JSON.parse(found?.[1] ?? "null") as PackedHistory.PackedHistory
}

/** What a painter writes, with where it stands. */
const painted = (judged: Judged, from: number, to: number, part = 0) => {
  const texts: Array<{ readonly text: string; readonly x: number; readonly color: unknown }> = []
  let bars = 0
  const nothing = (): void => undefined
  const pen = new Proxy({} as Record<string, unknown>, {
    get: (target, name) => {
      if (name === "fillText") return (text: string, x: number) => texts.push({ text, x, color: target["fillStyle"] })
      if (name === "measureText") return (text: string) => ({ width: text.length * 6 })
      if (name === "roundRect") return () => void bars++
      return name in target ? target[String(name)] : nothing
    },
    set: (target, name, value) => {
      target[String(name)] = value
      return true
    }
  }) as unknown as Pen
  const color = new Proxy({}, { get: (_, name) => String(name) }) as Record<string, string>
  const theme: Theme = { color, font: () => "", mono: () => "", hatch: nothing }
  const model = historyModel(PackedHistory.pack(judged))
  const frame: HistoryFrame = {
    ...{ pen, theme, model, width: 1_000, height: 600, gutter: 100, lanesTop: 30, laneHeight: 60, scrollMax: 0 },
    state: {
      ...{ from, to, scroll: 0, selected: -1, hover: -1, part, line: 0, onlyMinimal: false, anomaly: -1 }
    },
    ...{ scale: model.scale(part), from, to },
    x: (place) => 100 + ((place - from) * 900) / (to - from),
    y: (lane) => 60 + lane * 60,
    barHeight: 20,
    label: (label: Label) => void texts.push({ text: label.texts[0]!, x: label.spots[0]![0], color: label.color }),
    isShown: () => true
  }
  const painter = paintHistory(frame)
  painter.tails()
  painter.bars()
  painter.stuck()
  paintPoints(frame)
  painter.axis()
  painter.gutterNames()
  return { texts, bars: () => bars, frame }
}

describe("the page of a judged history", () => {
  it("is the same text for the same history, and asks nothing of any network", () => {
    const page = HistoryPage.page(fakeAnomalies())
    expect(HistoryPage.page(fakeAnomalies())).toBe(page)
    expect(page).toContain("default-src 'none'")
    expect(page).not.toMatch(/https?:\/\/|@import|\bsrc=|<link/)
  })

  it("lets no text of a history become a part of the page", () => {
    for (const judged of [fakeRefusal(), fakeAnomalies()]) {
      const tags = (html: string): ReadonlyArray<string> => html.match(/<\/?(script|img)\b|<!--/g) ?? []
      const page = HistoryPage.page(fixed(judged))
      expect(tags(page)).toEqual(tags(HistoryPage.page(judged)))
      // oxlint-disable-next-line no-control-regex -- finding control characters is the purpose
      expect(page).not.toMatch(/[\u0007\u2028\u202e]|\p{Surrogate}/u)
    }
  })

  it("carries every operation and every moment, lossless", () => {
    const judged = fakeRefusal(40)
    const model = historyModel(embedded(HistoryPage.page(judged)))
    const read = judged.operations.map((_, index) => ({
      ...{ lane: model.lane[index], who: model.who(index), words: model.words(index) },
      ...{ call: model.call[index], return: model.end[index], times: model.times(index) }
    }))
    expect(read).toEqual(
      judged.operations.map(({ call, completedAt, invokedAt, lane, return: end, who, words }) => ({
        ...{ lane, who, words, call, return: end },
        times: [invokedAt, completedAt === undefined ? -1 : completedAt - invokedAt!]
      }))
    )
    const line = model.parts[0]!.lines[0]!
    const points = Array.from(line.operation, (one, at) => ({
      ...{ operation: one, place: line.place[at], state: model.state(line, at) }
    }))
    expect(points).toEqual(judged.parts[0]!.lines[0]!.points)
  })

  it("tells a refusal without a script: what fits nowhere, what suffices, how far an order goes", () => {
    const page = HistoryPage.page(fakeRefusal())
    const told = page.slice(page.indexOf("<noscript>"), page.indexOf("</noscript>"))
    expect(told).toContain("read -&gt; 0 by process 4, events 13 to 14")
    expect(told.match(/<li>/g)).toHaveLength(3 + 6)
  })

  it("opens for a valid history and for one without operations", () => {
    const { parts, ...rest } = fakeRefusal()
    const valid = parts.map(({ lines, name, note, operations }) => ({
      ...{ lines, name, note, operations },
      verdict: "valid" as const,
      minimal: []
    }))
    expect(HistoryPage.page({ ...rest, verdict: "valid", parts: valid })).toContain("✓ VALID")
    const empty = { ...rest, lanes: [], operations: [], parts: [] }
    expect(historyModel(embedded(HistoryPage.page(empty))).count).toBe(0)
  })

  it("takes at most 70 bytes an operation with its moment, for 100,000 of them", () => {
    const judged = fakeRefusal(100_000)
    expect(HistoryPage.page(judged).length / judged.operations.length).toBeLessThan(70)
  })
})

describe("the lanes", () => {
  it("mark the first point where nothing fits at the return of its operation, in red", () => {
    const { frame, texts } = painted(fakeRefusal(), 10, 16)
    expect(texts.some(({ text }) => text === "✗ read -> 0")).toBe(true)
    const flag = texts.find(({ text }) => text === "✗ nothing fits")
    expect(Math.abs(flag!.x - frame.x(14))).toBeLessThan(60)
  })

  it("number the moments in their order, each between call and return, and tell the state after it", () => {
    const judged = fakeRefusal()
    const { frame, texts } = painted(judged, 0, 16)
    const numbers = texts.filter(({ color, text }) => color === "card" && /^\d+$/.test(text))
    expect(numbers.map(({ text }) => text)).toEqual(["1", "2", "3", "4", "5", "6"])
    numbers.forEach(({ x }, index) => {
      const one = judged.operations[index]!
      expect(x).toBeGreaterThan(frame.x(one.call))
      expect(x).toBeLessThan(frame.x(one.return))
    })
    expect(texts.filter(({ text }) => text.startsWith("= ")).map(({ text }) => text)).toEqual(["= 0", "= 1", "= 2"])
  })

  it("leave what never returned open to the end, and mark its outcome as unknown", () => {
    const model = historyModel(PackedHistory.pack(fakeRefusal()))
    expect(model.end[6]).toBe(Infinity)
    expect(model.barEnd[6]).toBeGreaterThan(14)
    expect(painted(fakeRefusal(), 0, 16).texts.some(({ text }) => text === "? write 900")).toBe(true)
  })

  it("paint of 100,000 operations only those in view, and far out no more than the screen has room for", () => {
    const judged = fakeRefusal(100_000)
    expect(painted(judged, 60_000, 60_040).bars()).toBeLessThan(30)
    const { bars, texts } = painted(judged, 0, 200_002)
    expect(bars()).toBeLessThan(3 * 1_000)
    expect(texts.length).toBeLessThan(2_000)
  })

  it("have the events of a key side by side when it is chosen, however far apart they are among others", () => {
    const judged = fakeRefusal(400)
    const [whole] = judged.parts
    const every = (rest: number) => whole!.operations.filter((operation) => operation % 100 === rest)
    const part = (operations: ReadonlyArray<number>) => ({
      ...whole!,
      operations,
      lines: [],
      minimal: [],
      stuck: operations[0]!
    })
    const model = historyModel(PackedHistory.pack({ ...judged, parts: [part(every(0)), part(every(7))] }))
    const { back, to, total } = model.scale(1)
    const events = every(7).flatMap((operation) => [model.call[operation]!, model.end[operation]!])
    expect(events.map(to)).toEqual(events.map((_, index) => index))
    for (const position of [-0.5, 0, 0.25, 3, 6.5]) expect(to(back(position))).toBe(position)
    expect(total).toBe(events.length)
    expect(model.scale(-1).to(123.5)).toBe(123.5)
  })

  it("find exactly the operations that overlap a window", () => {
    const judged = fakeRefusal(2_000)
    const model = historyModel(PackedHistory.pack(judged))
    const found: Array<number> = []
    model.within(1_000, 1_011, (operation) => found.push(operation))
    expect(found).toEqual([500, 501, 502, 503, 504, 505])
  })
})

describe("the graph of an anomaly", () => {
  it("draws the cycle strong and labelled with keys and values, other dependencies faint", () => {
    const svg = CycleGraph.svg(fakeAnomalies().anomalies[0]!, 0)
    for (const label of ["ww  x: 0 → 1", "wr  x: 1", "rw  y: 2 → 3"]) expect(svg).toContain(`>${label}</text>`)
    expect(svg.match(/class="edge \w+ beside"/g)).toHaveLength(1)
    expect(svg).toContain('aria-label="G-single: T1 ww T2, T2 wr T3, T3 rw T1"')
    expect(svg.match(/href="#op=\d&amp;a=0"/g)).toHaveLength(3)
  })

  it("draws no box over another, from two transactions to a long cycle, whose middle it cuts", () => {
    for (const count of [2, 3, 4, 5, 7, 10, 14, 60]) {
      const transactions = Array.from({ length: count }, (_, index) => ({
        ...{ name: `T${index + 1}`, who: `process ${index}`, operation: index },
        words: Array.from({ length: index % 7 }, (__, at) => `append some-key-${at} 12345`)
      }))
      const edges = transactions.map((_, index) => ({
        ...{ from: index, to: (index + 1) % count, type: "ww" as const, label: "x: 1 → 2", reason: "", inCycle: true }
      }))
      const svg = CycleGraph.svg({ type: "G0", allowed: false, explanation: "", transactions, edges }, 0)
      const boxes = [...svg.matchAll(/transaction">.*?<rect x="(.*?)" y="(.*?)" width="(.*?)" height="(.*?)"/g)].map(
        (found) => found.slice(1).map(Number) as [number, number, number, number]
      )
      expect(boxes).toHaveLength(Math.min(count, 14))
      for (const [index, [x, y, width, height]] of boxes.entries()) {
        for (const [ox, oy, ow, oh] of boxes.slice(index + 1)) {
          expect(x < ox + ow && ox < x + width && y < oy + oh && oy < y + height).toBe(false)
        }
      }
      expect(svg).not.toContain("NaN")
    }
  })
})

describe("the lattice of models", () => {
  it("marks each model as violated or possible, and the one that was asked for", () => {
    const svg = ModelLattice.svg(fakeAnomalies().models)
    expect([...svg.matchAll(/class="model (\w+)( asked)?"><title>([\w-]+)/g)].map((found) => found.slice(1))).toEqual([
      ["implied", " asked", "serializable"],
      ["refuted", undefined, "snapshot-isolation"],
      ["possible", undefined, "repeatable-read"],
      ["possible", undefined, "read-committed"]
    ])
  })

  it("draws stronger models further left, and none over another", () => {
    const { models } = fakeAnomalies()
    const svg = ModelLattice.svg(models)
    const places = new Map(
      [...svg.matchAll(/<title>([\w-]+).*?<rect x="(\d+)" y="(\d+)"/g)].map(([, name, x, y]) => [
        name!,
        [x, y].map(Number)
      ])
    )
    expect(new Set([...places.values()].map(String)).size).toBe(models.length)
    for (const { implies, name } of models) {
      for (const below of implies) expect(places.get(below)![0]).toBeGreaterThan(places.get(name)![0]!)
    }
  })
})

describe("the page's program", () => {
  it("is plain JavaScript in which every part needs only the language and its arguments", () => {
    const called: Array<string> = []
    let count = 0
    const packed = PackedHistory.pack(fakeRefusal())
    const text = HistoryScript.source().replace("parts.historyApp(window, ", "started(parts, ")
    const document = { getElementById: () => ({ textContent: JSON.stringify(packed) }) }
    const started = (parts: HistoryParts, data: PackedHistory.PackedHistory): void => {
      called.push(...Object.keys(parts))
      count = parts.historyModel(data).count
    }
    runInNewContext(text, { document, started })
    expect(called).toEqual(Object.keys(HistoryScript.parts))
    expect(count).toBe(packed.count)
  })
})
