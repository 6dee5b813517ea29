/**
 * Reply: what a Redis server answers, read from bytes of either protocol and written as one line of text, in which two servers'
 * answers are compared and recorded: `+OK`, `-ERR text`, `:1`, `"bulk"`, `nil` (RESP3), `$-1` and `*-1` (RESP2), `,1.5`, `#t`, `(123`,
 * `=txt:"..."`, and `[a b]`, `%{k v}`, `~(a b)`, `>[push ...]` of these. Bytes are latin1 text: a char is a byte.
 */

export type Reply =
  | { readonly kind: "simple" | "error" | "bulk" | "double" | "big" | "integer" | "verbatim"; readonly text: string }
  | { readonly kind: "boolean"; readonly text: "t" | "f" }
  | { readonly kind: "null" | "nullBulk" | "nullArray" }
  | { readonly kind: "array" | "map" | "set" | "push"; readonly items: ReadonlyArray<Reply> }

/** A server's bytes break the protocol. */
export class Malformed extends Error {}

const lineKinds: Readonly<Record<string, "simple" | "error" | "integer" | "double" | "big">> = {
  "+": "simple",
  "-": "error",
  ":": "integer",
  ",": "double",
  "(": "big"
}

const listKinds: Readonly<Record<string, "array" | "map" | "set" | "push">> = {
  "*": "array",
  "%": "map",
  "~": "set",
  ">": "push"
}

/** Reads replies from chunks of any size. */
export class Parser {
  private text = ""
  private at = 0

  push(chunk: string): void {
    this.text = this.at === 0 ? this.text + chunk : this.text.slice(this.at) + chunk
    this.at = 0
  }

  /** The next reply that is there whole. */
  next(): Reply | undefined {
    const from = this.at
    const reply = this.read()
    if (reply === undefined) this.at = from
    return reply
  }

  private line(): string | undefined {
    const end = this.text.indexOf("\r\n", this.at)
    if (end === -1) return undefined
    const line = this.text.slice(this.at, end)
    this.at = end + 2
    return line
  }

  private read(): Reply | undefined {
    const line = this.line()
    if (line === undefined) return undefined
    const mark = line.slice(0, 1)
    const rest = line.slice(1)
    const plain = lineKinds[mark]
    if (plain !== undefined) return { kind: plain, text: rest }
    if (mark === "_") return { kind: "null" }
    if (mark === "#") return { kind: "boolean", text: rest === "t" ? "t" : "f" }
    const count = Number(rest)
    if (!Number.isInteger(count)) throw new Malformed(`a reply begins with ${JSON.stringify(line.slice(0, 40))}`)
    if (mark === "$" || mark === "=" || mark === "!") return this.bulk(mark, count)
    const kind = listKinds[mark]
    if (kind === undefined) throw new Malformed(`a reply begins with ${JSON.stringify(line.slice(0, 40))}`)
    if (count === -1) return { kind: "nullArray" }
    const items: Array<Reply> = []
    for (let left = kind === "map" ? count * 2 : count; left > 0; left--) {
      const item = this.read()
      if (item === undefined) return undefined
      items.push(item)
    }
    return { kind, items }
  }

  private bulk(mark: "$" | "=" | "!", count: number): Reply | undefined {
    if (count === -1) return { kind: "nullBulk" }
    const end = this.at + count
    if (this.text.length < end + 2) return undefined
    const text = this.text.slice(this.at, end)
    this.at = end + 2
    return { kind: mark === "$" ? "bulk" : mark === "=" ? "verbatim" : "error", text }
  }
}

const escapes: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\" }

const escaped = (char: string): string =>
  escapes[char] ?? (char >= " " && char <= "~" ? char : `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`)

/** Text in quotes, printable, as redis-cli takes it. */
export const quote = (text: string): string => `"${Array.from(text, escaped).join("")}"`

const brackets = { array: ["[", "]"], map: ["%{", "}"], set: ["~(", ")"], push: [">[", "]"] } as const

export const render = (reply: Reply): string => {
  switch (reply.kind) {
    case "simple":
      return `+${reply.text}`
    case "error":
      return `-${reply.text}`
    case "integer":
      return `:${reply.text}`
    case "double":
      return `,${reply.text}`
    case "big":
      return `(${reply.text}`
    case "boolean":
      return `#${reply.text}`
    case "bulk":
      return quote(reply.text)
    case "verbatim":
      return `=${quote(reply.text)}`
    case "null":
      return "nil"
    case "nullBulk":
      return "$-1"
    case "nullArray":
      return "*-1"
    default: {
      const [open, close] = brackets[reply.kind]
      return `${open}${reply.items.map(render).join(" ")}${close}`
    }
  }
}

/** A reply as plain values: for tools that read one, not for comparing. */
export const plain = (reply: Reply): unknown =>
  "items" in reply
    ? reply.kind === "map"
      ? Object.fromEntries(
          Array.from({ length: reply.items.length / 2 }, (_, index) => [
            "text" in reply.items[2 * index] ? (reply.items[2 * index] as { text: string }).text : "",
            plain(reply.items[2 * index + 1])
          ])
        )
      : reply.items.map(plain)
    : "text" in reply
      ? reply.kind === "integer"
        ? Number(reply.text)
        : reply.text
      : undefined
