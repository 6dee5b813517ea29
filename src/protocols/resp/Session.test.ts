/** Sessions over connections in memory: order, turns, gates, limits, and who waits for whom. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Limits from "#base/Limits.ts"
import * as Latin1 from "#base/Latin1.ts"
import { SessionRig } from "./SessionRig.ts"

const bulks = (...argv: ReadonlyArray<string>): string =>
  `*${argv.length}\r\n${argv.map((argument) => `$${argument.length}\r\n${argument}\r\n`).join("")}`

describe("a session", () => {
  it("answers all requests of a chunk in their order, in one write", () => {
    const client = new SessionRig().connect()
    client.sendOnly(bulks("SET", "k", "v") + bulks("GET", "k") + "PING\r\n" + bulks("NOSUCH", "a"))
    expect(client.writes.length).toBe(1)
    expect(client.received()).toBe(
      "+OK\r\n$1\r\nv\r\n+PONG\r\n-ERR unknown command 'NOSUCH', with args beginning with: 'a' \r\n"
    )
  })

  it("answers the same however its requests are cut", () => {
    const text = [
      bulks("SET", "k", "v"),
      "multi\r\nincr n\r\nget k\r\nexec\r\n",
      bulks("HELLO", "3"),
      bulks("HSET", "h", "f", "1"),
      "hgetall h\r\nsubscribe c\r\npublish c x\r\nunsubscribe\r\n",
      "*1\r\n$3\r\nGETX"
    ].join("")
    const whole = new SessionRig().connect().send(text)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }), (sizes) => {
        const client = new SessionRig().connect()
        for (let at = 0, index = 0; at < text.length; at += sizes[index++ % sizes.length]) {
          client.sendOnly(text.slice(at, at + sizes[index % sizes.length]))
        }
        expect(client.received()).toBe(whole)
      }),
      { numRuns: 200 }
    )
  })

  it("lets others have their turn after so many commands, and goes on in the next one", () => {
    const rig = new SessionRig()
    const [client, other] = [rig.connect(), rig.connect()]
    client.sendOnly("PING\r\n".repeat(3 * Limits.respTurnCommandsMax))
    expect(client.received()).toBe("+PONG\r\n".repeat(Limits.respTurnCommandsMax))
    expect(other.ask("PING")).toBe("+PONG\r\n")
    rig.pass(1)
    expect(client.received()).toBe("+PONG\r\n".repeat(2 * Limits.respTurnCommandsMax))
  })

  it("ends after bytes that are no request, when what came before is answered", () => {
    const client = new SessionRig().connect()
    expect(client.send("PING\r\n*1\r\nGET\r\nPING\r\n")).toBe("+PONG\r\n-ERR Protocol error: expected '$', got 'G'\r\n")
    expect([client.isEnded, client.ask("PING")]).toEqual([true, ""])
  })

  it("runs what came in several pieces while it waited in the order in which it came", () => {
    const rig = new SessionRig()
    const [client, other] = [rig.connect(), rig.connect()]
    for (const lines of ["BLPOP l 0", "ECHO 1\r\nBLPOP l 0", "ECHO 2"]) client.sendOnly(`${lines}\r\n`)
    other.ask("LPUSH l v")
    rig.pass(1)
    client.sendOnly("ECHO 3\r\n")
    other.ask("LPUSH l v")
    rig.pass(1)
    expect(client.received().match(/^\d/gm)).toEqual(["1", "2", "3"])
  })

  it("that wants no replies gets neither replies nor errors, but what others send it", () => {
    const rig = new SessionRig()
    const [client, other] = [rig.connect(), rig.connect()]
    client.ask("HELLO 3")
    expect(client.ask("CLIENT REPLY OFF\r\nGET k\r\nNOSUCH\r\nGET\r\nSUBSCRIBE c")).toBe(
      ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
    )
    expect(other.ask("PUBLISH c m")).toBe(":1\r\n")
    expect(client.received()).toBe(">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n")
    client.ask("BLPOP l 0")
    other.ask("LPUSH l v")
    expect(client.received()).toBe("")
    expect(client.ask("CLIENT REPLY ON\r\nCLIENT REPLY SKIP\r\nNOSUCH\r\nPING")).toBe("+OK\r\n+PONG\r\n")
    expect(client.ask("CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nECHO a\r\nECHO b")).toBe("$1\r\nb\r\n")
    expect(client.ask("CLIENT REPLY OFF\r\nPING\r\nRESET\r\nPING")).toBe("+RESET\r\n+PONG\r\n")
  })

  it("is in no list any more once another has ended it, whether its other end has seen that or not", () => {
    const rig = new SessionRig()
    const [killer, victim] = [rig.connect(), rig.connect()]
    expect(killer.ask("CLIENT KILL TYPE normal")).toBe(":1\r\n")
    expect([rig.server.clients.size, victim.isEnded]).toEqual([1, true])
  })

  it("ends without a word for a request that a browser makes", () => {
    const client = new SessionRig().connect()
    expect([client.send("POST / HTTP/1.1\r\nHost: x\r\n"), client.isEnded]).toEqual(["", true])
  })

  it("answers what was asked before the other side ended, then ends", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    client.sendOnly("PING\r\n".repeat(Limits.respTurnCommandsMax + 1))
    client.sink.ended()
    rig.pass(1)
    expect(client.received()).toBe("+PONG\r\n".repeat(Limits.respTurnCommandsMax + 1))
    expect(client.isEnded).toBe(true)
    client.sink.closed(undefined)
    expect([rig.sessions.count, rig.server.clients.size]).toEqual([0, 0])
  })

  it("leaves the line of a key when its connection is gone", () => {
    const rig = new SessionRig()
    const [first, second, pusher] = [rig.connect(), rig.connect(), rig.connect()]
    first.ask("BLPOP k 0")
    second.ask("BLPOP k 0")
    first.sink.closed(undefined)
    expect([pusher.ask("RPUSH k v"), second.received()]).toEqual([":1\r\n", "*2\r\n$1\r\nk\r\n$1\r\nv\r\n"])
  })
})

describe("replies that tell of something", () => {
  it("leave when it is stored, in their order, and not before", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    rig.isShut = true
    expect(client.ask("SET k v")).toBe("")
    rig.isShut = false
    expect(client.ask("PING")).toBe("")
    rig.settle()
    expect(client.received()).toBe("+OK\r\n+PONG\r\n")
  })

  it("leave also when it is stored sooner than the session has heard that it waits", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    rig.isQuick = true
    expect([client.ask("SET k v"), client.ask("GET k")]).toEqual(["+OK\r\n", "$1\r\nv\r\n"])
  })

  it("leave at once for a client that chose so", () => {
    const rig = new SessionRig()
    const [eager, patient] = [rig.connect(), rig.connect()]
    expect(eager.ask("CLIENT DURABILITY async")).toBe("+OK\r\n")
    rig.isShut = true
    expect([eager.ask("SET k v"), patient.ask("GET k")]).toEqual(["+OK\r\n", ""])
    expect(eager.ask("CLIENT DURABILITY")).toBe("$5\r\nasync\r\n")
    expect(eager.ask("CLIENT DURABILITY no")).toBe("-ERR syntax error\r\n")
    expect(eager.ask("CLIENT DURABILITY quorum")).toBe("")
    rig.settle()
    expect([eager.received(), patient.received()]).toEqual(["+OK\r\n", "$1\r\nv\r\n"])
  })

  it("never leave when it could not be stored: the connection breaks", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    rig.isShut = true
    client.ask("SET k v")
    rig.settle(false)
    expect([client.received(), client.isReset]).toEqual(["", true])
  })

  it("never leave when the data may be another node's by now", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    rig.isHeld = false
    expect([client.ask("GET k"), client.isReset]).toEqual(["", true])
  })
})

describe("a client that waits for a key", () => {
  it("is answered in the turn of whoever fills it, and its later requests after that", () => {
    const rig = new SessionRig()
    const [waiter, pusher] = [rig.connect(), rig.connect()]
    expect(waiter.send("BLPOP k 0\r\nPING\r\n")).toBe("")
    expect(pusher.ask("RPUSH k v")).toBe(":1\r\n")
    expect(waiter.received()).toBe("*2\r\n$1\r\nk\r\n$1\r\nv\r\n")
    rig.pass(0)
    expect(waiter.received()).toBe("+PONG\r\n")
  })

  it("is told when its time is over, not before, and again the next time it waits", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    client.ask("BLPOP k 0.5")
    rig.pass(499)
    expect(client.received()).toBe("")
    rig.pass(1)
    expect(client.received()).toBe("*-1\r\n")
    client.ask("BLPOP k 0")
    rig.pass(1_000_000)
    expect(client.received()).toBe("")
  })

  it("may be released by another, by time or by error", () => {
    const rig = new SessionRig()
    const [waiter, other] = [rig.connect(), rig.connect()]
    waiter.ask("BLPOP k 0")
    expect([other.ask("CLIENT UNBLOCK 1"), waiter.received()]).toEqual([":1\r\n", "*-1\r\n"])
    waiter.ask("BLPOP k 0")
    expect([other.ask("CLIENT UNBLOCK 1 ERROR"), waiter.received()]).toEqual([
      ":1\r\n",
      "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"
    ])
    expect(other.ask("CLIENT UNBLOCK 1")).toBe(":0\r\n")
  })
})

describe("clients that are paused", () => {
  it("wait with what they write, and with what they asked after it, until the time is over", () => {
    const rig = new SessionRig()
    const [boss, writer, reader] = [rig.connect(), rig.connect(), rig.connect()]
    boss.ask("CLIENT PAUSE 100 WRITE")
    expect([writer.ask("SET k v"), writer.ask("PING"), reader.ask("GET k")]).toEqual(["", "", "$-1\r\n"])
    rig.pass(99)
    expect(writer.received()).toBe("")
    rig.pass(1)
    expect([writer.received(), reader.ask("GET k")]).toEqual(["+OK\r\n+PONG\r\n", "$1\r\nv\r\n"])
  })

  it("wait with scripts, which may write, unless they say that they only read", () => {
    const rig = new SessionRig()
    const [boss, writer, reader] = [rig.connect(), rig.connect(), rig.connect()]
    boss.ask("CLIENT PAUSE 100 WRITE")
    expect(writer.ask("EVAL x 0")).toBe("")
    expect(reader.send(bulks("EVAL", "#!lua flags=no-writes\nreturn 1", "0"))).toMatch(/^-ERR/)
    expect(reader.ask("EVAL_RO x 0")).toMatch(/^-ERR/)
    rig.pass(100)
    expect(writer.received()).toMatch(/^-ERR/)
  })

  it("count as blocked as long as they are held up", () => {
    const rig = new SessionRig()
    const [admin, writer] = [rig.connect(), rig.connect()]
    admin.ask("CLIENT PAUSE 1000 WRITE")
    writer.sendOnly("SET k 1\r\n")
    expect(admin.ask("INFO clients")).toContain("blocked_clients:1\r\n")
    expect(admin.ask("CLIENT LIST")).toMatch(/ flags=b .* cmd=NULL /)
    expect(admin.ask("CLIENT UNPAUSE")).toBe("+OK\r\n")
    rig.pass(1)
    expect(writer.received()).toBe("+OK\r\n")
    expect(admin.ask("INFO clients")).toContain("blocked_clients:0\r\n")
  })

  it("keep keys whose time has passed until it is over, though nobody sees them", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    client.ask("SET k v PX 10")
    client.ask("CLIENT PAUSE 100 WRITE")
    rig.pass(20)
    expect(client.ask("GET k")).toBe("$-1\r\n")
    expect(client.ask("INFO stats")).toContain("expired_keys:0\r\n")
    rig.pass(80)
    expect(client.ask("GET k")).toBe("$-1\r\n")
    expect(client.ask("INFO stats")).toContain("expired_keys:1\r\n")
  })

  it("wait with everything where all are, and go on when it is taken back", () => {
    const rig = new SessionRig()
    const [boss, reader, waiter] = [rig.connect(), rig.connect(), rig.connect()]
    boss.send("MULTI\r\nCLIENT PAUSE 100000\r\nCLIENT UNPAUSE\r\nCLIENT PAUSE 50000 WRITE\r\nEXEC\r\n")
    expect(reader.ask("GET k")).toBe("$-1\r\n")
    expect(waiter.ask("PUBLISH c x")).toBe("")
    boss.ask("CLIENT UNPAUSE")
    rig.pass(0)
    expect(waiter.received()).toBe(":0\r\n")
  })
})

describe("clients that listen to what others do", () => {
  it("are told of each command, but of none that is for administrators", () => {
    const rig = new SessionRig()
    const [monitor, client] = [rig.connect(), rig.connect()]
    monitor.ask("MONITOR")
    client.send(bulks("SET", "k", 'a"\n\xff') + bulks("CONFIG", "GET", "port") + bulks("SELECT", "2"))
    expect(monitor.received()).toBe(
      '+1700000000.000000 [0 127.0.0.1:50001] "SET" "k" "a\\"\\n\\xff"\r\n' +
        '+1700000000.000000 [2 127.0.0.1:50001] "SELECT" "2"\r\n'
    )
  })

  it("are told of what EXEC runs before EXEC, and of no password", () => {
    const rig = new SessionRig()
    const [monitor, client] = [rig.connect(), rig.connect()]
    monitor.ask("MONITOR")
    client.send("MULTI\r\nSET k v\r\nEXEC\r\nAUTH name secret\r\nHELLO 3 AUTH name secret SETNAME x\r\n")
    const told = [...monitor.received().matchAll(/\] (.*)\r\n/g)].map(([, words]) => words)
    expect(told).toEqual([
      '"MULTI"',
      '"SET" "k" "v"',
      '"EXEC"',
      '"AUTH" "(redacted)" "(redacted)"',
      '"HELLO" "3" "AUTH" "(redacted)" "(redacted)" "SETNAME" "x"'
    ])
  })

  it("are told of keys that expired, also by their own look, and then behind the reply", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    client.send("HELLO 3\r\nCLIENT TRACKING on NOLOOP\r\nSET y 1 PX 10\r\nGET y\r\n")
    rig.pass(20)
    expect(client.ask("MGET x y")).toBe("*2\r\n_\r\n_\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\ny\r\n")
  })

  it("are told of keys that they changed when they had waited, behind the reply", () => {
    const rig = new SessionRig()
    const [client, pusher] = [rig.connect(), rig.connect()]
    client.send("HELLO 3\r\nCLIENT TRACKING on\r\nLRANGE to 0 -1\r\nBLMOVE from to LEFT LEFT 0\r\n")
    pusher.ask("RPUSH from x")
    expect(client.received()).toBe("$1\r\nx\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$2\r\nto\r\n")
  })

  it("are told of keys by name and by event, where that is turned on", () => {
    const rig = new SessionRig()
    const [listener, client] = [rig.connect(), rig.connect()]
    listener.ask("PSUBSCRIBE __key*__:*")
    client.ask("SET k v")
    expect(listener.received()).toBe("")
    client.ask("CONFIG SET notify-keyspace-events K$xE")
    client.send("SET k v PX 10\r\nLPUSH l x\r\n")
    rig.pass(20)
    client.ask("GET k")
    const events = [...listener.received().matchAll(/__:(\w+)\r\n\$\d+\r\n(\w+)/g)].map(([, ...words]) => words)
    expect(events).toEqual([
      ["k", "set"],
      ["set", "k"],
      ["k", "expired"],
      ["expired", "k"]
    ])
  })

  it("are told of new keys, once each, where that is turned on", () => {
    const rig = new SessionRig()
    const [listener, client] = [rig.connect(), rig.connect()]
    client.ask("CONFIG SET notify-keyspace-events En$")
    listener.ask("PSUBSCRIBE *")
    client.send("SET k 1\r\nSET k 2\r\nRENAME k l\r\n")
    const events = [...listener.received().matchAll(/__:(\w+)\r\n\$\d+\r\n(\w+)/g)].map(([, ...words]) => words)
    expect(events).toEqual([
      ["new", "k"],
      ["set", "k"],
      ["set", "k"],
      ["new", "l"]
    ])
  })

  it("are told of keys that they cache and that the table has no room for", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    rig.server.tracking.keysMax = 2
    client.ask("HELLO 3")
    client.ask("CLIENT TRACKING on")
    expect(client.send("GET a\r\nGET b\r\nGET c\r\n")).toBe(
      "_\r\n_\r\n_\r\n>2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n"
    )
    expect(rig.server.tracking.keysCount).toBe(2)
    expect(client.ask("CONFIG SET tracking-table-max-keys 1")).toContain("\r\nb\r\n")
    expect(rig.server.tracking.keysCount).toBe(1)
    for (const line of ["CLIENT TRACKING off", "FLUSHALL"]) client.ask(line)
    expect(rig.server.tracking.keysCount).toBe(0)
  })

  it("are told that whom they redirect to is gone", () => {
    const rig = new SessionRig()
    const [client, target, writer] = [rig.connect(), rig.connect(), rig.connect()]
    client.send("HELLO 3\r\nCLIENT TRACKING on REDIRECT 2\r\nGET a\r\n")
    target.sink.closed(undefined)
    writer.ask("SET a 1")
    expect(client.received()).toBe(">2\r\n$21\r\ntracking-redir-broken\r\n:2\r\n")
    expect(client.ask("CLIENT TRACKINGINFO")).toContain("broken_redirect")
  })
})

describe("a client that does not read", () => {
  const value = "x".repeat(100_000)

  it("is not run for once much waits for it, and loses nothing when it reads again", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    client.ask(`SET k ${value.slice(0, 60_000)}`)
    client.isFull = true
    rig.server.settings.outputLimit.hardBytes = 0
    const count = 1_500
    for (let sent = 0; sent < count; sent += 100) {
      client.sendOnly("GET k\r\n".repeat(100))
      rig.pass(0)
    }
    expect(rig.sessions.outputBytes).toBeLessThan(Limits.respOutputBytesMax + 2 * Limits.respTurnBytesMax)
    client.isFull = false
    let bytes = client.received().length
    client.sink.drained()
    rig.pass(0)
    bytes += client.received().length
    expect(bytes).toBe(count * (60_000 + "$60000\r\n\r\n".length))
  })

  it("gets all of it also when it has ended its side before, and then the connection ends", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    const large = value.repeat(10)
    client.send(bulks("SET", "k", large))
    client.isFull = true
    // The first one is in the connection; the last one that is run fills what may wait.
    const count = 1 + Math.ceil(Limits.respOutputBytesMax / large.length)
    for (let sent = 0; sent < count; sent++) {
      client.sendOnly("GET k\r\n")
      rig.pass(0)
    }
    expect(rig.sessions.outputBytes).toBeGreaterThan(Limits.respOutputBytesMax)
    client.sink.ended()
    client.isFull = false
    let bytes = 0
    for (let drains = 0; drains < 2; drains++) {
      client.sink.drained()
      rig.pass(0)
      bytes += client.received().length
    }
    const answered = bytes / (large.length + "$1000000\r\n\r\n".length)
    expect([answered, client.isEnded]).toEqual([count, true])
  })

  it("is read from no more once much of it waits, until it goes on", () => {
    const rig = new SessionRig()
    const [waiter, pusher] = [rig.connect(), rig.connect()]
    waiter.ask("BLPOP k 0")
    for (let sent = 0; sent <= Limits.respWaitingBytesMax; sent += value.length) waiter.sendOnly(bulks("ECHO", value))
    expect(waiter.isPaused).toBe(true)
    pusher.ask("RPUSH k v")
    rig.pass(0)
    expect(waiter.isPaused).toBe(false)
  })

  it("is broken off early when it has not even logged in", () => {
    const rig = new SessionRig()
    rig.server.users.setDefaultPassword("secret")
    const [stranger, friend] = [rig.connect(), rig.connect()]
    friend.ask("AUTH secret")
    for (const each of [stranger, friend]) {
      each.isFull = true
      for (let sent = 0; sent < 10; sent++) {
        each.sendOnly("GET k\r\nGET\r\n".repeat(500))
        rig.pass(0)
      }
    }
    expect([stranger.isReset, friend.isReset]).toEqual([true, false])
  })

  it("is broken off without a word for more replies than it may have at once, and all of its commands are run", () => {
    const rig = new SessionRig()
    const [greedy, other] = [rig.connect(), rig.connect()]
    other.ask("CONFIG SET client-output-buffer-limit 'normal 100000 0 0'")
    other.send(bulks("SET", "big", "x".repeat(30_000)))
    expect(greedy.send("GET big\r\n".repeat(3)).length).toBeGreaterThan(90_000)
    expect(greedy.send(`MULTI\r\nSET a 1\r\n${"GET big\r\n".repeat(4)}SET b 1\r\nEXEC\r\n`)).toBe("")
    expect([greedy.isEnded, rig.server.clients.size]).toEqual([true, 1])
    expect(other.ask("MGET a b")).toBe("*2\r\n$1\r\n1\r\n$1\r\n1\r\n")
  })

  it("is broken off over the limits of those who listen to channels", () => {
    const rig = new SessionRig()
    const [listener, lazy, sender] = [rig.connect(), rig.connect(), rig.connect()]
    rig.server.settings.pubsubOutputLimit = { hardBytes: 1_000_000, softBytes: 300_000, softSeconds: 10 }
    for (const each of [listener, lazy]) {
      each.ask("SUBSCRIBE c")
      each.isFull = true
    }
    for (let sent = 0; sent < 5; sent++) sender.send(bulks("PUBLISH", "c", value))
    lazy.isFull = false
    lazy.sink.drained()
    expect([listener.isReset, lazy.isReset]).toEqual([false, false])
    rig.pass(9_000)
    expect(listener.isReset).toBe(false)
    rig.pass(3_000)
    expect([listener.isReset, lazy.isReset]).toEqual([true, false])
    const greedy = rig.connect()
    greedy.ask("SUBSCRIBE c")
    greedy.isFull = true
    for (let sent = 0; sent < 12; sent++) sender.send(bulks("PUBLISH", "c", value))
    expect([greedy.isReset, sender.ask("PUBSUB NUMSUB c")]).toEqual([true, "*2\r\n$1\r\nc\r\n:1\r\n"])
  })
})

describe("a line of CLIENT LIST", () => {
  it("tells what Redis's clients look for", () => {
    const rig = new SessionRig()
    const [client, other] = [rig.connect(), rig.connect()]
    other.send("CLIENT SETNAME worker\r\nSUBSCRIBE a b\r\nSELECT 3\r\n")
    expect(client.send(bulks("client", "list"))).toMatch(
      /id=1 addr=127\.0\.0\.1:50000 laddr=127\.0\.0\.1:6379 fd=\d+ name= age=0 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=26 qbuf-free=\d+ argv-mem=\d+ multi-mem=0 rbs=\d+ rbp=\d+ obl=0 oll=0 omem=0 tot-mem=\d+ events=r cmd=client\|list user=default redir=-1 resp=2\n/
    )
    expect(client.ask("CLIENT LIST ID 2")).toMatch(
      /id=2 .* name=worker .* flags=P db=0 sub=2 .* qbuf=0 .* cmd=subscribe /
    )
  })
})

describe("the door", () => {
  it("lets in as many as are allowed, and tells the others why not", () => {
    const rig = new SessionRig({ clientsMax: 2 })
    const first = rig.connect()
    rig.connect()
    const third = rig.connect()
    expect([third.received(), third.isEnded]).toEqual(["-ERR max number of clients reached\r\n", true])
    first.sink.closed(undefined)
    expect(rig.connect().ask("PING")).toBe("+PONG\r\n")
  })

  it("lets nobody in from elsewhere without a password, unless it is told to", () => {
    const rig = new SessionRig()
    expect(rig.connect("10.0.0.7").received()).toMatch(/^-DENIED Redis is running in protected mode/)
    rig.server.users.setDefaultPassword("secret")
    expect(rig.connect("10.0.0.7").ask("AUTH secret")).toBe("+OK\r\n")
    expect(new SessionRig({ isProtected: false }).connect("10.0.0.7").ask("PING")).toBe("+PONG\r\n")
  })

  it("breaks off who is silent too long, but not who waits or listens", () => {
    const rig = new SessionRig({ idleSeconds: 10 })
    const [silent, waiter, listener, busy] = [rig.connect(), rig.connect(), rig.connect(), rig.connect()]
    waiter.ask("BLPOP k 0")
    listener.ask("SUBSCRIBE c")
    for (let seconds = 0; seconds < 15; seconds += 5) {
      rig.pass(5_000)
      busy.ask("PING")
    }
    expect([silent, waiter, listener, busy].map(({ isReset }) => isReset)).toEqual([true, false, false, false])
  })

  it("drains: nobody comes in, who is in gets the replies that are due", () => {
    const rig = new SessionRig()
    const [client, idle] = [rig.connect(), rig.connect()]
    rig.isShut = true
    client.ask("SET k v")
    rig.sessions.drain()
    expect([client.isEnded, idle.isEnded, rig.connect().isEnded]).toEqual([false, true, true])
    rig.settle()
    expect([client.received(), client.isEnded]).toEqual(["+OK\r\n", true])
  })

  it("resets who was told goodbye and does not go", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    expect([client.ask("QUIT"), client.isEnded]).toEqual(["+OK\r\n", true])
    rig.pass(Limits.respClosingMillisMax + 2_000)
    expect(client.isReset).toBe(true)
  })

  it("runs nothing of a MULTI while the data is being loaded", () => {
    const rig = new SessionRig()
    const [client, other] = [rig.connect(), rig.connect()]
    for (const line of ["MULTI", "SET k v"]) client.ask(line)
    rig.server.isReady = false
    expect(other.ask("GET k")).toBe("-LOADING Redis is loading the dataset in memory\r\n")
    expect(client.ask("EXEC")).toMatch(/^-EXECABORT Transaction discarded because of: LOADING /)
    rig.server.isReady = true
    expect([client.ask("EXISTS k"), client.ask("EXEC")]).toEqual([":0\r\n", "-ERR EXEC without MULTI\r\n"])
  })

  it("resets who goes on sending after the goodbye, but for what may have been under way", () => {
    const rig = new SessionRig()
    const client = rig.connect()
    expect(client.send("*x\r\n")).toMatch(/^-ERR Protocol error/)
    client.sendOnly("A".repeat(Limits.respClosingBytesMax))
    expect([client.isEnded, client.isReset]).toEqual([true, false])
    client.sendOnly("A")
    expect(client.isReset).toBe(true)
  })

  it("stays as it is whatever bytes come, and answers a ping after all of it", { timeout: 60_000 }, () => {
    const rig = new SessionRig()
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 }), (chunks) => {
        const client = rig.connect()
        for (const chunk of chunks) client.sink.data(chunk)
        rig.pass(0)
        client.sink.closed(undefined)
        return Latin1.decode(Latin1.encode(rig.connect().ask("PING"))) === "+PONG\r\n"
      }),
      { numRuns: 300 }
    )
    expect(rig.connect().ask("PING")).toBe("+PONG\r\n")
  })
})
