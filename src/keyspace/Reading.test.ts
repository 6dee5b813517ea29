/** What a scan of versions and intents says, beside a model of both. */
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Batch } from "#storage/Batch.ts"
import * as MemoryEngine from "#storage/memory/MemoryEngine.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import { Changes } from "./Changes.ts"
import * as Key from "./Key.ts"
import * as Reading from "./Reading.ts"
import type { KeyState } from "./Reading.ts"
import * as Records from "./Records.ts"

const bytes = fc.uint8Array({ minLength: 0, maxLength: 3, max: 3 })
const textOf = (at: number, value: Uint8Array | undefined): string => `${at}=${value?.join(".") ?? "deleted"}`
const keyText = (key: Uint8Array): string => key.join(".")

describe("a key in the engine", () => {
  it("sorts as it does in the keyspace, and comes back", () => {
    fc.assert(
      fc.property(bytes, bytes, (one, other) => {
        const [left, right] = [Key.head(one), Key.head(other)]
        expect(Math.sign(Buffer.compare(left, right))).toBe(Math.sign(Buffer.compare(one, other)))
        expect(keyText(Key.keyOf(left, Key.endOf(left)))).toBe(keyText(one))
        const at = 2 ** 40 + one.length
        const old = Key.old(one, at)
        expect(Key.oldAt(old, Key.endOf(old))).toBe(at)
        // Within the span of a key there is nothing of another.
        const { from, to } = Key.bounds({ from: one, to: other })
        const isIn = Buffer.compare(one, other) < 0
        expect(Buffer.compare(from, left) <= 0 && Buffer.compare(left, to) < 0).toBe(isIn)
      })
    )
  })
})

describe("a scan", () => {
  it("shows each key once, in order, with its intent and what was in force", () => {
    const script = fc.array(
      fc.record({ key: bytes, value: fc.option(fc.nat(9), { nil: undefined }), isIntent: fc.boolean() }),
      { maxLength: 30 }
    )
    fc.assert(
      fc.property(script, fc.nat(30), fc.boolean(), fc.tuple(bytes, bytes), (steps, at, reverse, [from, to]) => {
        const bench = new TestBench({ machines: 1 })
        let found: ReadonlyArray<string> | undefined
        const program = Effect.gen(function* () {
          const port = yield* MemoryEngine.openVolatile()
          const heads = new Map<string, KeyState>()
          steps.forEach(({ isIntent, key, value }, index) => {
            const changes = new Changes()
            const state = heads.get(keyText(key)) ?? { head: undefined, intent: undefined }
            const written = value === undefined ? undefined : Uint8Array.of(value)
            const txn = { id: index + 1, anchor: key, age: index + 1 }
            if (isIntent) changes.intent(txn, { key, value: written })
            else {
              changes.version(key, state, written, index + 1)
              heads.set(keyText(key), { ...state, head: { value: written, at: index + 1 } })
            }
            port.write(new Batch().append(changes.batch.encoded(), changes.batch.count), "buffered", () => {})
          })
          yield* Effect.sleep(10)
          const shown: Array<string> = []
          const visit = ({ intent, key, seen }: Reading.Item): boolean => {
            shown.push(
              `${keyText(key)} ${intent?.txn.id ?? "-"} ${seen === undefined ? "-" : textOf(seen.at, seen.value)}`
            )
            return true
          }
          Reading.scan(
            port,
            { span: { from, to }, at, reverse },
            visit,
            (goOn) => goOn(),
            () => (found = shown)
          )
          yield* Effect.sleep(10)
        })
        bench.start(0, program)
        bench.pass(1_000_000)
        expect(found).toEqual(expected(steps, at, reverse, from, to))
      }),
      { numRuns: 200 }
    )
  })
})

const expected = (
  steps: ReadonlyArray<{ readonly key: Uint8Array; readonly value: number | undefined; readonly isIntent: boolean }>,
  at: number,
  reverse: boolean,
  from: Uint8Array,
  to: Uint8Array
): ReadonlyArray<string> => {
  const keys = [...new Map(steps.map(({ key }) => [keyText(key), key])).values()]
    .filter((key) => Buffer.compare(from, key) <= 0 && Buffer.compare(key, to) < 0)
    .sort((left, right) => Buffer.compare(left, right))
  const lines = keys.map((key) => {
    let intent: number | undefined
    let seen: string | undefined
    steps.forEach((step, index) => {
      if (keyText(step.key) !== keyText(key)) return
      if (step.isIntent) intent = index + 1
      else if (index + 1 <= at) {
        seen = textOf(index + 1, step.value === undefined ? undefined : Uint8Array.of(step.value))
      }
    })
    return `${keyText(key)} ${intent ?? "-"} ${seen ?? "-"}`
  })
  return reverse ? lines.reverse() : lines
}

describe("a record", () => {
  it("comes back as it was written", () => {
    const txn = { id: 7, anchor: Uint8Array.of(1, 0, 2), age: 5 }
    expect(Records.readIntent(Records.intent(txn, { key: txn.anchor, value: Uint8Array.of(9) }))).toEqual({
      txn,
      value: Uint8Array.of(9)
    })
    const record = { outcome: { type: "committed" as const, at: 12 }, keys: [txn.anchor] }
    expect(Records.readRecord(Records.record(record))).toEqual(record)
    expect(Records.readHead(Records.headFrame({ value: undefined, at: 3 }))).toEqual({ value: undefined, at: 3 })
  })
})
