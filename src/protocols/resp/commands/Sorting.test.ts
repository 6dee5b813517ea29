/** SORT by keys that only its elements tell, where several nodes have the data: it is what it is where one node has all of it. */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ClusterRig } from "../ClusterRig.ts"

const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`
const listOf = (...texts: ReadonlyArray<string>): string => `*${texts.length}\r\n${texts.map(bulk).join("")}`

const fill = [
  "RPUSH list a b c d",
  "MSET w_a 3 w_b 1 w_d 2 o_a A o_b B o_c C",
  "HSET h_a weight 1 name x",
  "HSET h_b weight 2 name y",
  "HSET h_c weight 0",
  "SADD set 1 2 3",
  "MSET w_1 30 w_2 10 w_3 20"
].join("\r\n")

const filled = (count: number): ClusterRig => {
  const rig = new ClusterRig(count)
  rig.ask(rig.connect(1), fill)
  return rig
}

/** Of what comes later, the negated number. */
const weightOf = (element: string): string | undefined =>
  element.startsWith("n")
    ? String(-Number(element.slice(1)))
    : new Map(Object.entries({ a: "3", b: "1", d: "2" })).get(element)

/** Nothing stands still any more. */
const isAtRest = (rig: ClusterRig): boolean => rig.nodes.every(({ joint }) => joint.held === undefined)

describe("SORT by patterns", () => {
  it("finds the keys of all nodes, whichever has the key that it sorts", () => {
    const rig = filled(3)
    for (const node of [1, 2, 3]) {
      const client = rig.connect(node)
      expect(rig.ask(client, "SORT list BY w_* GET #")).toBe(listOf("c", "b", "d", "a"))
      expect(rig.ask(client, "SORT_RO list BY w_* DESC LIMIT 0 2 GET # GET o_*")).toBe(
        `*4\r\n${bulk("a")}${bulk("A")}${bulk("d")}$-1\r\n`
      )
      expect(rig.ask(client, "SORT list BY h_*->weight LIMIT 2 2 GET h_*->name")).toBe(listOf("x", "y"))
      expect(rig.ask(client, "SORT list BY nosort GET o_*")).toBe(`*4\r\n${"ABC".replaceAll(/./g, bulk)}$-1\r\n`)
      expect(rig.ask(client, "SORT set BY w_*")).toBe(listOf("2", "3", "1"))
      expect(rig.ask(client, `SORT list BY w_* GET o_* STORE out${node}\r\nLRANGE out${node} 0 -1`)).toBe(
        `:4\r\n${listOf("C", "B", "", "A")}`
      )
      expect(rig.ask(client, "SORT list BY o_*")).toBe("-ERR One or more scores can't be converted into double\r\n")
      expect(rig.ask(client, "SORT w_a BY w_*")).toMatch(/^-WRONGTYPE/)
      expect(rig.ask(client, "SORT none BY w_*")).toBe("*0\r\n")
    }
    expect(isAtRest(rig)).toBe(true)
  })

  it("is part of a MULTI, which sees what that has changed, selected and watched, and says things once", () => {
    const rig = filled(3)
    const [client, other, listener] = [rig.connect(1), rig.connect(2), rig.connect(2)]
    rig.ask(listener, "SUBSCRIBE news")
    const multi =
      "MULTI\r\nRPUSH list e\r\nPUBLISH news x\r\nSET w_e 0\r\nSORT list BY w_* LIMIT 0 3\r\nSELECT 1\r\nEXEC"
    rig.ask(client, "WATCH list w_a")
    expect(rig.ask(client, multi)).toBe(
      `+OK\r\n${"+QUEUED\r\n".repeat(5)}*5\r\n:5\r\n:0\r\n+OK\r\n${listOf("c", "e", "b")}+OK\r\n`
    )
    expect(listener.received().match(/message/g)).toHaveLength(1)
    rig.ask(client, "SELECT 0\r\nWATCH list w_a")
    client.sendOnly(`${multi}\r\n`)
    while (!rig.isHeld("w_a")) rig.run(1)
    // When it has looked once, and before it looks again.
    rig.ask(other, "SET w_a 9")
    expect(client.received()).toMatch(/\*-1\r\n$/)
    expect(rig.ask(client, "LLEN list")).toBe(":5\r\n")
    expect(isAtRest(rig)).toBe(true)
  })

  it("tells what was there at one moment, whatever changes while it looks", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 12 }), (pauses) => {
        const rig = filled(3)
        const [client, other] = [rig.connect(1), rig.connect(2)]
        client.sendOnly("SORT list BY w_* GET # GET w_*\r\n")
        for (const [index, rounds] of pauses.entries()) {
          rig.run(rounds)
          // One goes and one comes at a time, with its weight.
          other.sendOnly(`MULTI\r\nLPOP list\r\nRPUSH list n${index}\r\nSET w_n${index} ${-index}\r\nEXEC\r\n`)
        }
        rig.pass(1_000)
        const words = [...client.received().matchAll(/\$-?\d+\r\n(?:([^*$]*)\r\n)?/g)].map(([, word]) => word)
        const elements = words.filter((_, at) => at % 2 === 0)
        expect(elements).toHaveLength(4)
        for (const [at, element] of elements.entries()) {
          expect(words[2 * at + 1]).toBe(weightOf(element))
        }
        expect(isAtRest(rig)).toBe(true)
      }),
      { numRuns: 50 }
    )
  })

  it("gives up where it finds further keys again and again", () => {
    const rig = new ClusterRig(3)
    const client = rig.connect(1)
    const links = Array.from({ length: 20 }, (_, index) => index)
    rig.ask(client, `MSET ${links.map((link) => `next_${link} ${link + 1}`).join(" ")}\r\nRPUSH chain 0`)
    const follow = (count: number): string => {
      const step = "SORT chain BY nosort GET next_* STORE chain\r\n"
      return rig.ask(client, `MULTI\r\n${step.repeat(count)}EXEC`).replace(/^\+OK\r\n(\+QUEUED\r\n)*/, "")
    }
    expect(follow(16)).toBe("-ERR SORT found further keys to look up 16 times in a row\r\n")
    expect(rig.ask(client, "LRANGE chain 0 -1")).toBe(listOf("0"))
    expect(follow(15)).toBe(`*15\r\n${":1\r\n".repeat(15)}`)
    expect(rig.ask(client, "LRANGE chain 0 -1")).toBe(listOf("15"))
    expect(isAtRest(rig)).toBe(true)
  })

  it("waits where one node has everything, but cannot tell of all of it now", () => {
    const rig = filled(1)
    const client = rig.connect(1)
    rig.tell(1, "w_a", "held")
    expect(rig.ask(client, "SORT list BY w_*")).toBe("")
    rig.tell(1, "w_a", 1)
    rig.run()
    expect(client.received()).toBe(listOf("c", "b", "d", "a"))
    rig.tell(1, "w_a", "loading")
    expect(rig.ask(client, "SORT list BY w_*")).toBe("")
    rig.tell(1, "w_a", 1)
    rig.pass(100)
    expect(client.received()).toBe(listOf("c", "b", "d", "a"))
    rig.tell(1, "w_a", "loading")
    expect(rig.ask(client, "SORT list ALPHA")).toBe(listOf("a", "b", "c", "d"))
  })

  it("is refused where clients know of a Redis Cluster", () => {
    const rig = filled(2)
    for (const { server } of rig.nodes) server.topology = () => []
    const client = rig.connect(1)
    const refused = (word: string): string => `-ERR ${word} option of SORT denied in cluster mode.\r\n`
    expect(rig.ask(client, "SORT list BY w_*")).toBe(refused("BY"))
    expect(rig.ask(client, "SORT_RO list GET w_*")).toBe(refused("GET"))
    expect(rig.ask(client, "MULTI\r\nSORT list BY w_*\r\nEXEC")).toContain(`${refused("BY")}-EXECABORT`)
    expect(rig.ask(client, "SORT list BY nosort GET #")).toBe(listOf("a", "b", "c", "d"))
  })

  it("replies what it does at one node, whatever is asked", () => {
    const element = fc.constantFrom("1", "2", "3", "4")
    const pattern = fc.constantFrom("w_*", "o_*", "h_*->f", "h_*", "nosort", "w_1", "*")
    const get = fc.constantFrom("", " GET #", " GET w_*", " GET o_* GET #", " GET h_*->f", " GET nothing_*")
    const sort = fc
      .record({
        key: fc.constantFrom("list", "set", "zset", "none", "w_1"),
        by: fc.option(pattern),
        get,
        rest: fc.constantFrom("", " DESC", " ALPHA", " ALPHA DESC", " LIMIT 1 2")
      })
      .map(({ by, get: gets, key, rest }) => `${key}${by === null ? "" : ` BY ${by}`}${gets}${rest}`)
    const command = fc.oneof(
      { weight: 4, arbitrary: sort.map((each) => `SORT ${each}`) },
      { weight: 1, arbitrary: sort.map((each) => `SORT_RO ${each}`) },
      { weight: 2, arbitrary: sort.map((each) => `SORT ${each} STORE out\r\nLRANGE out 0 -1\r\nDEL out`) },
      {
        weight: 2,
        arbitrary: fc
          .tuple(sort, element, element)
          .map(
            ([each, one, two]) =>
              `MULTI\r\nRPUSH list ${one}\r\nSET w_${one} ${two}\r\nSORT ${each}\r\nSORT list BY w_* STORE list\r\nSORT ${each}\r\nEXEC`
          )
      },
      { weight: 1, arbitrary: fc.tuple(element, element).map(([one, two]) => `SET w_${one} ${two}`) },
      { weight: 1, arbitrary: fc.tuple(element, element).map(([one, two]) => `HSET h_${one} f ${two}`) },
      { weight: 1, arbitrary: element.map((each) => `DEL w_${each}`) },
      { weight: 1, arbitrary: element.map((each) => `RPUSH list ${each}`) },
      { weight: 1, arbitrary: element.map((each) => `SADD set ${each}`) },
      { weight: 1, arbitrary: element.map((each) => `ZADD zset 5 ${each}`) }
    )
    fc.assert(
      fc.property(fc.array(command, { minLength: 5, maxLength: 25, size: "max" }), (lines) => {
        const replies = [3, 1].map((count) => {
          const rig = new ClusterRig(count)
          const client = rig.connect(1)
          const texts = ["MSET o_1 x o_2 y o_3 z", "RPUSH list 3 1 2", "SADD set 2 3", "ZADD zset 1 3 2 1", ...lines]
          client.sendOnly(texts.map((line) => `${line}\r\n`).join(""))
          rig.pass(200)
          expect(isAtRest(rig)).toBe(true)
          return client.received()
        })
        expect(replies[0]).toBe(replies[1])
      }),
      { numRuns: 100 }
    )
  })
})
