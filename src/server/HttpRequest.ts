/**
 * HttpRequest: as much of HTTP/1.1 (RFC 9112) as questions without a body need. Pure: bytes in, requests out.
 *
 * Promises: however the bytes are cut, the requests are the same; nothing is kept beyond the limit; anything else than a request is told once,
 * with the status that says what is wrong, and nothing behind it is read.
 */

export interface HttpRequest {
  readonly method: string
  /** Without what stands behind a question mark. */
  readonly path: string
  /** The connection goes on behind it. */
  readonly keepsAlive: boolean
}

export type Parsed =
  | { readonly type: "request"; readonly request: HttpRequest }
  | { readonly type: "wrong"; readonly status: number }

const tokenPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Header names in small letters; of equal ones all values. `undefined`: a line that is none. */
const headersOf = (lines: ReadonlyArray<string>): ReadonlyMap<string, string> | undefined => {
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(":")
    if (colon < 1 || !tokenPattern.test(line.slice(0, colon))) return undefined
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return headers
}

const wrong = (status: number): Parsed => ({ type: "wrong", status })

const parseHead = (head: string): Parsed => {
  const [first, ...rest] = head.split(/\r?\n/)
  const match = /^([A-Z]{1,16}) (\/[^ ]*|\*) HTTP\/(\d)\.(\d)$/.exec(first)
  const headers = headersOf(rest)
  if (match === null || headers === undefined) return wrong(400)
  const [, method, target, major, minor] = match
  if (major !== "1") return wrong(505)
  const isOld = minor === "0"
  if (!isOld && !headers.has("host")) return wrong(400)
  if (headers.has("transfer-encoding") || Number(headers.get("content-length") ?? "0") !== 0) return wrong(413)
  const words = (headers.get("connection") ?? "").toLowerCase().split(/\s*,\s*/)
  const keepsAlive = isOld ? words.includes("keep-alive") : !words.includes("close")
  return { type: "request", request: { method, path: target.split("?", 1)[0], keepsAlive } }
}

const endPattern = /\r?\n\r?\n/

/** The requests of one connection. */
export class HttpRequests {
  private readonly bytesMax: number
  private pending = ""
  private isOver = false

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** What is whole with these bytes, in order. */
  take(bytes: Uint8Array): ReadonlyArray<Parsed> {
    const found: Array<Parsed> = []
    let from = 0
    while (!this.isOver && from < bytes.length) {
      const to = Math.min(bytes.length, from + this.bytesMax)
      for (let at = from; at < to; at++) this.pending += String.fromCharCode(bytes[at])
      from = to
      this.cut(found)
    }
    return found
  }

  private cut(found: Array<Parsed>): void {
    for (;;) {
      // Empty lines in front of a request are for the lenient.
      this.pending = this.pending.replace(/^(\r?\n)+/, "")
      const end = endPattern.exec(this.pending)
      const sizeBytes = end === null ? this.pending.length : end.index
      if (sizeBytes > this.bytesMax) return this.stop(found, 431)
      if (end === null) return
      const parsed = parseHead(this.pending.slice(0, end.index))
      this.pending = this.pending.slice(end.index + end[0].length)
      if (parsed.type === "wrong") return this.stop(found, parsed.status)
      found.push(parsed)
      if (!parsed.request.keepsAlive) {
        this.isOver = true
        this.pending = ""
        return
      }
    }
  }

  private stop(found: Array<Parsed>, status: number): void {
    this.isOver = true
    this.pending = ""
    found.push(wrong(status))
  }
}

const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  413: "Content Too Large",
  431: "Request Header Fields Too Large",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported"
}

export interface HttpAnswer {
  readonly status: number
  readonly type: string
  readonly body: string
}

const encoder = new TextEncoder()

/** The bytes of an answer; `hasBody`: not to HEAD. */
export const encode = (
  { body, status, type }: HttpAnswer,
  { hasBody, keepsAlive }: { readonly hasBody: boolean; readonly keepsAlive: boolean }
): Uint8Array => {
  const content = encoder.encode(body)
  const head = encoder.encode(
    [
      `HTTP/1.1 ${status} ${reasons[status] ?? "Error"}`,
      `Content-Type: ${type}`,
      `Content-Length: ${content.length}`,
      "Cache-Control: no-store",
      ...(status === 405 ? ["Allow: GET, HEAD"] : []),
      ...(keepsAlive ? [] : ["Connection: close"]),
      "\r\n"
    ].join("\r\n")
  )
  const bytes = new Uint8Array(head.length + (hasBody ? content.length : 0))
  bytes.set(head, 0)
  if (hasBody) bytes.set(content, head.length)
  return bytes
}
