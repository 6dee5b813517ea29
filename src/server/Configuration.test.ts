import { describe, expect, it } from "vitest"
import * as Assignment from "./Assignment.ts"
import * as CommandLine from "./CommandLine.ts"
import * as ConfigFile from "./ConfigFile.ts"
import * as Configuration from "./Configuration.ts"
import * as Kind from "./Kind.ts"
import * as RedisConf from "./RedisConf.ts"
import { type Config, flagOf, initial, names, ofFlag, type Setting, table, variableOf } from "./Settings.ts"

const nowhere: RedisConf.Read = (path) => ({ problem: `${path}: cannot be read` })

interface Given {
  readonly argv?: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string>>
  readonly file?: string
  readonly redis?: string
}

const resolve = ({ argv = [], environment = {}, file, redis }: Given): Configuration.Resolved =>
  Configuration.resolve(
    Assignment.together([
      redis === undefined ? Assignment.nothing : RedisConf.parse("redis.conf", redis, nowhere),
      file === undefined ? Assignment.nothing : ConfigFile.parse("orbit.json", file),
      Configuration.ofEnvironment(environment),
      CommandLine.parse(argv)
    ])
  )

const configured = (given: Given): Configuration.Configuration => {
  const resolved = resolve(given)
  if (resolved.type === "refused") throw new Error(resolved.problems.join("\n"))
  return resolved.configuration
}

const configOf = (...argv: ReadonlyArray<string>): Config => configured({ argv }).config

const problemsOf = (given: Given): ReadonlyArray<string> => {
  const resolved = resolve(given)
  return resolved.type === "refused" ? resolved.problems : []
}

const cluster = "0123456789abcdef0123456789abcdef"
/** Of two nodes with certificates. */
const secured = ["--cluster-id", cluster, "--nodes", "1=127.0.0.1:1,2=127.0.0.1:2"].concat(
  ["certificate", "key", "authority"].flatMap((each) => [`--cluster-${each}-file`, `${each}.pem`])
)

