/** The admin door on a simulated machine, asked from another. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { TestBench } from "#sim/world/TestBench.ts"
import * as AdminDoor from "./AdminDoor.ts"
import { Health } from "./Health.ts"
import { Metrics } from "./Metrics.ts"
import { type Config, initial } from "./Settings.ts"
import { connect, get, type TestClient } from "./TestClients.ts"

const second = 1_000_000

const opened = (more: Partial<Config> = {}) => {
  const bench = new TestBench({ machines: 2 })
  const config: Config = { ...initial, adminBind: [{ host: "n0", optional: false }], ...more }
  const metrics = new Metrics()
  let door: AdminDoor.AdminDoor | undefined
  const program = Effect.gen(function* () {
    door = yield* AdminDoor.open({ config, metrics, health: new Health() })
  })
  bench.start(0, program)
  bench.pass(second / 10)
  const clients: Array<TestClient> = []
  const refused: Array<string> = []
  const connects = (count: number): void => {
    const program = Effect.gen(function* () {
      for (let made = 0; made < count; made++) {
        yield* connect("n0", config.adminPort).pipe(
          Effect.match({
            onSuccess: (client) => void clients.push(client),
            onFailure: ({ code }) => void refused.push(code)
          })
        )
      }
    })
    bench.start(1, program)
    bench.pass(second)
  }
  return { bench, metrics, clients, refused, connects, door: () => door! }
}

const count = (client: TestClient): number => client.text().split("HTTP/1.1 ").length - 1

describe("AdminDoor", () => {
  it("says why it has not started, with the status by which probes know it", () => {
    const { bench, clients, connects } = opened()
    connects(1)
    bench.watched(() => clients[0].send(get("/health/startup") + get("/health/ready") + get("/health/live")))
    bench.pass(second)
    const bodies = [...clients[0].text().matchAll(/HTTP\/1\.1 (\d+)[^{]*(\{[^\n]*\})/g)].map(([, status, body]) => [
      status,
      body
    ])
    expect(bodies).toEqual([
      ["503", '{"status":"unavailable","reason":"it is starting"}'],
      ["503", '{"status":"unavailable","reason":"it is starting"}'],
      ["200", '{"status":"ok"}']
    ])
  })

  it("refuses connections over its bound, and takes new ones when others are gone", () => {
    const { bench, clients, connects, refused } = opened({ adminConnectionsMax: 2 })
    connects(3)
    expect(clients.map((client) => client.ended())).toEqual([undefined, undefined])
    expect(refused).toEqual(["reset"])
    bench.watched(() => clients[0].connection.end())
    bench.pass(second)
    expect(clients[0].ended()).toBe("ended")
    bench.machines[1].crash({ powerLost: false })
    bench.pass(second)
    connects(2)
    expect(clients.slice(2).map((client) => client.ended())).toEqual([undefined, undefined])
    expect(refused).toEqual(["reset"])
  })

  it("cuts connections off that are silent, but none that asks now and then", () => {
    const { bench, clients, connects } = opened({ adminIdleMillisMax: 4_000 })
    connects(2)
    for (let round = 0; round < 4; round++) {
      bench.watched(() => clients[0].send(get("/health/live")))
      bench.pass(2 * second)
    }
    expect(clients.map((client) => client.ended())).toEqual([undefined, "reset"])
    expect(count(clients[0])).toBe(4)
  })

  it("answers a flood one at a time, and stops reading from who does not read", () => {
    const { bench, clients, connects, metrics } = opened({ adminIdleMillisMax: 60_000 })
    connects(1)
    const total = 4_000
    bench.watched(() => {
      clients[0].connection.pause()
      clients[0].send(get("/health/startup").repeat(total))
    })
    bench.pass(5 * second)
    const answered = Number(/requests_total\{path="\/health\/startup"\} (\d+)/.exec(metrics.text())?.[1])
    expect(answered).toBeGreaterThan(100)
    expect(answered).toBeLessThan(total)
    bench.watched(() => clients[0].connection.resume())
    bench.pass(30 * second)
    expect(count(clients[0])).toBe(total)
  })

  it("answers what was wrong, then ends the connection; other methods and paths are told what there is", () => {
    const { bench, clients, connects } = opened()
    connects(2)
    bench.watched(() => {
      clients[0].send(
        `HEAD /health/live HTTP/1.1\r\nHost: h\r\n\r\nDELETE /metrics HTTP/1.1\r\nHost: h\r\n\r\n${get("/")}`
      )
      clients[1].send("nonsense\r\n\r\n")
    })
    bench.pass(second)
    expect(clients[0].text()).toMatch(
      /^HTTP\/1\.1 200 OK\r\n[^{]*Content-Length: 16\r\n[^{]*\r\n\r\nHTTP\/1\.1 405 [^]*Allow: GET, HEAD[^]*404 /
    )
    expect(clients[0].ended()).toBeUndefined()
    expect(clients[1].text()).toMatch(/^HTTP\/1\.1 400 /)
    expect(clients[1].ended()).toBe("ended")
  })

  it("ends connections that ask nothing when it drains, and tells others to", () => {
    const { bench, clients, connects, door } = opened()
    connects(1)
    bench.watched(() => door().drain())
    bench.pass(second)
    expect(clients[0].ended()).toBe("reset")
    connects(1)
    bench.watched(() => clients[1].send(get("/health/live")))
    bench.pass(second)
    expect(clients[1].text()).toContain("Connection: close")
    expect(clients[1].ended()).toBe("ended")
  })
})
