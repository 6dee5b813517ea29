/** Loading against the engine whose batches were stored: some are folded, some are folded halfway, some garbage is cleared and some is left. */
import * as fc from "fast-check"
import { expect, it } from "vitest"
import * as Latin1 from "#base/Latin1.ts"
import type { Mutation } from "#keyspace/Request.ts"
import * as Keys from "#storage/Keys.ts"
import type { Database } from "./Database.ts"
import { Engine } from "./Engine.ts"
import { HashValue } from "./HashValue.ts"
import type { Batch } from "./Journal.ts"
import { ListValue } from "./ListValue.ts"
import { Loading } from "./Loading.ts"
import { Overlay } from "./Overlay.ts"
import * as Places from "./Places.ts"
import * as Record from "./Record.ts"
import { Seen } from "./Seen.ts"
import * as Stored from "./Stored.ts"
import * as StringValue from "./StringValue.ts"
import type { Content } from "./Value.ts"

const names = ["", "a", "ab", "a\x00", "a\x01b", "\xff", "k".repeat(901), "k".repeat(902)]
const fields = ["", "a", "a\x00", "f".repeat(950), ...Array.from({ length: 9 }, (_, i) => `field ${i}`)]

const step = fc.record({
  type: fc.constantFrom("text", "hash", "hash", "list", "list", "list", "delete", "expire", "swap", "gather", "store"),
  name: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(2, 14) }, fc.nat(names.length * 2 - 1)),
  at: fc.nat(fields.length - 1),
  size: fc.constantFrom(0, 3, 5, 5_000, 70_000)
})

type Step = typeof step extends fc.Arbitrary<infer A> ? A : never

const engineOf = (): Engine => new Engine({ wallMillis: () => 1_000_000, random: () => 0 })

const apply = (engine: Engine, given: Step, number: number): void => {
  if (given.type === "store") return
  if (given.type === "gather") return engine.journal.gather()
  if (given.type === "swap") return engine.swap(0, 1)
  const key = names[given.name >> 1]
  const db = engine.databases[given.name & 1]
  const entry = db.peek(key)
  if (given.type === "delete") return void db.delete(key)
  if (given.type === "expire") return entry === undefined ? undefined : db.expireAt(entry, 2_000_000 + number)
  const text = `${number}`.padStart(given.size, "7")
  if (given.type === "text") return void db.set(key, StringValue.contentOf(text))
  const content = entry?.content
  if (given.type === "hash") {
    const hash = content instanceof HashValue ? content : new HashValue()
    if (given.size === 0 && hash.size > 1) hash.delete(fields[given.at])
    else hash.set(fields[given.at], text)
    return void (hash === content ? db.touched(entry!) : db.set(key, hash))
  }
  const list = content instanceof ListValue ? content : new ListValue()
  if (given.size === 0 && list.size > 1) list.pop(given.at % 2 === 0 ? "left" : "right")
  else list.push(given.at % 2 === 0 ? "left" : "right", text)
  return void (list === content ? db.touched(entry!) : db.set(key, list))
}

/** Everything that clients can see of an engine. */
const seen = (engine: Engine): unknown =>
  engine.databases.map((db) => {
    const entries: Array<readonly [string, number, unknown]> = []
    db.each((entry) => entries.push([entry.name, entry.expiresAt, contentOf(entry.content)]))
    return entries.sort(([left], [right]) => (left < right ? -1 : 1))
  })

const contentOf = (content: Content): unknown => {
  if (content instanceof ListValue) return Array.from({ length: content.size }, (_, i) => content.at(i))
  if (content instanceof HashValue) return Object.fromEntries(fields.map((field) => [field, content.get(field)]))
  return StringValue.textOf(content)
}

class Keyspace {
  readonly keys = new Map<string, Uint8Array>()

  write({ key, value }: Mutation): void {
    if (value === undefined) this.keys.delete(Latin1.decode(key))
    else this.keys.set(Latin1.decode(key), value)
  }