describe("Configuration", () => {
  it("is complete and fits together when nobody says anything", () => {
    const { config, directives, sources } = configured({})
    expect(config).toEqual(initial)
    expect(directives).toEqual([])
    expect(new Set(Object.values(sources).map(({ origin }) => origin))).toEqual(new Set(["default"]))
  })

  it("takes flags before the environment, that before files, and of equal ones the last", () => {
    const everywhere = {
      redis: "port 1001\nmaxclients 11",
      file: '{ "redisPort": 1002, "adminPort": 2002, "nodeId": 7 }',
      environment: { ORBIT_REDIS_PORT: "1003", ORBIT_ADMIN_PORT: "2003" },
      argv: ["--redis-port", "1004", "--port", "1005"]
    }
    const { config, sources } = configured(everywhere)
    expect(config).toMatchObject({ redisPort: 1005, adminPort: 2003, nodeId: 7, redisConnectionsMax: 11 })
    expect(sources.redisPort).toEqual({ origin: "flag", place: "--port" })
    expect(sources.adminPort).toEqual({ origin: "environment", place: "ORBIT_ADMIN_PORT" })
    expect(sources.nodeId).toEqual({ origin: "file", place: "orbit.json" })
    expect(sources.redisConnectionsMax).toEqual({ origin: "file", place: "redis.conf line 2" })
  })

  it("has one name a setting for flags and one for variables, none of them Redis's for something else", () => {
    expect(new Set(names.map(flagOf)).size).toBe(names.length)
    for (const name of names) {
      expect(ofFlag(flagOf(name))).toBe(name)
      expect(variableOf(name)).toMatch(/^ORBIT_[A-Z_]+$/)
    }
  })

  it("shows each default so that it reads as the same value again", () => {
    for (const name of names) {
      const { initial: value, kind } = table[name] as Setting<unknown>
      if (value === undefined) continue
      expect([name, kind.parse(kind.show(value))]).toEqual([name, value])
    }
  })

  it("names the setting, the value and what is allowed, of all that is wrong at once", () => {
    const wrong = {
      argv: ["--port", "70000", "--engine", "paper", "--no-such-thing", "1"],
      environment: { ORBIT_LOG_LEVEL: "loud" },
      file: '{ "adminBind": "a b c/d", "unknown": 1, "nodeId": {} }'
    }
    expect(problemsOf(wrong)).toEqual([
      "orbit.json: unknown: there is no such setting; `--print-config` lists all",
      "orbit.json: nodeId: {}: allowed: text, a number, true or false, or a list of those",
      "--no-such-thing: there is no such setting, and redis-server 7.0 has no such directive",
      'engine: "paper": allowed: one of lsm, btree, memory',
      'redis-port (--port): "70000": allowed: a whole number from 0 to 65535',
      'admin-bind (orbit.json): "a b c/d": allowed: host names or addresses, with spaces or commas between, each with - in front when it may be missing; * is all of IPv4, ::* of IPv6',
      'log-level (ORBIT_LOG_LEVEL): "loud": allowed: one of debug, info, warn, error'
    ])
  })

  it("decides durability by the size of the cluster, unless it is said", () => {
    expect(Configuration.durabilityOf(configOf())).toBe("local")
    const nodes = ["--cluster-id", cluster, "--nodes", "1=127.0.0.1:1", "2=127.0.0.1:2"]
    expect(Configuration.durabilityOf(configOf(...nodes))).toBe("quorum")
    expect(Configuration.durabilityOf(configOf(...nodes, "--appendfsync", "everysec"))).toBe("async")
  })

  it.each([
    [["--nodes", "1=127.0.0.1:1,2=127.0.0.1:2"], "cluster-id: "],
    [
      ["--cluster-id", cluster, "--node-id", "3", "--nodes", "1=127.0.0.1:1,2=127.0.0.1:2"],
      "node-id: 3: nodes has only 1, 2"
    ],
    [["--cluster-id", cluster, "--nodes", "1=127.0.0.1:1,2=127.0.0.1:1"], "nodes: two of them are at one place"],
    [["--cluster-id", cluster, "--nodes", "1=127.0.0.1:1", "--cluster-founders", "4"], "cluster-founders: 4: "],
    [["--cluster-founders", "1"], "cluster-founders: without nodes"],
    [
      ["--cluster-id", cluster, "--nodes", "1=127.0.0.1:1,2=127.0.0.1:2", "--port", "0", "--unixsocket", "a.sock"],
      "redis-port: 0: while this node"
    ],
    [["--cluster-id", cluster, "--nodes", "1=10.0.0.1:1,2=10.0.0.2:1"], "cluster-listen: 10.0.0.1: other machines"],
    [["--cluster-key-file", "key.pem"], "cluster-certificate-file: "],
    [[...secured, "--port", "60000"], "redis-nodes-port: there is no port 70000"],
    [[...secured, "--cluster-port", "6379"], "redis-nodes-port: 6379: clients come in there"]
  ])("refuses a cluster that does not fit together: %j", (argv, begin) => {
    expect(problemsOf({ argv })).toHaveLength(1)
    expect(problemsOf({ argv })[0]).toMatch(begin)
  })

  it("has nodes with certificates come in at a port of their own, also where clients have none without TLS", () => {
    expect(Configuration.nodesPortOf(configOf(...secured))).toBe(16_379)
    expect(Configuration.nodesPortOf(configOf(...secured, "--redis-nodes-port", "17001"))).toBe(17_001)
    expect(Configuration.nodesPortOf(configOf(...secured.slice(0, 4)))).toBe(undefined)
    expect(
      problemsOf({ argv: [...secured, "--port", "0", "--unixsocket", "a.sock", "--cluster-port", "7001"] })
    ).toEqual([])
  })
})

