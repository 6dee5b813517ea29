/** Transports over this machine's TCP: the plain claims, which hold there as in the simulator. */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type * as Net from "#world/Net.ts"
import { RealNet } from "#world/real/RealNet.ts"
import { RealTimers } from "#world/real/RealTimers.ts"
import * as TestCredentials from "#world/real/TestCredentials.ts"
import * as Settings from "./Settings.ts"
import * as TestStores from "./TestStores.ts"
import { Transport } from "./Transport.ts"

const host = "127.0.0.1"
const trace = { emit: () => {}, mark: () => {} }

let timers: RealTimers
let nets: Array<RealNet>
beforeEach(() => {
  timers = new RealTimers()
  nets = []
})
afterEach(() => {
  for (const net of nets) net.close()
  timers.close()
})

/** A store that listens, with the end of its process. */
const start = async (
  store: number,
  options: { readonly epoch?: number; readonly port?: number; readonly tls?: Net.Credentials | undefined } = {}
) => {
  const net = new RealNet({ timers, trace })
  nets.push(net)
  const life = new TestStores.Store()
  const transport = new Transport({
    self: { cluster: TestStores.cluster, store, epoch: options.epoch ?? 1 },
    settings: Settings.defaults,
    net,
    attachTimers: (sink) => timers.attach(sink),
    trace,
    random: (bound) => Math.floor(bound / 2),
    tls: options.tls
  })
  const listener = await new Promise<Net.Closable>((resolve, reject) => {
    const done: Net.Done<Net.Closable | undefined> = (error, value) =>
      error === undefined ? resolve(value!) : reject(error)
    const { tls } = options
    net.listen({ host, port: options.port ?? 0 }, transport.accept, done, tls === undefined ? {} : { tls })
  })
  life.attach(transport)
  return { life, transport, address: listener.address, kill: () => net.close() }
}

const two = async (tls?: ReadonlyArray<Net.Credentials>) => {
  const [one, other] = [await start(1, { tls: tls?.[0] }), await start(2, { tls: tls?.[1] })]
  one.transport.setAddress(2, other.address)
  other.transport.setAddress(1, one.address)
  await expect.poll(() => [one.life.events, other.life.events]).toEqual([["connected 2"], ["connected 1"]])
  return { one, other }
}

describe("over TCP", () => {
  const certificates = [TestCredentials.of("store-1"), TestCredentials.of("store-2")]
  it.each([
    ["plainly", undefined],
    ["by TLS", certificates]
  ])("stores have what they send %s, both ways, whole and in order of lanes, the largest too", async (_, tls) => {
    const { one, other } = await two(tls)
    for (let index = 0; index < 300; index++) {
      const sizeBytes = index % 100 === 50 ? 3_000_000 : 4 + 11 * index
      expect(one.life.send(2, TestStores.laneOf(index), sizeBytes)).toBe(true)
      expect(other.life.send(1, TestStores.laneOf(index), sizeBytes)).toBe(true)
    }
    await expect.poll(() => [one.life.came.length, other.life.came.length], { timeout: 5_000 }).toEqual([300, 300])
    expect([...TestStores.problems(one.life.came), ...TestStores.problems(other.life.came)]).toEqual([])
  })

  it.each([1, 2])(
    "the death of store %i is told, and its next start is found, whoever of them dials",
    async (store) => {
      const { one, other } = await two()
      const [dead, alive] = store === 1 ? [one, other] : [other, one]
      dead.kill()
      await expect.poll(() => alive.life.events.at(-1)).toBe(`disconnected ${store}`)
      const again = await start(store, { epoch: 2, port: dead.address.port })
      again.transport.setAddress(3 - store, alive.address)
      await expect.poll(() => alive.life.events.at(-1), { timeout: 5_000 }).toBe(`connected ${store}`)
      alive.life.send(store, "normal")
      await expect.poll(() => again.life.numbers()).toEqual([0])
    }
  )

  it("a full lane is told when there is room again, and has lost no frame that it took", async () => {
    const { one, other } = await two()
    let taken = 0
    // More than the lane may have waiting and the system buffers: in one turn nothing leaves.
    while (one.life.send(2, "bulk", 1_000_000)) taken++
    expect(taken).toBe(8)
    await expect.poll(() => one.life.events.at(-1), { timeout: 5_000 }).toBe("drained 2 bulk")
    await expect.poll(() => other.life.came.length, { timeout: 5_000 }).toBe(taken)
    expect(TestStores.problems(other.life.came)).toEqual([])
  })
})
