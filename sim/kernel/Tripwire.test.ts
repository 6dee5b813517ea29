import * as childProcess from "node:child_process"
import * as crypto from "node:crypto"
import * as dgram from "node:dgram"
import * as dns from "node:dns"
import * as fs from "node:fs"
import { mkdir, readFile } from "node:fs/promises"
import * as http from "node:http"
import * as http2 from "node:http2"
import * as https from "node:https"
import * as net from "node:net"
import * as os from "node:os"
import * as tls from "node:tls"
import * as timers from "node:timers"
import { Worker } from "node:worker_threads"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as Tripwire from "./Tripwire.ts"

// While it reports, the test runner puts back `process.nextTick` as it was before the traps, up to its own next tick.
beforeEach(() => new Promise<void>((resolve) => setImmediate(resolve)))
afterEach(() => Tripwire.disarm())

/** Does it under the armed wire; what tripped, and what the caller saw of it. */
const armed = (action: () => unknown): { readonly trip: Tripwire.Trip | undefined; readonly thrown: unknown } => {
  let thrown: unknown
  Tripwire.arm()
  try {
    action()
  } catch (error) {
    thrown = error
  } finally {
    Tripwire.disarm()
  }
  return { trip: Tripwire.tripped(), thrown }
}

/** Every ambient source: by what it is named when it trips, and a call of it. */
const sources: Readonly<Record<string, () => unknown>> = {
  "Date.now": () => Date.now(),
  "new Date()": () => new Date(),
  "Date()": () => Date(),
  "performance.now": () => performance.now(),
  "performance.mark": () => performance.mark("here"),
  "process.hrtime": () => process.hrtime(),
  "process.hrtime.bigint": () => process.hrtime.bigint(),
  "process.uptime": () => process.uptime(),
  "process.cpuUsage": () => process.cpuUsage(),
  "process.memoryUsage": () => process.memoryUsage(),
  setTimeout: () => setTimeout(() => {}, 0),
  setInterval: () => setInterval(() => {}, 1_000),
  setImmediate: () => setImmediate(() => {}),
  "timers.setTimeout": () => timers.setTimeout(() => {}, 0),
  queueMicrotask: () => queueMicrotask(() => {}),
  "process.nextTick": () => process.nextTick(() => {}),
  fetch: () => fetch("http://127.0.0.1:1/"),
  "Math.random": () => Math.random(),
  "crypto.randomUUID": () => globalThis.crypto.randomUUID(),
  "crypto.getRandomValues": () => globalThis.crypto.getRandomValues(new Uint8Array(1)),
  "crypto.randomBytes": () => crypto.randomBytes(1),
  "crypto.generateKeySync": () => crypto.generateKeySync("aes", { length: 128 }),
  "crypto.randomInt": () => crypto.randomInt(9),
  "fs.readFileSync": () => fs.readFileSync("package.json", "utf8"),
  "fs.writeFileSync": () => fs.writeFileSync("/nowhere/file", ""),
  "fs.openSync": () => fs.openSync("package.json", "r"),
  "fs.existsSync": () => fs.existsSync("package.json"),
  "fs.readFile": () => fs.readFile("package.json", () => {}),
  "fs.promises.readFile": () => readFile("package.json"),
  "fs.promises.mkdir": () => mkdir("/nowhere/folder"),
  "net.connect": () => net.connect(1, "127.0.0.1"),
  "net.createServer": () => net.createServer(),
  "dgram.createSocket": () => dgram.createSocket("udp4"),
  "dns.lookup": () => dns.lookup("localhost", () => {}),
  "child_process.spawn": () => childProcess.spawn("true"),
  "child_process.execFileSync": () => childProcess.execFileSync("true"),
  "worker_threads.Worker": () => new Worker("0", { eval: true }),
  "net.Socket.connect": () => new net.Socket().connect(1, "127.0.0.1"),
  "net.Server.listen": () => new net.Server().listen(0),
  "AbortSignal.timeout": () => AbortSignal.timeout(1),
  "Atomics.wait": () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0),
  MessageChannel: () => new MessageChannel(),
  WebSocket: () => new WebSocket("ws://127.0.0.1:1/"),
  "process.env": () => process.env.HOME,
  "process.cwd": () => process.cwd(),
  "process.exit": () => process.exit(9),
  "os.hostname": () => os.hostname(),
  "os.cpus": () => os.cpus(),
  "console.log": () => console.log("said"),
  "console.error": () => console.error("said"),
  "process.stdout.write": () => process.stdout.write(""),
  "process.stderr.write": () => process.stderr.write(""),
  WeakRef: () => new WeakRef({}),
  FinalizationRegistry: () => new FinalizationRegistry(() => {}),
  "Intl.DateTimeFormat": () => new Intl.DateTimeFormat(),
  "Intl.NumberFormat": () => new Intl.NumberFormat(),
  "Intl.Collator": () => new Intl.Collator(),
  "String.prototype.localeCompare": () => "a".localeCompare("b"),
  "Number.prototype.toLocaleString": () => (1_000).toLocaleString(),
  "Date.prototype.getHours": () => new Date(0).getHours(),
  "Date.prototype.toString": () => String(new Date(0)),
  "Date.prototype.setHours": () => new Date(0).setHours(1),
  "new Date(year, month, ...)": () => new Date(2026, 0),
  "Date.prototype.getTimezoneOffset": () => new Date(0).getTimezoneOffset()
}

