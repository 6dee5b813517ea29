import { describe, expect, it } from "vitest"
import { Refused, type StorageError } from "#storage/StorageError.ts"
import { WriteOrder } from "./WriteOrder.ts"

const make = () => {
  const said: Array<string> = []
  const dones: Array<(error: StorageError | undefined) => void> = []
  const writes = new WriteOrder<string>(
    (what) => said.push(what),
    (error, number) => said.push(error === undefined ? `durable ${number}` : `failed ${number}`)
  )
  const write = (): void => writes.submit((done) => dones.push(done))
  return { dones, said, write, writes }
}

describe("what promises something durable", () => {
  it("leaves when everything written before it is durable, in its order", () => {
    const { dones, said, write, writes } = make()
    writes.hold("nothing before it")
    write()
    writes.hold("after one")
    write()
    writes.hold("after two")
    writes.hold("after two as well")
    expect(said).toEqual(["nothing before it"])
    dones[0](undefined)
    expect(said.slice(1)).toEqual(["durable 1", "after one"])
    dones[1](undefined)
    expect(said.slice(3)).toEqual(["durable 2", "after two", "after two as well"])
    expect(writes.isIdle).toBe(true)
  })

  it("never leaves when the write before it failed", () => {
    const { dones, said, write, writes } = make()
    write()
    writes.hold("a promise")
    dones[0](new Refused({ reason: "closed", message: "" }))
    writes.hold("another one")
    expect([said, writes.isIdle]).toEqual([["failed 1"], false])
  })

  it("stops the node when writes become durable out of order", () => {
    const { dones, write } = make()
    write()
    write()
    expect(() => dones[1](undefined)).toThrow("in order")
  })
})