describe("doors beyond loopback", () => {
  it.each([
    [["--bind", "10.0.0.1"]],
    [["--bind", "127.0.0.1 *"]],
    [["--bind", "127.0.0.1", "-::*"]],
    [["--bind", "10.0.0.1", "--user", "alice on >secret ~* +@all"]],
    [["--bind", "10.0.0.1", "--requirepass", ""]],
    [["--bind", "10.0.0.1", "--user", "default on nopass ~* +@all"]],
    [
      [
        "--bind",
        "0.0.0.0",
        "--port",
        "0",
        "--tls-port",
        "7",
        "--tls-cert-file",
        "c",
        "--tls-key-file",
        "k",
        "--tls-auth-clients",
        "no"
      ]
    ]
  ])("are refused where no password is asked for: %j", (argv) => {
    expect(problemsOf({ argv }).join("\n")).toMatch(/^redis-bind: [^\n]*without a password[^\n]*$/)
    expect(problemsOf({ argv: [...argv, "--protected-mode", "no"] })).toEqual([])
  })

  it.each([
    [["--bind", "127.0.0.1", "-::1", "localhost", "127.9.9.9"]],
    [["--bind", "10.0.0.1", "--requirepass", "secret"]],
    [["--bind", "10.0.0.1", "--user", "default on >secret ~* +@all"]],
    [["--bind", "10.0.0.1", "--user", "default off"]],
    [["--bind", "*", "--port", "0"]],
    [
      [
        "--bind",
        "*",
        "--port",
        "0",
        "--tls-port",
        "7",
        "--tls-cert-file",
        "c",
        "--tls-key-file",
        "k",
        "--tls-ca-cert-file",
        "a"
      ]
    ]
  ])("are open where one is, or to nobody: %j", (argv) => {
    expect(problemsOf({ argv })).toEqual([])
  })

  it("are refused for health and metrics, which ask for none", () => {
    expect(problemsOf({ argv: ["--admin-bind", "0.0.0.0"] })[0]).toMatch(/^admin-bind: 0\.0\.0\.0: /)
    expect(problemsOf({ argv: ["--admin-bind", "0.0.0.0", "--admin-protected", "no"] })).toEqual([])
  })
})

describe("secrets", () => {
  it("are kept as hashes, and never shown, however they were given", () => {
    const hash = Kind.hashOf("hunter2")
    expect(hash).toBe("f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7")
    const given = [
      ["--redis-password", "hunter2"],
      ["--redis-password", `#${hash}`],
      ["--requirepass", "hunter2"]
    ]
    for (const argv of given) {
      const configuration = configured({ argv: [...argv, "--user", "alice on >hunter2 ~*"] })
      expect(configuration.config.redisPassword).toBe(hash)
      expect(configuration.config.redisUsers).toEqual([`alice on #${hash} ~*`])
      const printed = Configuration.print(configuration)
      expect(printed).not.toContain("hunter2")
      expect(printed).not.toContain(hash)
      expect(printed).toContain("redis-password = <secret>")
      expect(printed).toContain("redis-users = alice on <secret> ~*")
    }
  })

  it("are not told in problems either", () => {
    const long = "hunter2".repeat(1_000)
    expect(problemsOf({ argv: ["--redis-password", long] })[0]).toMatch(/^redis-password: allowed: /)
  })
})

describe("print", () => {
  it("tells each value and its place, and gives the same again as flags", async () => {
    const configuration = configured({
      redis: "save 900 1\nnotify-keyspace-events KEA\nclient-output-buffer-limit pubsub 1mb 2mb 30",
      file: '{ "nodes": { "1": "127.0.0.1:7001", "2": "[::1]:7002" }, }',
      environment: { ORBIT_CLUSTER_ID: cluster },
      argv: ["--dir", "data", "--bind", "127.0.0.1", "-::1", "--log-format=json", "--timeout", "30"]
    })
    const printed = Configuration.print(configuration)
    await expect(printed).toMatchFileSnapshot("testdata/print-config.txt")
    const argv = printed.split("\n").flatMap((line) => {
      const match = /^([a-z-]+) = (.*?) +# /.exec(line)
      return match === null || match[2] === "" ? [] : [`--${match[1]}`, ...match[2].split(" ")]
    })
    expect(configured({ argv }).config).toEqual(configuration.config)
  })
})
