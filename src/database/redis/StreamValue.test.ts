import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { defaults } from "./Settings.ts"
import { Shelf } from "./Shelf.ts"
import * as StreamId from "./StreamId.ts"
import { type Fields, StreamValue } from "./StreamValue.ts"

interface Model {
  entries: Array<readonly [string, Fields]>
  maxDeleted: string
  added: number
}

type Entries = ReadonlyArray<readonly [string, Fields]>

const same = (actual: unknown, expected: unknown): void => {
  expect(actual).toEqual(expected)
}

const entriesOf = (stream: StreamValue, from = StreamId.zero, to = StreamId.max): Entries => {
  const up: Array<readonly [string, Fields]> = []
  stream.each(from, to, (id, fields) => {
    up.push([id, fields])
  })
  const down: Array<readonly [string, Fields]> = []
  stream.eachDown(from, to, (id, fields) => {
    down.push([id, fields])
  })
  expect(down.reverse()).toEqual(up)
  return up
}

const groupsOf = (stream: StreamValue) =>
  stream.groupsByName().map((group) => {
    const pending: Array<string> = []
    group.pending.each(StreamId.zero, (id, { consumer, deliveredAt, deliveries }) => {
      pending.push(`${StreamId.format(id)} ${consumer.name} ${deliveredAt} ${deliveries}`)
    })
    const consumers = group.byName().map(({ name, pending: own, seenAt }) => {
      const ids: Array<string> = []
      own.each(StreamId.zero, (id) => {
        ids.push(StreamId.format(id))
      })
      return { name, seenAt, ids }
    })
    return { name: group.name, lastId: group.lastId, entriesRead: group.entriesRead, pending, consumers }
  })

const expectSame = (stream: StreamValue, model: Model): void => {
  expect(entriesOf(stream)).toEqual(model.entries)
  expect(stream.size).toBe(model.entries.length)
  expect(stream.added).toBe(model.added)
  expect(stream.maxDeletedId).toBe(model.maxDeleted)
  expect(stream.firstId).toBe(model.entries[0]?.[0] ?? StreamId.zero)
}

const name = fc.constantFrom("a", "b", "c")
/** A part of the whole, in [0, 1). */
const part = fc.integer({ min: 0, max: 999 }).map((n) => n / 1_000)
const fields = fc.oneof(
  fc.constant(["f", "1", "g", "text"]),
  fc
    .array(fc.constantFrom("f", "g", "", "12", "x".repeat(300)), { minLength: 1, maxLength: 3 })
    .map((texts) => [...texts, ...texts])
)

type Step = (stream: StreamValue, model: Model) => void

const append = fc
  .tuple(fields, fc.constantFrom(1, 1, 120), fc.constantFrom(0, 5))
  .map(([texts, times, gap]): Step => (stream, model) => {
    for (let i = 0; i < times; i++) {
      const id = gap === 0 ? StreamId.next(stream.lastId)! : StreamId.of(StreamId.millis(stream.lastId) + gap, 1)
      stream.append(id, [...texts], defaults)
      model.entries.push([id, texts])
      model.added += 1
    }
  })

const remove = fc.tuple(part, fc.constantFrom(1, 1, 130)).map(([at, times]): Step => (stream, model) => {
  for (let i = 0; i < times && model.entries.length > 0; i++) {
    const place = Math.floor(at * model.entries.length)
    const [id] = model.entries[place]
    same(stream.get(id), model.entries[place][1])
    same(stream.delete(id), true)
    same(stream.delete(id), false)
    same(stream.get(id), undefined)
    model.entries.splice(place, 1)
    if (id > model.maxDeleted) model.maxDeleted = id
  }
})

