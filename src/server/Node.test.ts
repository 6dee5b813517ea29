/** A whole node on simulated machines. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import * as Machine from "#protocols/resp/Machine.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import { Host, type Signal } from "#world/Host.ts"
import type { World } from "#world/World.ts"
import { type Configuration, resolve } from "./Configuration.ts"
import * as CommandLine from "./CommandLine.ts"
import type { Door } from "./Door.ts"
import { codes } from "./Ending.ts"
import * as Life from "./Life.ts"
import type { Metrics } from "./Metrics.ts"
import * as Node from "./Node.ts"
import * as RedisDoor from "./RedisDoor.ts"
import * as ProcessMetrics from "./cli/ProcessMetrics.ts"
import { flagOf, names, type Setting, table } from "./Settings.ts"
import { connect, get, type TestClient } from "./TestClients.ts"

const second = 1_000_000
const cluster = "0123456789abcdef0123456789abcdef"

const configured = (index: number, argv: ReadonlyArray<string> = []): Configuration => {
  const place = `n${index}`
  const own = [
    "--admin-bind",
    place,
    "--admin-protected",
    "no",
    "--cluster-listen",
    `${place}:7000`,
    "--cluster-protected",
    "no"
  ]
  const resolved = resolve(CommandLine.parse([...own, "--log-level", "debug", ...argv]))
  if (resolved.type === "refused") throw new Error(resolved.problems.join("\n"))
  return resolved.configuration
}

const ofCluster = (index: number): Configuration =>
  configured(index, [
    "--node-id",
    String(index + 1),
    "--cluster-id",
    cluster,
    "--nodes",
    "1=n0:7000",
    "2=n1:7000",
    "3=n2:7000"
  ])

/** Machines, the last of which is a client's. */
class Town {
  readonly bench: TestBench
  readonly codes: Array<number> = []
  readonly ready: Array<Node.Node["Service"]> = []
  readonly handlers = new Set<(signal: Signal) => void>()
  readonly metrics: Array<Metrics> = []

  constructor(machines: number) {
    this.bench = new TestBench({ machines, atlas: { copiesIntactMin: 0 } })
  }

  /** Runs a node from its start to its end. */
  live(index: number, configuration: Configuration, doors: ReadonlyArray<Door> = []): void {
    const lives: Effect.Effect<void, unknown, World> = Effect.gen({ self: this }, function* () {
      const host = yield* Host
      const told: Host["Service"] = {
        ...host,
        onSignal: (handler) => {
          this.handlers.add(handler)
          return () => void this.handlers.delete(handler)
        }
      }
      const measure = (metrics: Metrics): void => void this.metrics.push(metrics)
      const life = Life.live({ configuration, doors, measure }, (node) => this.ready.push(node))
      this.codes.push(yield* Effect.provideService(life, Host, told))
    })
    this.bench.startOnce(index, lives)
  }

  signal(signal: Signal): void {
    this.bench.watched(() => {
      for (const handler of [...this.handlers]) handler(signal)
    })
  }

  client(index: number, use: Effect.Effect<unknown, unknown, World | Scope.Scope>): void {
    this.bench.start(index, Effect.asVoid(use))
  }
}

const status = (client: TestClient): ReadonlyArray<string> =>
  [...client.text().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => code)

