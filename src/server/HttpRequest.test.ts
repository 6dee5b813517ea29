import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { encode, HttpRequests } from "./HttpRequest.ts"

const utf8 = new TextEncoder()
const bytesMax = 256

/** What comes of a text that arrives in these pieces. */
const parsed = (...pieces: ReadonlyArray<string>) => {
  const requests = new HttpRequests(bytesMax)
  return pieces.flatMap((piece) => [...requests.take(utf8.encode(piece))])
}

const statuses = (text: string): ReadonlyArray<number> =>
  parsed(text).map((one) => (one.type === "wrong" ? one.status : 200))

const question = "GET /metrics?a=b HTTP/1.1\r\nHost: h\r\n\r\n"

describe("HttpRequests", () => {
  it("reads what curl, Prometheus and Kubernetes send", () => {
    const text =
      "GET /health/live HTTP/1.1\r\nHost: localhost:9600\r\nUser-Agent: kube-probe/1.30\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    expect(parsed(text)).toEqual([
      { type: "request", request: { method: "GET", path: "/health/live", keepsAlive: false } }
    ])
  })

  it("goes on behind a request unless either side's version or words say not", () => {
    const keeps = (text: string): ReadonlyArray<boolean> =>
      parsed(text).map((one) => one.type === "request" && one.request.keepsAlive)
    expect(keeps(question + question)).toEqual([true, true])
    expect(keeps("GET / HTTP/1.0\r\n\r\n" + question)).toEqual([false])
    expect(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" + question)).toEqual([true, true])
    expect(keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n" + question)).toEqual([false])
  })

  it.each([
    ["GET / HTTP/1.1\r\n\r\n", 400],
    ["get / HTTP/1.1\r\nHost: h\r\n\r\n", 400],
    ["GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400],
    ["PRI * HTTP/2.0\r\n\r\n", 505],
    ["POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", 413],
    ["POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", 413],
    ["POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 413],
    [`GET /${"a".repeat(300)} HTTP/1.1\r\nHost: h\r\n\r\n`, 431],
    ["a".repeat(300), 431]
  ])("tells once what is wrong, and reads nothing behind it: %j", (text, status) => {
    expect(statuses(text + question)).toEqual([status])
  })

  it("understands a method that it does not serve, and requests without a body's length", () => {
    expect(statuses("DELETE /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")).toEqual([200])
  })

  it("gives the same however the bytes are cut", () => {
    const text =
      question + "\r\n" + "GET /health/ready HTTP/1.1\nhost: h\n\n" + question + "nonsense\r\n\r\n" + question
    const whole = parsed(text)
    expect(whole).toHaveLength(4)
    fc.assert(
      fc.property(fc.array(fc.nat({ max: text.length }), { maxLength: 12 }), (cuts) => {
        const places = [0, ...cuts.sort((left, right) => left - right), text.length]
        expect(parsed(...places.slice(1).map((to, at) => text.slice(places[at], to)))).toEqual(whole)
      }),
      { numRuns: 1_000 }
    )
  })

  it("never throws, keeps no more than its bound, and is over after the first thing that is wrong", () => {
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.constantFrom(question, "\r\n", "GET ", "HTTP/1.1").map((one) => utf8.encode(one))
    )
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 20 }), (chunks) => {
        const requests = new HttpRequests(bytesMax)
        const all = chunks.flatMap((chunk) => [...requests.take(chunk)])
        expect(all.filter(({ type }) => type === "wrong").length).toBeLessThanOrEqual(1)
        expect(all.slice(0, -1).every(({ type }) => type === "request")).toBe(true)
      }),
      { numRuns: 2_000 }
    )
  })
})

describe("encode", () => {
  it("tells the length in bytes, and leaves the body out for HEAD", () => {
    const answer = { status: 200, type: "text/plain", body: "ä\n" }
    const text = (hasBody: boolean): string => new TextDecoder().decode(encode(answer, { hasBody, keepsAlive: false }))
    const head =
      "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    expect(text(false)).toBe(head)
    expect(text(true)).toBe(`${head}ä\n`)
  })
})
