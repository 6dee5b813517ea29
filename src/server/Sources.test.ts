import { describe, expect, it } from "vitest"
import * as CommandLine from "./CommandLine.ts"
import * as ConfigFile from "./ConfigFile.ts"
import * as Kind from "./Kind.ts"
import * as RedisConf from "./RedisConf.ts"

const texts = ({
  assignments
}: {
  readonly assignments: ReadonlyArray<{ readonly name: string; readonly text: string }>
}) => assignments.map(({ name, text }) => [name, text])

const nowhere: RedisConf.Read = (path) => ({ problem: `${path}: cannot be read` })

describe("CommandLine", () => {
  it("reads a redis.conf, then flags with everything up to the next one as their value", () => {
    const parsed = CommandLine.parse(["redis.conf", "--port", "7000", "--save", "", "--bind", "127.0.0.1", "-::1"])
    expect(parsed).toMatchObject({ redisPath: "redis.conf", configPath: undefined, printsConfig: false, problems: [] })
    expect(texts(parsed)).toEqual([
      ["redisPort", "7000"],
      ["redisBind", "127.0.0.1 -::1"]
    ])
    expect(parsed.directives).toEqual([{ name: "save", values: [""], source: { origin: "flag", place: "--save" } }])
  })

  it("takes its own flags anywhere", () => {
    const parsed = CommandLine.parse(["--print-config", "--config", "a.json", "--REDIS-PORT=5"])
    expect(parsed).toMatchObject({ configPath: "a.json", printsConfig: true, problems: [] })
    expect(texts(parsed)).toEqual([["redisPort", "5"]])
  })

  it.each([
    [["a", "b"], "b: only one file is taken, a redis.conf"],
    [["--config"], "--config takes one file"],
    [["--config", "a", "--config", "b"], "--config takes one file"],
    [["--print-config", "x"], '--print-config takes no value, not "x"'],
    [["--redis-port"], "--redis-port: a value is missing"],
    [["--port"], "--port: a value is missing"],
    [["--prot", "1"], "--prot: there is no such setting, and redis-server 7.0 has no such directive"],
    [
      ["--aclfile", "users.acl"],
      "--aclfile users.acl: not supported; access lists in files come later: give users by `user` lines"
    ],
    [["--replicaof", "a", "1"], "--replicaof a 1: not supported; nodes replicate by consensus: name them by `nodes`"],
    [["--appendfsync", "later"], "--appendfsync later: allowed: always, everysec, no"],
    [["--databases", "8"], "--databases 8: allowed: 16"]
  ])("refuses %j", (argv, problem) => {
    expect(CommandLine.parse(argv).problems).toEqual([problem])
  })

  it("lets pass what asks for nothing that it refuses", () => {
    const argv = ["--aclfile", "", "--daemonize", "no", "--replicaof", "no", "one", "--logfile", ""]
    expect(CommandLine.parse(argv)).toMatchObject({ problems: [], assignments: [], directives: [] })
  })
})

