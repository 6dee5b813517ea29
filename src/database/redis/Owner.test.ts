/** How a node that has a part of Redis's data is stored. */
import { describe, expect, it } from "vitest"
import * as Bytes from "#base/Bytes.ts"
import * as Owner from "./Owner.ts"
import { SlotSet } from "./SlotSet.ts"

const owner: Owner.Owner = {
  node: 3,
  epoch: 17,
  beats: 5,
  address: { host: "db3", port: 6_379 },
  relay: { host: "db3", port: 16_379 },
  pass: "secret",
  slots: SlotSet.of([
    [0, 99],
    [16_383, 16_383]
  ]),
  streams: [11, 17]
}

const plain = ({ slots, ...rest }: Owner.Owner): unknown => ({ ...rest, slots: slots.ranges })

describe("a stored owner", () => {
  it("is what it was", () => {
    expect(plain(Owner.decode(Owner.encode(owner)))).toEqual(plain(owner))
  })

  it("of a version before has nodes come in where clients do, and of the first one everything", () => {
    const begun = (version: number): Bytes.Writer =>
      Bytes.Writer.make().u8(version).u32(3).f64(17).f64(5).text("db3").u32(6_379)
    const second = begun(2).text("secret").u32(1).u32(0).u32(99).u32(1).f64(17).finish()
    const { address } = owner
    expect(plain(Owner.decode(second))).toEqual({
      ...(plain(owner) as object),
      relay: address,
      slots: [[0, 99]],
      streams: [17]
    })
    const first = Owner.decode(begun(1).finish())
    expect([first.relay, first.slots.count, first.streams]).toEqual([address, 16_384, [Owner.firstStream]])
  })
})