describe("during a run", () => {
  it.each(Object.keys(sources))("%s trips, throws, and names its call site", (what) => {
    const { thrown, trip } = armed(sources[what])
    expect(trip).toEqual({ what, site: expect.stringMatching(/^sim\/kernel\/Tripwire\.test\.ts:\d+:\d+$/) })
    expect(thrown).toBeInstanceOf(Tripwire.TripwireError)
    expect((thrown as Error).message).toContain(`${what} during a simulated run, at ${trip!.site}: `)
  })

  it("what is caught has tripped all the same, and the first one counts", () => {
    const { thrown, trip } = armed(() => {
      for (const source of [() => Math.random(), () => Date.now()]) {
        try {
          source()
        } catch {
          // As careless code under test might.
        }
      }
    })
    expect(thrown).toBeUndefined()
    expect(trip?.what).toBe("Math.random")
  })

  it("whatever speaks over a socket trips, by whatever module", () => {
    const clients = [
      () => tls.connect(1, "127.0.0.1"),
      () => http.get("http://127.0.0.1:1/"),
      () => https.request("https://127.0.0.1:1/"),
      () => http2.connect("http://127.0.0.1:1/"),
      () => http.createServer().listen(0)
    ]
    for (const client of clients) expect(armed(client).trip?.site).toMatch(/Tripwire\.test\.ts/)
  })

  // oxlint-disable-next-line unicorn/no-thenable
  const thenable: PromiseLike<void> = { then: () => thenable as never }
  const promises: Readonly<Record<string, () => unknown>> = {
    "an async function": async () => {},
    "a function that awaits": async () => {
      await thenable
    },
    "new Promise": () => new Promise(() => {}),
    "Promise.resolve": () => Promise.resolve(1),
    "an async generator's step": () => (async function* () {})().next(),
    "a dynamic import": () => import("./Draw.ts")
  }
  it.each(Object.keys(promises))("%s trips as a promise", (name) => {
    const { thrown, trip } = armed(promises[name])
    expect(thrown).toBeUndefined()
    expect(trip?.what).toContain("a promise")
    expect(trip?.site).toMatch(/Tripwire\.test\.ts/)
  })

  it("what depends on nothing but its arguments does not trip", () => {
    const { thrown, trip } = armed(() => {
      const date = new Date(1_000)
      date.setUTCFullYear(2026)
      return [
        date.toISOString(),
        date.getUTCHours(),
        Date.UTC(2026, 0, 1),
        Date.parse("2026-01-01T00:00:00Z"),
        Math.floor(1.5),
        crypto.createHash("sha256").update("a").digest("hex"),
        new TextEncoder().encode("a"),
        structuredClone({ a: 1 }),
        JSON.stringify({ a: [1] }),
        new Map([[1, 2]]),
        [3, 1, 2].sort((left, right) => left - right),
        "A".toLowerCase(),
        date instanceof Date,
        date.constructor === Date
      ]
    })
    expect([thrown, trip]).toEqual([undefined, undefined])
  })

  it("host code that is exempt does not trip, even when it throws", () => {
    const { thrown, trip } = armed(() => {
      Tripwire.exempt(() => Date.now())
      try {
        Tripwire.exempt(() => {
          throw new Error("of the host")
        })
      } catch {
        // Its own affair.
      }
      expect(() => Math.random()).toThrow(Tripwire.TripwireError)
    })
    expect(thrown).toBeUndefined()
    expect(trip?.what).toBe("Math.random")
  })
})

describe("outside of a run", () => {
  it("nothing trips, before and after", async () => {
    armed(() => Math.random())
    expect(Math.random()).toBeLessThan(1)
    expect(Date.now()).toBeGreaterThan(0)
    expect(new Date().getFullYear()).toBeGreaterThan(2_000)
    expect(fs.existsSync("package.json")).toBe(true)
    expect(crypto.randomBytes(4).length).toBe(4)
    await new Promise((resolve) => setTimeout(resolve, 1))
    await expect(readFile("package.json", "utf8")).resolves.toContain("orbit")
    expect(new WeakRef({}).deref()).toBeDefined()
    expect(process.env.PATH).toBeDefined()
    expect(new Intl.NumberFormat("en").format(1_000)).toBe("1,000")
  })

  it("globals are what they were to those who look at them", () => {
    Tripwire.install()
    expect(new Date(5)).toBeInstanceOf(Date)
    expect(Object.prototype.toString.call(new Date(5))).toBe("[object Date]")
    expect(Date.name).toBe("Date")
    expect(setTimeout.name).toBe("setTimeout")
    class Later extends Date {}
    expect(new Later(7).getTime()).toBe(7)
    expect(new Later(7)).toBeInstanceOf(Later)
  })

  it("a new run starts without the trip of the one before", () => {
    expect(armed(() => Math.random()).trip).toBeDefined()
    expect(armed(() => 1).trip).toBeUndefined()
  })
})