const trim = fc.tuple(part, fc.boolean(), fc.boolean()).map(([at, byId, isApproximate]): Step => (stream, model) => {
  const place = Math.floor(at * model.entries.length)
  const from = byId
    ? { minId: model.entries[place]?.[0] ?? StreamId.zero }
    : { lengthMax: model.entries.length - place }
  const removed = stream.trim({ ...from, isApproximate, limit: 0 })
  if (isApproximate) same(removed <= place, true)
  else same(removed, place)
  model.entries.splice(0, removed)
})

const group: fc.Arbitrary<Step> = fc.tuple(name, name, part).map(([groupName, consumerName, at]): Step => (stream) => {
  let existing = stream.groups.get(groupName)
  if (existing !== undefined && at < 0.1) return stream.removeGroup(existing)
  existing ??= stream.addGroup(groupName, StreamId.zero, 0)
  let consumer = existing.consumers.get(consumerName)
  if (consumer !== undefined && at < 0.2) {
    same(existing.removeConsumer(consumer), consumer.pending.size)
    return
  }
  consumer ??= existing.addConsumer(consumerName, 5)
  existing.seen(consumer, Math.floor(at * 100))
  const all = entriesOf(stream)
  const from = Math.floor(at * all.length)
  for (const [id] of all.slice(from, from + 20)) {
    if (at < 0.5) existing.acknowledge(id)
    else existing.deliver(id, consumer, Math.floor(at * 1_000), (existing.pending.get(id)?.deliveries ?? 0) + 1)
  }
  if (all.length > 0) existing.setLast(all[from][0], from - 1)
})

const step = fc.oneof({ weight: 4, arbitrary: append }, { weight: 2, arbitrary: remove }, trim, {
  weight: 6,
  arbitrary: group
})

describe("a stream", () => {
  it("answers as an array does, and is on the shelf what it is in memory", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(step, fc.integer({ min: 0, max: 3 })), { maxLength: 40 }), (steps) => {
        let stream = new StreamValue()
        const model: Model = { entries: [], maxDeleted: StreamId.zero, added: 0 }
        const shelf = new Shelf()
        for (const [change, what] of steps) {
          change(stream, model)
          if (what === 0) continue
          shelf.keep(stream, { whole: false })
          const loaded = shelf.load(StreamValue.load)
          expectSame(loaded, model)
          expect(groupsOf(loaded)).toEqual(groupsOf(stream))
          // Now and then it goes on as it was loaded.
          if (what === 1) stream = loaded
        }
        expectSame(stream, model)
        const copy = stream.clone()
        expectSame(copy, model)
        expect(groupsOf(copy)).toEqual(groupsOf(stream))
        const all = model.entries
        const [from, to] = [all[Math.floor(all.length / 3)]?.[0], all[Math.floor(all.length / 2)]?.[0]]
        if (from === undefined) return
        expect(entriesOf(stream, from, to)).toEqual(all.filter(([id]) => id >= from && id <= to))
      }),
      { seed: 5, numRuns: 300 }
    )
  })

  it("writes one node, and what is pending, for a delivery in a stream of a hundred thousand", () => {
    const stream = new StreamValue()
    const shelf = new Shelf()
    for (let i = 1; i <= 100_000; i++) stream.append(StreamId.of(i, 0), ["field", String(i)], defaults)
    const readers = stream.addGroup("readers", StreamId.zero, 0)
    const consumer = readers.addConsumer("one", 1)
    for (let i = 1; i <= 50_000; i++) readers.deliver(StreamId.of(i, 0), consumer, 1, 1)
    shelf.keep(stream, { whole: true })
    stream.append(StreamId.of(100_001, 0), ["field", "last"], defaults)
    readers.deliver(StreamId.of(50_001, 0), consumer, 2, 1)
    readers.acknowledge(StreamId.of(1, 0))
    shelf.keep(stream, { whole: false })
    expect(shelf.changes).toBe(3)
    const loaded = shelf.load(StreamValue.load)
    expect(loaded.get(StreamId.of(100_001, 0))).toEqual(["field", "last"])
    expect(loaded.groups.get("readers")!.pending.size).toBe(50_000)
  })
})
