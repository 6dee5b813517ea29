/** Replies: what a Redis server answers, read from its bytes however they are cut: RESP2, as far as scenarios ask for it. */
import * as Latin1 from "#base/Latin1.ts"

/** A number is an integer; null: there is nothing. */
export type Reply = string | number | null | { readonly error: string } | ReadonlyArray<Reply>

export const isError = (reply: Reply): reply is { readonly error: string } =>
  typeof reply === "object" && reply !== null && "error" in reply

/** Thrown within, when the bytes end before the reply does. */
const short = Symbol("short")

export class Replies {
  private text = ""
  private at = 0

  /** All replies that are whole by now. */
  take(chunk: Uint8Array): ReadonlyArray<Reply> {
    this.text += Latin1.decode(chunk)
    const replies: Array<Reply> = []
    for (;;) {
      const from = this.at
      const reply = this.one()
      if (reply === short) {
        this.text = this.text.slice(from)
        this.at = 0
        return replies
      }
      replies.push(reply)
    }
  }

  private one(): Reply | typeof short {
    const end = this.text.indexOf("\r\n", this.at)
    if (end < 0) return short
    const kind = this.text[this.at]
    const line = this.text.slice(this.at + 1, end)
    this.at = end + 2
    if (kind === "+") return line
    if (kind === "-") return { error: line }
    if (kind === ":") return Number(line)
    const count = Number(line)
    if (count < 0) return null
    return kind === "$" ? this.bulk(count) : this.array(count)
  }

  private bulk(sizeBytes: number): Reply | typeof short {
    if (this.text.length < this.at + sizeBytes + 2) return short
    const bulk = this.text.slice(this.at, this.at + sizeBytes)
    this.at += sizeBytes + 2
    return bulk
  }

  private array(count: number): Reply | typeof short {
    const replies: Array<Reply> = []
    for (let i = 0; i < count; i++) {
      const reply = this.one()
      if (reply === short) return short
      replies.push(reply)
    }
    return replies
  }
}

/** A command as clients send it. */
export const encode = (argv: ReadonlyArray<string>): string =>
  `*${argv.length}\r\n${argv.map((argument) => `$${argument.length}\r\n${argument}\r\n`).join("")}`