  clear(prefix: Uint8Array): void {
    for (const key of this.keys.keys()) if (key.startsWith(Latin1.decode(prefix))) this.keys.delete(key)
  }

  /** Of these batches what the later ones say, in the order of the keys; the first `count` of them. */
  fold(batches: ReadonlyArray<Batch>, count = Infinity): void {
    const news = new Seen()
    const mutations: Array<Mutation> = []
    for (let i = batches.length - 1; i >= 0; i--) {
      const cursor = new Record.Cursor(batches[i].record!)
      while (cursor.next()) if (news.isNews(cursor, i)) mutations.push(cursor.mutation)
    }
    mutations.sort((left, right) => Keys.compare(left.key, right.key))
    for (const mutation of mutations.slice(0, count)) this.write(mutation)
  }
}

const load = (keyspace: Keyspace, batches: ReadonlyArray<Batch>) => {
  const engine = engineOf()
  const garbage: Array<string> = []
  const told = (prefix: Uint8Array): void => void garbage.push(Latin1.decode(prefix))
  const databaseAt = (index: number): Database => engine.databaseAt(index)
  const overlay = new Overlay(databaseAt, told)
  for (const { record } of batches) overlay.add(record!)
  const loading = new Loading({ databaseAt, overlay, garbage: told })
  let { databases } = overlay
  for (const text of [...keyspace.keys.keys()].sort()) {
    const key = Latin1.encode(text)
    if (Keys.compare(key, Places.databasesKey) !== 0) loading.take(key, keyspace.keys.get(text)!)
    else databases ??= keyspace.keys.get(text)
  }
  loading.finish()
  for (const layer of overlay.others()) loading.layer(layer)
  // Whatever was said again and again.
  expect(overlay.heldBytes).toBe(0)
  if (databases !== undefined) engine.arrange(databases)
  return { engine, garbage }
}

/** What elements that count begin with. */
const generations = (engine: Engine): Set<string> => {
  const used = new Set<string>()
  for (const { index } of engine.databases) {
    engine.databaseAt(index).each(({ elements, name: key }) => {
      if (elements !== undefined) used.add(Latin1.decode(Stored.elementsOf(index, key, elements.generation)))
    })
  }
  return used
}

it("what is loaded is what was stored, however far it was folded, and the garbage is all that does not count", () => {
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 20, maxLength: 80 }),
      fc.nat(10),
      fc.nat(40),
      fc.boolean(),
      (steps, foldedWhole, foldedMore, isCleared) => {
        const engine = engineOf()
        const batches: Array<Batch> = []
        for (const [number, given] of [...steps, { type: "store", name: 0, at: 0, size: 0 } as const].entries()) {
          apply(engine, given, number)
          const batch = given.type === "store" ? engine.journal.take() : undefined
          if (batch !== undefined) engine.journal.done(batch)
          if (batch?.record !== undefined) batches.push(batch)
        }
        const [folded, left] = [batches.slice(0, foldedWhole), batches.slice(foldedWhole)]
        const keyspace = new Keyspace()
        keyspace.fold(folded)
        if (isCleared) for (const batch of folded) batch.garbage.forEach((prefix) => keyspace.clear(prefix))
        keyspace.fold(left, foldedMore)

        const loaded = load(keyspace, left)
        expect(seen(loaded.engine)).toEqual(seen(engine))
        const used = generations(loaded.engine)
        for (const prefix of loaded.garbage) expect(used).not.toContain(prefix)
        // Once the rest is folded and the garbage cleared, nothing is there but what counts.
        keyspace.fold(left)
        for (const prefix of loaded.garbage) keyspace.clear(Latin1.encode(prefix))
        const again = load(keyspace, [])
        expect(seen(again.engine)).toEqual(seen(engine))
        expect(again.garbage).toEqual([])
      }
    ),
    { numRuns: 300 }
  )
})
