import { expect, it } from "vitest"
import { entryKinds } from "#consensus/Message.ts"
import { Changes } from "#keyspace/Changes.ts"
import * as RangeCommand from "#keyspace/RangeCommand.ts"
import { writtenOf } from "./Observed.ts"

const key = new TextEncoder().encode("a")

it("a command that its range refused has written nothing, nor has one of an earlier term", () => {
  const changes = new Changes()
  changes.version(key, { head: undefined, intent: undefined }, key, 5)
  const command = RangeCommand.encode({
    type: "write",
    term: 2,
    sizeBytes: changes.sizeBytes,
    floor: 3,
    closed: 0,
    operations: changes.batch.encoded(),
    count: changes.batch.count,
    decisions: undefined
  })
  const entry = { index: 1, term: 2, kind: entryKinds.normal, data: command }
  const { done, refused, stale } = RangeCommand.answers
  const versions = [{ key: "a", at: 5 }]
  expect(writtenOf(entry, done)).toEqual({ floor: 3, records: [], intents: [], cleared: [], versions })
  expect([refused, stale, undefined].map((answer) => writtenOf(entry, answer))).toEqual([
    undefined,
    undefined,
    undefined
  ])
})