describe("a node", () => {
  it("tells where it listens, is well, and stops as it is asked", () => {
    const town = new Town(2)
    town.live(0, configured(0))
    town.bench.pass(2 * second)
    expect(town.ready[0].listening).toEqual([
      { name: "admin", address: { host: "n0", port: 9_600 } },
      { name: "nodes", address: { host: "n0", port: 7_000 } }
    ])
    let client!: TestClient
    const asks = Effect.gen(function* () {
      client = yield* connect("n0", 9_600)
      for (const path of ["/health/live", "/health/ready", "/health/startup", "/metrics", "/"]) client.send(get(path))
      return yield* Effect.never
    })
    town.client(1, asks)
    town.bench.pass(2 * second)
    expect(status(client)).toEqual(["200", "200", "200", "200", "404"])
    expect(client.text()).toContain("\norbit_admin_connections 1\n")
    town.signal("terminate")
    town.bench.pass(2 * second)
    expect(town.codes).toEqual([codes.done])
    expect(client.ended()).toBe("reset")
    expect(town.bench.traced.filter(({ level }) => level === "error")).toEqual([])
  })

  it("goes on with its cluster's number after a restart, and refuses to be another node", () => {
    const town = new Town(1)
    town.live(0, configured(0))
    town.bench.pass(second)
    town.bench.machines[0].crash({ powerLost: true })
    town.live(0, configured(0))
    town.bench.pass(second)
    expect(town.ready).toHaveLength(2)
    expect(town.ready[1].cluster).toBe(town.ready[0].cluster)
    expect(town.ready[0].cluster).toMatch(/^[0-9a-f]{32}$/)
    town.bench.machines[0].crash({ powerLost: false })
    town.live(0, configured(0, ["--node-id", "2"]))
    town.bench.pass(second)
    expect(town.bench.story.at(-1)).toMatch("the data directory is of node 1, and node-id is 2")
    town.live(0, configured(0, ["--cluster-id", cluster]))
    town.bench.pass(second)
    expect(town.bench.story.at(-1)).toMatch(`and cluster-id is ${cluster}`)
  })

  it("leads what it alone has as soon as it is there again", () => {
    const town = new Town(2)
    town.live(0, configured(0))
    town.bench.pass(5 * second)
    town.bench.machines[0].crash({ powerLost: true })
    town.live(0, configured(0))
    // An election time-out is a second at least.
    town.bench.pass(second / 5)
    let client!: TestClient
    const asks = Effect.gen(function* () {
      client = yield* connect("n0", 9_600)
      client.send(get("/health/ready"))
      return yield* Effect.never
    })
    town.client(1, asks)
    town.bench.pass(second / 5)
    expect(status(client)).toEqual(["200"])
  })

  it("is ready only while its cluster answers", () => {
    const town = new Town(4)
    for (let index = 0; index < 3; index++) town.live(index, ofCluster(index))
    town.bench.pass(10 * second)
    const answers: Array<TestClient> = []
    const ask = (): void => {
      const asks = Effect.gen(function* () {
        const client = yield* connect("n0", 9_600)
        answers.push(client)
        client.send(get("/health/ready"))
        return yield* Effect.never
      })
      town.client(3, asks)
      town.bench.pass(3 * second)
      town.bench.machines[3].crash({ powerLost: false })
    }
    ask()
    for (const index of [1, 2]) town.bench.machines[index].crash({ powerLost: false })
    town.bench.pass(10 * second)
    ask()
    for (const index of [1, 2]) town.live(index, ofCluster(index))
    town.bench.pass(10 * second)
    ask()
    expect(answers.map(status)).toEqual([["200"], ["503"], ["200"]])
    expect(answers[1].text()).toContain("the cluster does not answer")
  })
})

const reloads: Array<number> = []

/** A door whose clients take so long to finish. */
const doorOf = (drainMillis: number): Door => ({
  name: "tests",
  open: () =>
    Effect.succeed({
      addresses: [{ host: "n0", port: 1 }],
      reload: () => void reloads.push(drainMillis),
      verdict: () => undefined,
      drain: Effect.sleep(drainMillis)
    })
})

