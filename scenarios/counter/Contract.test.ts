import { expect, it } from "vitest"
import { putU32, Writer } from "#base/Bytes.ts"
import { crc32c } from "#base/Crc32c.ts"
import * as Call from "../systems/Call.ts"
import * as DurableCounter from "../systems/DurableCounter.ts"
import { contract } from "./Contract.ts"

const record = (body: Writer): Uint8Array => {
  const bytes = body.finish()
  return Writer.make().u32(bytes.length).u32(crc32c(bytes)).raw(bytes).finish()
}
const snapshot = (value: number): Uint8Array => record(Writer.make().u8(1).f64(value).u32(0))
const addition = (number: number, delta: number): Uint8Array =>
  record(Writer.make().u8(2).u32(0).u32(number).raw(new Uint8Array(delta).fill(1)))
const logOf = (...records: ReadonlyArray<Uint8Array>): Uint8Array => {
  const log = Writer.make()
  for (const one of records) log.raw(one)
  return log.finish()
}

it("an answer may count what the log has durably, as it grows and is written anew, and nothing more", () => {
  let log: Uint8Array | undefined
  const session = contract.make({
    nodes: 1,
    clients: 1,
    options: {},
    durable: () => log,
    damaged: () => false
  })
  const answers = (value: number): string | undefined => {
    const request = Writer.make().u8(Call.kinds.request).u32(0).u32(1).u8(DurableCounter.operations.read).finish()
    session.sent!({ atMicros: 0, from: 1, to: 0, bytes: request })
    return session.sent!({ atMicros: 0, from: 0, to: 1, bytes: Call.answer(1).f64(value).finish() })?.detail
  }
  expect([answers(0), answers(1)]).toEqual([undefined, "n0 answered 1; its disk has counted to 0"])
  log = logOf(snapshot(5))
  expect([answers(5), answers(6)]).toEqual([undefined, "n0 answered 6; its disk has counted to 5"])
  log = logOf(snapshot(5), addition(1, 7))
  expect([answers(12), answers(13)]).toEqual([undefined, "n0 answered 13; its disk has counted to 12"])
  log = logOf(snapshot(12), addition(2, 600), addition(3, 1))
  expect([answers(613), answers(614)]).toEqual([undefined, "n0 answered 614; its disk has counted to 613"])
  // A hole in a record, and everything behind it, counts nothing.
  log = logOf(snapshot(613), addition(4, 600), addition(5, 1))
  putU32(log, 200, 0)
  expect([answers(613), answers(614)]).toEqual([undefined, "n0 answered 614; its disk has counted to 613"])
})