describe("RedisConf", () => {
  it.each([
    ["a  b\tc", ["a", "b", "c"]],
    [`requirepass "a b\\"c\\x41\\n"`, ["requirepass", 'a b"cA\n']],
    [`x 'it\\'s'`, ["x", "it's"]],
    ['save ""', ["save", ""]],
    ['x "open', undefined],
    ['x "a"b', undefined]
  ])("splits %j as Redis does", (line, words) => {
    expect(RedisConf.split(line)).toEqual(words)
  })

  it("understands a file as it comes with redis-server", () => {
    const text = [
      "# comment",
      "bind 127.0.0.1 -::1",
      "PORT 6380",
      "",
      "unixsocket /run/redis.sock",
      "unixsocketperm 770",
      "dir /var/lib/redis",
      "maxclients 10",
      "appendfsync always",
      "loglevel notice",
      "client-output-buffer-limit normal 0 0 0",
      "client-output-buffer-limit replica 256mb 64mb 60",
      "client-output-buffer-limit pubsub 32mb 8mb 60",
      "user alice on >p ~*",
      "user bob off",
      "hash-max-listpack-entries 512"
    ].join("\n")
    const said = RedisConf.parse("redis.conf", text, nowhere)
    expect(said.problems).toEqual([])
    expect(texts(said)).toEqual([
      ["redisBind", "127.0.0.1 -::1"],
      ["redisPort", "6380"],
      ["redisSocket", "/run/redis.sock"],
      ["redisSocketMode", "770"],
      ["dataDirectory", "/var/lib/redis"],
      ["redisConnectionsMax", "10"],
      ["durability", "auto"],
      ["logLevel", "info"],
      ["redisOutputLimit", "0 0 0"],
      ["redisPubsubOutputLimit", "32mb 8mb 60"],
      ["redisUsers", "alice on >p ~*"],
      ["redisUsers", "bob off"]
    ])
    expect(said.directives.map(({ name }) => name)).toEqual(["hash-max-listpack-entries"])
  })

  it("reads what is included where it is included, so that what follows counts more", () => {
    const read: RedisConf.Read = (path) => ({ text: path === "b" ? "port 2\nnonsense 1" : "include b" })
    const said = RedisConf.parse("a", "port 1\ninclude b\nport 3", read)
    expect(texts(said).map(([, text]) => text)).toEqual(["1", "2", "3"])
    expect(said.problems).toEqual(["b line 2: nonsense: redis-server 7.0 has no such directive"])
  })

  it("stops where files include each other", () => {
    const said = RedisConf.parse("a", "include a", () => ({ text: "include a" }))
    expect(said.problems).toEqual(["a line 1: more than 16 files include each other"])
  })

  it("names the line of what it does not understand", () => {
    const said = RedisConf.parse("f", 'port 1\nport "1\ninclude gone\nloadmodule m.so', nowhere)
    expect(said.problems).toEqual([
      'f line 2: the quotes are not balanced: port "1',
      "f line 3: gone: cannot be read",
      "f line 4: loadmodule m.so: not supported; modules of Redis are machine code, which Orbit does not run"
    ])
  })
})

describe("ConfigFile", () => {
  it("reads JSON with comments and commas behind the last element, and leaves text as it is", () => {
    const text = `{
      // a comment, with "quotes"
      "dataDirectory": "/a//b,/*c*/,]", /* another
      one, */
      "admin-port": 7,
      "redisProtected": true,
      "redisUsers": ["a on", "b off",],
      "nodes": { "1": "h:1", "2": "h:2", },
    }`
    const said = ConfigFile.parse("f", text)
    expect(said.problems).toEqual([])
    expect(texts(said)).toEqual([
      ["dataDirectory", "/a//b,/*c*/,]"],
      ["adminPort", "7"],
      ["redisProtected", "yes"],
      ["redisUsers", "a on\nb off"],
      ["nodes", "1=h:1\n2=h:2"]
    ])
  })

  it.each(["", "[]", "1", "{", '{"a" 1}'])("refuses %j, and says which file it is", (text) => {
    expect(ConfigFile.parse("f.json", text).problems).toHaveLength(1)
    expect(ConfigFile.parse("f.json", text).problems[0]).toMatch(/^f\.json: /)
  })
})

describe("Kind", () => {
  it.each([
    ["64", 64],
    ["1k", 1_000],
    ["1kb", 1_024],
    ["2MB", 2_097_152],
    ["1g", 1_000_000_000],
    ["1tb", undefined],
    ["-1", undefined],
    ["1.5mb", undefined],
    ["3gb", undefined]
  ])("reads %j bytes as Redis does", (text, value) => {
    expect(Kind.bytes(0, 2_147_483_648).parse(text)).toBe(value)
  })

  it.each([
    ["0", 0],
    ["770", 0o770],
    ["0600", 0o600],
    ["8", undefined],
    ["1000", undefined],
    ["rwx", undefined]
  ])("reads rights %j as chmod does", (text, value) => {
    expect(Kind.rights.parse(text)).toBe(value)
  })

  it.each([
    ["1=a:1", [[1, { host: "a", port: 1 }]]],
    [
      "1=a:1, 2=[::1]:2",
      [
        [1, { host: "a", port: 1 }],
        [2, { host: "::1", port: 2 }]
      ]
    ],
    ["1=a:1 1=b:2", undefined],
    ["0=a:1", undefined],
    ["65536=a:1", undefined],
    ["1=a", undefined],
    ["1=a:0", undefined],
    ["1=a:65536", undefined],
    ["1=::1:5", undefined]
  ])("reads the nodes %j", (text, value) => {
    const parsed = Kind.nodes.parse(text)
    expect(parsed === undefined ? undefined : [...parsed]).toEqual(value)
  })
})