describe("a node with Redis's door", () => {
  const options = ["--bind", "n0", "--protected-mode", "no"]
  const door = RedisDoor.make({ machine: Machine.unknown, pass: "" })
  const exchange = (town: Town, text: string): TestClient => {
    let client!: TestClient
    const asks = Effect.gen(function* () {
      client = yield* connect("n0", 6_379)
      client.send(text)
      return yield* Effect.never
    })
    town.client(1, asks)
    town.bench.pass(2 * second)
    town.bench.machines[1].crash({ powerLost: false })
    return client
  }

  it("serves clients as it is configured, and has after a power loss what it had answered", () => {
    const town = new Town(2)
    const configuration = configured(0, [
      ...options,
      "--requirepass",
      "secret",
      "--maxmemory",
      "100mb",
      "--save",
      "900 1"
    ])
    town.live(0, configuration, [door])
    town.bench.pass(2 * second)
    expect(town.ready).toHaveLength(1)
    const answers = exchange(town, "PING\r\nAUTH wrong\r\nAUTH secret\r\nSET a 1\r\nCONFIG GET maxmemory\r\n")
    expect(answers.text().split("\r\n").slice(0, -1)).toEqual([
      "-NOAUTH Authentication required.",
      "-WRONGPASS invalid username-password pair or user is disabled.",
      "+OK",
      "+OK",
      ...["*2", "$9", "maxmemory", "$9", "104857600"]
    ])
    town.bench.machines[0].crash({ powerLost: true })
    town.live(0, configuration, [door])
    town.bench.pass(10 * second)
    expect(exchange(town, "AUTH secret\r\nGET a\r\n").text()).toBe("+OK\r\n$1\r\n1\r\n")
  })

  it("loads again what it has stored when DEBUG LOADAOF asks for it", () => {
    const town = new Town(2)
    town.live(0, configured(0, [...options, "--enable-debug-command", "yes"]), [door])
    town.bench.pass(2 * second)
    const said = ["SET a 1", "RPUSH l x y", "SELECT 2", "HSET h f v", "DEBUG LOADAOF", "HGETALL h", "RPUSH l z"]
    const then = ["SELECT 0", "INCR a", "RPUSH l z", "DEBUG LOADAOF", "GET a", "LRANGE l 0 -1", "OBJECT ENCODING l"]
    expect(
      exchange(town, `${[...said, ...then].join("\r\n")}\r\n`)
        .text()
        .replaceAll("\r\n", "|")
    ).toBe("+OK|:2|+OK|:1|+OK|*2|$1|f|$1|v|:1|+OK|:2|:3|+OK|$1|2|*3|$1|x|$1|y|$1|z|$9|quicklist|")
  })

  it("knows the users that it is told of, with their rules", () => {
    const town = new Town(2)
    const users = ["--user", "default off", "--user", "alice on >wonder ~a* +@read +auth"]
    town.live(0, configured(0, ["--bind", "n0", ...users]), [door])
    town.bench.pass(2 * second)
    const said = "GET a\r\nAUTH alice wonder\r\nGET a\r\nGET b\r\nSET a 1\r\n"
    expect(exchange(town, said).text().split("\r\n").slice(0, -1)).toEqual([
      "-NOAUTH Authentication required.",
      "+OK",
      "$-1",
      "-NOPERM this user has no permissions to access one of the keys used as arguments",
      "-NOPERM this user has no permissions to run the 'set' command"
    ])
  })

  it("tells the others where they reach it", () => {
    const nodes = ["--cluster-id", cluster, "--nodes", "1=n0:7000", "2=n1:7000"]
    const of = (...argv: ReadonlyArray<string>) =>
      RedisDoor.announced(configured(0, [...nodes, "--protected-mode", "no", ...argv]).config)
    expect(of("--bind", "127.0.0.1")).toEqual({ host: "127.0.0.1", port: 6_379 })
    expect(of("--bind", "*", "-::*", "--port", "7")).toEqual({ host: "n0", port: 7 })
    expect(of("--bind", "*", "--redis-announce", "edge:9")).toEqual({ host: "edge", port: 9 })
  })

  it("does not start with a value that Redis would refuse, or with such rules of a user", () => {
    for (const [flags, reason] of [
      [["--maxmemory-policy", "sometimes"], "maxmemory-policy: sometimes: "],
      [["--user", "alice on +nosuch"], "redis-users: alice: "]
    ] as const) {
      const town = new Town(1)
      town.live(0, configured(0, [...options, ...flags]), [door])
      town.bench.pass(2 * second)
      expect(town.bench.story.at(-1)).toMatch(reason)
    }
  })
})

