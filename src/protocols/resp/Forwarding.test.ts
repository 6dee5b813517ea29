/** Clients of one node whose keys other nodes have. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Limits from "#base/Limits.ts"
import { bulks, ClusterRig } from "./ClusterRig.ts"

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`

describe("a command whose keys another node has", () => {
  it("is run there, and its reply has its place among those of others", () => {
    const rig = new ClusterRig(3)
    const client = rig.connect(1)
    const keys = [1, 2, 3, 2, 1, 3].map((node, index) => rig.key(node, index))
    const sets = keys.map((key, index) => bulks("SET", key, `v${index}`)).join("")
    const gets = keys.map((key) => bulks("GET", key)).join("")
    client.sendOnly(`${sets}PING\r\n${gets}GET\r\n`)
    rig.run()
    expect(client.received()).toBe(
      `${"+OK\r\n".repeat(6)}+PONG\r\n${keys.map((_, index) => bulk(`v${index}`)).join("")}` +
        "-ERR wrong number of arguments for 'get' command\r\n"
    )
    expect(rig.dialled).toBe(2)
    expect(rig.nodes.map(({ engine }) => engine.databases[0].size)).toEqual([2, 2, 2])
    expect(rig.ask(rig.connect(2), `GET ${keys[2]}`)).toBe(bulk("v2"))
  })

  it("is DEBUG where that is about a key", () => {
    const rig = new ClusterRig(2)
    for (const { server } of rig.nodes) server.config.begin("enable-debug-command", "yes")
    const client = rig.connect(1)
    rig.ask(client, `SET ${rig.key(2)} 12`)
    expect(rig.ask(client, `DEBUG OBJECT ${rig.key(2)}`)).toMatch(/^\+Value at:.* encoding:int /)
  })

  it("leaves with the others of its turn in one write, and they come back in one", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    client.sendOnly(Array.from({ length: 100 }, (_, index) => bulks("INCR", rig.key(2, index % 3))).join(""))
    rig.run()
    expect(client.writes.length).toBe(1)
    expect(client.received().split("\r\n").length).toBe(101)
  })

  it("is answered as by one node, whatever is asked and however bytes are cut", () => {
    const { keys } = new ClusterRig(3)
    const key = fc.constantFrom(...keys)
    const command = fc.oneof(
      key.map((each) => `SET ${each} ${each.repeat(20)}`),
      key.map((each) => `GET ${each}`),
      key.map((each) => `INCR ${each}`),
      key.map((each) => `LPUSH ${each} a b`),
      key.map((each) => `LRANGE ${each} 0 -1`),
      key.map((each) => `DEL ${each}`),
      key.map((each) => `HSET ${each} f v`),
      key.map((each) => `HGETALL ${each}`),
      key.map((each) => `MULTI\r\nINCR ${each}\r\nGET ${each}\r\nEXEC`),
      key.map((each) => `WATCH ${each}\r\nMULTI\r\nPING\r\nEXEC`),
      key.map((each) => `WATCH ${each}\r\nSET ${each} 1\r\nMULTI\r\nGET ${each}\r\nEXEC`),
      key.map((each) => `BLPOP ${each} 0.01`),
      key.map((each) => `CLIENT REPLY SKIP\r\nAPPEND ${each} x`),
      fc.constantFrom("SELECT 1", "SELECT 0", "HELLO 2", "HELLO 3", "ECHO x", "CLIENT DURABILITY async", "NOSUCH")
    )
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 25, size: "max" }),
        fc.integer({ min: 1, max: 40 }),
        (lines, cutBytes) => {
          const text = [
            ...lines,
            "SELECT 1",
            ...keys.flatMap((each) => [`TYPE ${each}`, `GET ${each}`, `LLEN ${each}`])
          ]
            .map((line) => `${line}\r\n`)
            .join("")
          const replies = [3, 1].map((count) => {
            const rig = new ClusterRig(count)
            rig.cutBytes = cutBytes
            const client = rig.connect(1)
            client.sendOnly(text)
            rig.pass(500)
            const reply = client.received()
            client.sink.closed(undefined)
            rig.run()
            expect(rig.nodes.map(({ server }) => server.clients.size)).toEqual(rig.nodes.map(() => 0))
            return reply
          })
          expect(replies[0]).toBe(replies[1])
        }
      ),
      { numRuns: 100 }
    )
  })

  it("is run in the database, and answered in the protocol, that its client has chosen", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    const key = rig.key(2)
    expect(
      rig.ask(client, `SELECT 3\r\nHSET ${key} f v\r\nSELECT 0\r\nHGETALL ${key}\r\nSELECT 3\r\nHGETALL ${key}`)
    ).toBe(`+OK\r\n:1\r\n+OK\r\n*0\r\n+OK\r\n*2\r\n${bulk("f")}${bulk("v")}`)
    rig.ask(client, "HELLO 3")
    expect(rig.ask(client, `HGETALL ${key}`)).toBe(`%1\r\n${bulk("f")}${bulk("v")}`)
    expect(rig.ask(client, `CLIENT REPLY SKIP\r\nGET ${key}\r\nTYPE ${key}`)).toBe("+hash\r\n")
    expect(rig.ask(client, `CLIENT REPLY OFF\r\nTYPE ${key}\r\nDEL ${key}\r\nCLIENT REPLY ON`)).toBe("+OK\r\n")
    expect(rig.ask(client, `RESET\r\nTYPE ${key}`)).toBe("+RESET\r\n+none\r\n")
  })

  it("waits for nothing of this node's gate, and for the other's", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    rig.node(1).isShut = true
    expect(rig.ask(client, `SET ${rig.key(2)} v`)).toBe("+OK\r\n")
    expect(rig.ask(client, `SET ${rig.key(1)} v\r\nGET ${rig.key(2)}`)).toBe("")
    rig.node(1).settle()
    rig.run()
    expect(client.received()).toBe(`+OK\r\n${bulk("v")}`)
    rig.node(2).isShut = true
    expect(rig.ask(client, `SET ${rig.key(2)} w`)).toBe("")
    rig.node(2).settle()
    rig.run()
    expect(client.received()).toBe("+OK\r\n")
  })

  it("is refused like any other before it leaves, and by who it may not ask", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    rig.node(2).server.users.setDefaultPassword("secret")
    expect(rig.ask(client, `SET ${rig.key(2)} v`)).toBe("+OK\r\n")
    rig.ask(client, `ACL SETUSER default resetkeys ~${rig.key(1)}`)
    expect(rig.ask(client, `GET ${rig.key(2)}`)).toMatch(/^-NOPERM/)
    expect(rig.ask(client, "ACL SETUSER default allkeys\r\nGET a\r\nGET")).toMatch(/-ERR wrong number/)
  })

  it("waits for somebody to answer for its keys, with all that follows, and is refused when that takes too long", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    rig.tell(1, rig.key(2), "nowhere")
    rig.tell(1, rig.key(1), "loading")
    const lines = ["MULTI", `SET ${rig.key(1)} v`, "EXEC", `GET ${rig.key(2)}`, `GET ${rig.key(1)}`, "PING"]
    expect(rig.ask(client, lines.join("\r\n"))).toBe("+OK\r\n+QUEUED\r\n")
    rig.tell(1, rig.key(1), 1)
    rig.pass(100)
    expect(client.received()).toBe("*1\r\n+OK\r\n")
    rig.tell(1, rig.key(1), "loading")
    rig.pass(Limits.respElsewhereMillisMax - 200)
    expect(client.received()).toBe("")
    rig.pass(300)
    expect(client.received()).toBe("-CLUSTERDOWN Hash slot not served\r\n")
    rig.pass(Limits.respElsewhereMillisMax)
    expect(client.received()).toBe("-LOADING Redis is loading the dataset in memory\r\n+PONG\r\n")
    expect(rig.ask(client, `MGET ${rig.key(2, 1)} ${rig.key(2, 2)}`)).toBe("*2\r\n$-1\r\n$-1\r\n")
  })

  it("has its reply in its turn where it waits behind others, or among those that want none", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    rig.tell(1, rig.key(1), "loading")
    client.sendOnly(`SET ${rig.key(2)} v\r\nCLIENT REPLY OFF\r\nSET ${rig.key(1)} w\r\nCLIENT REPLY ON\r\n`)
    client.sendOnly(`GET ${rig.key(2)}\r\nGET ${rig.key(1)}\r\n`)
    rig.run()
    expect(client.received()).toBe("+OK\r\n")
    rig.tell(1, rig.key(1), 1)
    rig.pass(100)
    expect(client.received()).toBe("+OK\r\n$1\r\nv\r\n$1\r\nw\r\n")
  })

  it("loses what it watched where that went meanwhile", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    rig.ask(client, `WATCH ${rig.key(1)}`)
    rig.tell(1, rig.key(1, 1), "loading")
    expect(rig.ask(client, `MULTI\r\nSET ${rig.key(1, 1)} v\r\nEXEC`)).toBe("+OK\r\n+QUEUED\r\n")
    rig.move(rig.key(1), 2)
    rig.tell(1, rig.key(1), 2)
    rig.tell(1, rig.key(1, 1), 1)
    rig.pass(100)
    expect(client.received()).toBe("*-1\r\n")
    expect(rig.ask(client, `GET ${rig.key(1, 1)}`)).toBe("$-1\r\n")
  })

  it("is refused at once by a node that has yet to read what it had", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    rig.node(1).server.isReady = false
    rig.tell(1, rig.key(1), "loading")
    expect(rig.ask(client, `GET ${rig.key(1)}`)).toBe("-LOADING Redis is loading the dataset in memory\r\n")
  })

  it("is the business of clients that find their way by themselves, also what they queue", () => {
    const rig = new ClusterRig(2)
    rig.node(1).server.place = rig.node(1).address
    const client = rig.connect(1)
    const moved = /^-MOVED \d+ 127\.0\.0\.1:7002\r\n$/
    expect(rig.ask(client, `GET ${rig.key(2)}`)).toMatch(moved)
    expect(rig.ask(client, `WATCH ${rig.key(2)}`)).toMatch(moved)
    expect(rig.ask(client, `SET ${rig.key(1)} v`)).toBe("+OK\r\n")
    expect(rig.ask(client, "MULTI")).toBe("+OK\r\n")
    expect(rig.ask(client, `GET ${rig.key(2)}`)).toMatch(moved)
    expect(rig.ask(client, "EXEC")).toMatch(/^-EXECABORT/)
    expect(rig.dialled).toBe(0)
  })
})

describe("a client's connection to another node", () => {
  it("ends with the client", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    rig.ask(client, `GET ${rig.key(2)}`)
    expect(rig.node(2).server.clients.size).toBe(1)
    client.sink.closed(undefined)
    rig.run()
    expect(rig.node(2).server.clients.size).toBe(0)
  })

  it("is of the client's address, everything is allowed to it, and it takes nobody's place", () => {
    const rig = new ClusterRig(2)
    rig.node(2).server.settings.clientsMax = 0
    const client = rig.connect(1)
    expect(rig.ask(client, `GET ${rig.key(2)}`)).toBe("$-1\r\n")
    const [relayed] = rig.node(2).server.clients.values()
    expect([relayed.isRelayed, relayed.address]).toEqual([true, "127.0.0.1:50000"])
    expect(rig.ask(rig.connect(2), "PING")).toBe("-ERR max number of clients reached\r\n")
    rig.node(2).server.settings.clientsMax = 1
    const other = rig.connect(2)
    expect(rig.ask(other, "CLIENT KILL TYPE normal")).toBe(":0\r\n")
    expect(rig.ask(other, "CLIENT LIST").match(/ addr=/g)?.length).toBe(1)
    expect(rig.ask(other, "INFO clients")).toMatch(/connected_clients:1\r\ncluster_connections:1\r\n/)
    rig.ask(other, "ACL SETUSER default -@all resetkeys")
    expect(rig.ask(client, `GET ${rig.key(2)}`)).toBe("$-1\r\n")
  })

  it("that nobody can have made but a node is refused without its pass", () => {
    const rig = new ClusterRig(2)
    const stranger = rig.connect(2)
    expect(rig.ask(stranger, `ORBIT-RELAY 1.2.3.4:5 guess 1\r\nGET ${rig.key(2)}`)).toBe(
      "-ERR this node does not know that pass: ask again\r\n"
    )
    expect([stranger.isEnded, rig.node(2).server.clients.size]).toEqual([true, 0])
    rig.node(2).shards.pass = ""
    expect(rig.connect(2).ask("ORBIT-RELAY 1.2.3.4:5  1")).toMatch(/^-ERR this node does not know/)
    const client = rig.connect(1)
    rig.node(2).shards.pass = "another"
    rig.ask(client, `SET ${rig.key(2)} v`)
    expect([client.isReset, rig.node(1).shards.refreshes > 0, rig.node(2).engine.databases[0].size]).toEqual([
      true,
      true,
      0
    ])
  })

  it("breaks the client's when it breaks with a command under way, and is made anew otherwise", () => {
    const rig = new ClusterRig(2)
    const [idle, busy] = [rig.connect(1), rig.connect(1)]
    rig.ask(idle, `SET ${rig.key(2)} v`)
    rig.ask(busy, `GET ${rig.key(2)}`)
    rig.node(2).isShut = true
    rig.ask(busy, `SET ${rig.key(2)} w`)
    rig.breakAll()
    rig.run()
    expect([idle.isReset, busy.isReset]).toEqual([false, true])
    rig.node(2).isShut = false
    expect(rig.ask(idle, `GET ${rig.key(2)}`)).toBe(bulk("w"))
  })

  it("breaks when the other node is gone without a word, as soon as that is known", () => {
    const rig = new ClusterRig(3)
    const [idle, busy] = [rig.connect(1), rig.connect(1)]
    rig.ask(idle, `GET ${rig.key(2)}`)
    rig.node(2).isShut = true
    expect(rig.ask(busy, `SET ${rig.key(2)} w`)).toBe("")
    rig.pass(2_000)
    expect(busy.isReset).toBe(false)
    const { shards } = rig.node(1)
    shards.peers = shards.peers.filter(({ node }) => node !== 2)
    rig.tell(1, rig.key(2), 3)
    rig.tell(3, rig.key(2), 3)
    rig.pass(2_000)
    expect([idle.isReset, busy.isReset]).toEqual([false, true])
    expect(rig.ask(idle, `GET ${rig.key(2)}`)).toBe("$-1\r\n")
  })

  it("that cannot be made has run nothing: the command waits for another node to take over, so long", () => {
    const rig = new ClusterRig(3)
    const [patient, other] = [rig.connect(1), rig.connect(1)]
    rig.node(2).isDown = true
    expect(rig.ask(patient, `SET ${rig.key(2)} v\r\nPING`)).toBe("")
    rig.pass(200)
    expect([patient.received(), rig.node(1).shards.refreshes > 0]).toEqual(["", true])
    rig.move(rig.key(2), 3)
    rig.tell(1, rig.key(2), 3)
    rig.run()
    expect(patient.received()).toBe("+OK\r\n+PONG\r\n")
    expect(rig.ask(other, `GET ${rig.key(2, 1)}\r\nPING`)).toBe("")
    rig.pass(Limits.respElsewhereMillisMax + 200)
    expect(other.received()).toBe("-CLUSTERDOWN Hash slot not served\r\n+PONG\r\n")
  })

  it("is not read from faster than the client reads", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    const value = "x".repeat(1_000_000)
    client.sendOnly(bulks("SET", rig.key(2), value))
    rig.run()
    expect(client.received()).toBe("+OK\r\n")
    client.isFull = true
    client.sendOnly(`GET ${rig.key(2)}\r\n`.repeat(60))
    rig.run()
    expect(rig.node(1).sessions.outputBytes).toBeLessThan(10 * value.length)
    let length = client.received().length
    client.isFull = false
    client.sink.drained()
    rig.run()
    length += client.received().length
    expect([length, rig.node(1).sessions.outputBytes]).toEqual([60 * bulk(value).length, 0])
  })
})

describe("who comes to a door where other nodes come in", () => {
  it("is refused only when it is known that it is none of them", () => {
    const rig = new ClusterRig(2)
    const node = rig.node(2)
    const [stranger, relayed] = [node.connect("10.0.0.1"), node.connect("10.0.0.1")]
    expect([stranger.received(), stranger.ask("PING")]).toEqual(["", expect.stringMatching(/^-DENIED/)])
    expect(relayed.ask("ORBIT-RELAY 1.2.3.4:5 secret 1\r\nPING")).toBe("+PONG\r\n")
    expect([stranger.isEnded, relayed.isEnded, node.server.clients.size]).toEqual([true, false, 1])
  })

  it("is refused at once where too many have said nothing, and broken off when it says nothing for long", () => {
    const rig = new ClusterRig(2)
    const node = rig.node(2)
    const silent = Array.from({ length: Limits.respArrivalsMax }, () => node.connect("10.0.0.1"))
    expect(node.connect("10.0.0.1").received()).toMatch(/^-ERR max number of clients/)
    expect(node.connect().ask("PING")).toBe("+PONG\r\n")
    node.pass(Limits.respClosingMillisMax + 2_000)
    expect(silent.every(({ isReset }) => isReset)).toBe(true)
    for (const each of silent) each.sink.closed(undefined)
    expect(node.connect("10.0.0.1").received()).toBe("")
  })
})

describe("what waits for keys at another node", () => {
  it("has its reply when there is something, and nothing of its client is run before", () => {
    const rig = new ClusterRig(2)
    const [client, other] = [rig.connect(1), rig.connect(1)]
    const key = rig.key(2)
    expect(rig.ask(client, `BLPOP ${key} 0\r\nSET ${rig.key(1)} v`)).toBe("")
    expect(rig.ask(other, `GET ${rig.key(1)}`)).toBe("$-1\r\n")
    expect(rig.ask(other, "CLIENT LIST")).toMatch(/flags=b .*cmd=blpop/)
    expect(rig.ask(other, "INFO clients")).toContain("blocked_clients:1\r\n")
    expect(rig.ask(rig.connect(2), "INFO clients")).toContain("blocked_clients:0\r\n")
    expect(rig.ask(other, `LPUSH ${key} e`)).toBe(":1\r\n")
    expect(client.received()).toBe(`*2\r\n${bulk(key)}${bulk("e")}+OK\r\n`)
  })

  it("is told when its time is over", () => {
    const rig = new ClusterRig(2)
    const client = rig.connect(1)
    expect(rig.ask(client, `BLPOP ${rig.key(2)} 0.5\r\nXREAD BLOCK 100 STREAMS ${rig.key(2)} $\r\nPING`)).toBe("")
    rig.pass(450)
    expect(client.received()).toBe("")
    rig.pass(100)
    expect(client.received()).toBe("*-1\r\n")
    rig.pass(200)
    expect(client.received()).toBe("*-1\r\n+PONG\r\n")
  })

  it("hears messages meanwhile", () => {
    const rig = new ClusterRig(2)
    const [client, other] = [rig.connect(1), rig.connect(1)]
    rig.ask(client, "HELLO 3")
    rig.ask(client, "SUBSCRIBE c")
    expect(rig.ask(client, `BLPOP ${rig.key(2)} 0`)).toBe("")
    rig.ask(other, "PUBLISH c m")
    expect(client.received()).toBe(">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n")
    rig.ask(other, `LPUSH ${rig.key(2)} e`)
    expect(client.received()).toBe(`*2\r\n${bulk(rig.key(2))}${bulk("e")}`)
  })

  it("waits no more when another client wants so, and goes on", () => {
    const rig = new ClusterRig(2)
    const [client, other] = [rig.connect(1), rig.connect(1)]
    rig.ask(client, `BLPOP ${rig.key(2)} 0\r\nPING`)
    expect(rig.ask(other, "CLIENT UNBLOCK 1")).toBe(":1\r\n")
    expect(client.received()).toBe("*-1\r\n+PONG\r\n")
    rig.ask(client, `BLMOVE ${rig.key(2)} ${rig.key(2, 1)} LEFT LEFT 0\r\nGET ${rig.key(2)}`)
    expect(rig.ask(other, "CLIENT UNBLOCK 1 ERROR")).toBe(":1\r\n")
    expect(client.received()).toBe("-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n$-1\r\n")
    expect(rig.ask(other, "CLIENT UNBLOCK 1")).toBe(":0\r\n")
    // What was served in the same moment is not lost.
    rig.ask(client, `BLPOP ${rig.key(2)} 0`)
    const far = rig.connect(2)
    far.sendOnly(`LPUSH ${rig.key(2)} e\r\n`)
    other.sendOnly("CLIENT UNBLOCK 1\r\n")
    rig.run()
    expect(client.received()).toBe(`*2\r\n${bulk(rig.key(2))}${bulk("e")}`)
    expect(rig.ask(client, `GET ${rig.key(2)}\r\nPING`)).toBe("$-1\r\n+PONG\r\n")
  })

  it("takes nothing away once its client is gone", () => {
    const rig = new ClusterRig(2)
    const [gone, halfGone] = [rig.connect(1), rig.connect(1)]
    rig.ask(gone, `BLPOP ${rig.key(2)} 0`)
    rig.ask(halfGone, `BLPOP ${rig.key(2)} 0`)
    gone.sink.closed(undefined)
    halfGone.sink.ended()
    rig.run()
    expect([halfGone.isEnded, halfGone.received(), rig.node(2).engine.blocking.count]).toEqual([true, "", 0])
    rig.node(2).isShut = true
    const busy = rig.connect(1)
    expect(rig.ask(busy, `SET ${rig.key(2, 1)} v\r\nBLPOP ${rig.key(2)} 0`)).toBe("")
    busy.sink.ended()
    rig.run()
    rig.node(2).isShut = false
    rig.node(2).settle()
    rig.run()
    expect([busy.received(), busy.isEnded, rig.node(2).engine.blocking.count]).toEqual(["+OK\r\n", true, 0])
    expect(rig.ask(rig.connect(2), `LPUSH ${rig.key(2)} e`)).toBe(":1\r\n")
  })
})
