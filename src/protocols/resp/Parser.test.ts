/** Requests out of bytes: the same ones however the bytes are cut, Redis's words for what is wrong, and never an exception. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Latin1 from "#base/Latin1.ts"
import { Parser } from "./Parser.ts"

interface Read {
  readonly requests: ReadonlyArray<ReadonlyArray<string>>
  readonly problem: string | undefined
}

/** Each chunk is gone when it is read, as those of connections are. */
const read = (chunks: ReadonlyArray<Uint8Array>, change: (parser: Parser) => void = () => {}): Read => {
  const parser = new Parser()
  change(parser)
  const requests: Array<ReadonlyArray<string>> = []
  for (const chunk of chunks) {
    const lent = chunk.slice()
    parser.feed(lent)
    for (let request = parser.next(); request !== undefined; request = parser.next()) requests.push(request)
    parser.keep()
    lent.fill(0xdb)
  }
  return { requests, problem: parser.problem }
}

const readText = (text: string, change?: (parser: Parser) => void): Read => read([Latin1.encode(text)], change)

const bulks = (argv: ReadonlyArray<string>): string =>
  `*${argv.length}\r\n${argv.map((argument) => `$${argument.length}\r\n${argument}\r\n`).join("")}`

const cut = (bytes: Uint8Array, sizes: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const end = Math.min(bytes.length, at + sizes[index % sizes.length])
    chunks.push(bytes.slice(at, end))
    at = end
  }
  return chunks
}

/** `toEqual` a hundred thousand times would take most of the time. */
const isSame = (left: Read, right: Read): boolean => JSON.stringify(left) === JSON.stringify(right)

const byteText = fc.uint8Array({ maxLength: 40 }).map((bytes) => Latin1.decode(bytes))
/** What wild bytes are made of so that they get somewhere. */
const piece = fc.oneof(
  fc.constantFrom("*", "$", "\r\n", "\n", "\r", "\0", "*1\r\n", "*2\r\n", "$1\r\n", "$0\r\n", "$3\r\n", '"', "'", " "),
  fc.constantFrom(
    "*-1\r\n",
    "$-1\r\n",
    "*0\r\n",
    "*01\r\n",
    "*99999999999\r\n",
    "\\",
    "\\x41",
    "GET",
    "ping\r\n",
    "1",
    "+"
  ),
  byteText,
  fc.array(byteText, { minLength: 1, maxLength: 4 }).map(bulks)
)
const wild = fc.array(piece, { maxLength: 12 }).map((pieces) => Latin1.encode(pieces.join("")))
const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 6 })

describe("the bytes of a client", () => {
  it("are the same wrong line where an empty one is cut within its end", () => {
    const text = "*1\r\n\r$1\r\nx\r\n"
    const whole = readText(text)
    expect(whole).toEqual({ requests: [], problem: "expected '$', got ' '" })
    for (let at = 1; at < text.length; at++) {
      expect(read([Latin1.encode(text.slice(0, at)), Latin1.encode(text.slice(at))])).toEqual(whole)
    }
  })

  it("never throw, and give the same requests and the same problem however they are cut", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(wild, sizes, (bytes, cuts) => {
        const whole = read([bytes])
        const pieces = read(cut(bytes, cuts))
        expect(isSame(whole, pieces) && whole.requests.every((request) => request.length > 0)).toBe(true)
      }),
      { numRuns: 80_000 }
    )
  })

  it(
    "give back every request that was written as bulk strings, in order, however they are cut",
    { timeout: 60_000 },
    () => {
      const requests = fc.array(fc.array(byteText, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 })
      fc.assert(
        fc.property(requests, sizes, (sent, cuts) => {
          const found = read(cut(Latin1.encode(sent.map(bulks).join("")), cuts))
          expect(isSame(found, { requests: sent, problem: undefined })).toBe(true)
        }),
        { numRuns: 20_000 }
      )
    }
  )

  it("may come while what came before is not read yet", () => {
    const parser = new Parser()
    for (const chunk of cut(Latin1.encode(bulks(["SET", "k", "v"]) + bulks(["GET", "k"])), [4, 20])) {
      const lent = chunk.slice()
      parser.feed(lent)
      parser.keep()
      lent.fill(0xdb)
    }
    expect([parser.waitingBytes, parser.next(), parser.next(), parser.next(), parser.waitingBytes]).toEqual([
      47,
      ["SET", "k", "v"],
      ["GET", "k"],
      undefined,
      0
    ])
  })

  it("give names as they were sent, also where another name was at the same place before", () => {
    for (const name of ["get", "GET", "set", "gEt", "x", "", "restore-asking", "a".repeat(300), "get"]) {
      expect(readText(bulks([name, name])).requests).toEqual([[name, name]])
    }
    for (let length = 0; length < 40; length++) {
      const argument = Latin1.decode(Uint8Array.from({ length }, (_, index) => 255 - index))
      expect(readText(bulks(["x", argument])).requests).toEqual([["x", argument]])
    }
  })

  it("are not looked at behind an argument, where the end of a line belongs", () => {
    expect(readText("*1\r\n$4\r\npingXX*1\r\n$4\r\npong\r\n").requests).toEqual([["ping"], ["pong"]])
  })

  it("ask for nothing with an empty line and with an array of nothing, or of less", () => {
    expect(readText("\r\n  \r\n*0\r\n*-1\r\n\nping\r\n")).toEqual({ requests: [["ping"]], problem: undefined })
  })

  it("of 20 MB in one argument are taken in small chunks without copying them again and again", () => {
    const value = new Uint8Array(20_000_000).fill(0x78)
    const parser = new Parser()
    parser.feed(Latin1.encode("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$20000000\r\n"))
    expect(parser.next()).toBeUndefined()
    const started = process.cpuUsage()
    for (let at = 0; at < value.length; at += 1_000) {
      parser.feed(value.subarray(at, at + 1_000))
      if (parser.next() !== undefined) break
    }
    parser.feed(Latin1.encode("\r\n"))
    const request = parser.next()!
    expect([request[0], request[1], request[2].length]).toEqual(["SET", "k", 20_000_000])
    // Copying all of it for each chunk would take minutes.
    expect(process.cpuUsage(started).user).toBeLessThan(20_000_000)
  })
})