describe("a node that is asked to stop", () => {
  const stop = (drainMillis: number, ...more: ReadonlyArray<Signal>): Town => {
    const town = new Town(1)
    town.live(0, configured(0, ["--drain-millis-max", "5000"]), [doorOf(drainMillis)])
    town.bench.pass(2 * second)
    town.signal("terminate")
    town.bench.pass(second)
    for (const signal of more) town.signal(signal)
    return town
  }

  it("waits for clients that finish in time", () => {
    const town = stop(3_000)
    expect(town.codes).toEqual([])
    town.bench.pass(3 * second)
    expect(town.codes).toEqual([codes.done])
  })

  it("waits no longer than its bound, and says that it cut them off", () => {
    const town = stop(60_000)
    town.bench.pass(3 * second)
    expect(town.codes).toEqual([])
    town.bench.pass(2 * second)
    expect(town.codes).toEqual([codes.forced])
  })

  it("ends at once when it is asked again, and not when it is asked to read its configuration", () => {
    const town = stop(60_000, "reload")
    town.bench.pass(second)
    expect(reloads).toEqual([60_000])
    expect(town.bench.notes).toHaveLength(1)
    town.signal("interrupt")
    expect(town.bench.story.at(-1)).toMatch(/^n0 exited: .*6/)
  })
})

describe("what rots at rest", () => {
  it("is told within an hour", () => {
    const town = new Town(1)
    town.live(0, configured(0))
    town.bench.pass(10 * second)
    const told = () => town.bench.traced.filter(({ name }) => name === "storage/rot")
    expect(told()).toEqual([])
    for (let bits = 0; bits < 40; bits++) town.bench.machines[0].disk.rot()
    town.bench.pass(3_600 * second)
    expect(told().length).toBeGreaterThan(0)
  })
})

describe("docs/server.md", () => {
  /** The rows of its tables that begin with a name. */
  const rows = [
    ...readFileSync(new URL("../../docs/server.md", import.meta.url), "utf8").matchAll(/^\| `([^`]+)` +\|(.*)\|$/gm)
  ]
  const documented = (begins: (name: string) => boolean): ReadonlyArray<string> =>
    rows
      .filter(([, name]) => begins(name))
      .map(([, name, rest]) => [name, ...rest.split(" | ").map((cell) => cell.trim())].join(" | "))

  it("has every metric that is emitted, with its type and help, and no other", () => {
    const town = new Town(1)
    town.live(0, configured(0, ["--bind", "n0", "--protected-mode", "no"]), [
      RedisDoor.make({ machine: Machine.unknown, pass: "" })
    ])
    town.bench.pass(second)
    const [metrics] = town.metrics
    ProcessMetrics.measure(metrics)
    const emitted = metrics.families().map(({ help, name, type }) => `${name} | ${type} | ${help}`)
    expect(documented((name) => /^(orbit|process|nodejs)_/.test(name))).toEqual(emitted)
  })

  it("has every setting, with its default and meaning, and no other", () => {
    const settings = names.map((name) => {
      const { initial, kind, what } = table[name] as Setting<unknown>
      return `${flagOf(name)} | ${kind.show(initial)} | ${what}`
    })
    expect(documented((name) => /^[a-z]+(-[a-z]+)*$/.test(name))).toEqual(settings)
  })

  it("has every exit code", () => {
    const codesOf = rows.filter(([, name]) => /^\d$/.test(name)).map(([, name]) => Number(name))
    expect(codesOf).toEqual(Object.values(codes))
  })
})