describe("a line of words", () => {
  // Each as redis-server 7.0.15 takes it.
  it.each([
    ["ping\n", ["ping"]],
    ["  set\tkey  value \r\n", ["set", "key", "value"]],
    ["echo 'a\\'b'\r\n", ["echo", "a'b"]],
    ['echo "\\x41\\n"\r\n', ["echo", "A\n"]],
    ['echo "\\q\\t\\xzz\\b\\a\\r\\\\"\r\n', ["echo", "q\txzz\b\x07\r\\"]],
    ["echo '\\n\\x41'\r\n", ["echo", "\\n\\x41"]],
    ['echo a"b c"\r\n', ["echo", "ab c"]],
    ["echo \x0b\xff\r\n", ["echo", "\xff"]],
    ['echo ""\r\n', ["echo", ""]]
  ])("is taken apart as Redis does: %j", (line, request) => {
    expect(readText(line)).toEqual({ requests: [request], problem: undefined })
  })

  it.each(['ping "a\r\n', 'ping "a"b\r\n', "ping 'a\r\n", "ping 'a'b\r\n", 'ping "a\\"\r\n'])(
    "is refused for its quotes: %j",
    (line) => {
      expect(readText(line)).toEqual({ requests: [], problem: "unbalanced quotes in request" })
    }
  )
})

describe("bytes that are no request", () => {
  // Each as redis-server 7.0.15 answers it.
  it.each([
    ["*2147483648\r\n", "invalid multibulk length"],
    ["*abc\r\n", "invalid multibulk length"],
    ["*01\r\n", "invalid multibulk length"],
    ["*+1\r\n", "invalid multibulk length"],
    ["*-0\r\n", "invalid multibulk length"],
    ["*\r\n", "invalid multibulk length"],
    ["*1\r\nfoo\r\n", "expected '$', got 'f'"],
    ["*1\r\n\r\n", "expected '$', got ' '"],
    ["*1\r\n\xff\r\n", "expected '$', got '\xff'"],
    ["*1\r\n$-1\r\n", "invalid bulk length"],
    ["*1\r\n$4 \r\n", "invalid bulk length"],
    ["*1\r\n$536870913\r\n", "invalid bulk length"]
  ])("are refused in Redis's words: %j", (bytes, problem) => {
    expect(readText(bytes)).toEqual({ requests: [], problem })
    expect(readText(`PING\r\n${bytes}PING\r\n`)).toEqual({ requests: [["PING"]], problem })
  })

  it("are refused once their line is too long, although its end never came, or was hidden by a NUL", () => {
    const long = "A".repeat(65_600)
    expect(readText(long).problem).toBe("too big inline request")
    expect(readText(`\0${long}\r\n`).problem).toBe("too big inline request")
    expect(readText(`*\0${long}\r\n`).problem).toBe("too big mbulk count string")
    expect(readText(`*1${long}`).problem).toBe("too big mbulk count string")
    expect(readText(`*1\r\n$1${long}`).problem).toBe("too big bulk count string")
    expect(readText(`${"A".repeat(65_536)}\n`).problem).toBeUndefined()
  })

  it("are refused over what whoever has not logged in may send", () => {
    const strange = (parser: Parser): void => {
      parser.isTrusted = false
    }
    expect(readText("*11\r\n", strange).problem).toBe("unauthenticated multibulk length")
    expect(readText("*10\r\n", strange).problem).toBeUndefined()
    expect(readText("*1\r\n$16385\r\n", strange).problem).toBe("unauthenticated bulk length")
    expect(readText("*1\r\n$16384\r\n", strange).problem).toBeUndefined()
    expect(readText("*11\r\n$16385\r\n").problem).toBeUndefined()
  })

  it("are refused where an argument is larger than is set, and a request than is bearable", () => {
    const small = (parser: Parser): void => {
      parser.bulkBytesMax = 1_048_576
    }
    expect(readText("*1\r\n$1048577\r\n", small).problem).toBe("invalid bulk length")
    expect(readText("*1\r\n$1048576\r\n", small).problem).toBeUndefined()
    const bounded = (parser: Parser): void => {
      parser.requestBytesMax = 1_000
    }
    const bulk = "$100\r\n" + "x".repeat(100) + "\r\n"
    expect(readText(`*20000\r\n${bulk.repeat(6)}`, bounded).problem).toBeUndefined()
    expect(readText(`*20000\r\n${bulk.repeat(7)}`, bounded).problem).toBe("too big request")
    expect(readText(bulks(["x".repeat(900)]).repeat(3), bounded).requests.length).toBe(3)
  })
})
