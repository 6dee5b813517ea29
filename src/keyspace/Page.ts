/** Page: what a scan answers: entries in its order, until a bound is met. */
import * as Bytes from "#base/Bytes.ts"
import * as Keys from "#storage/Keys.ts"
import type { Item } from "./Reading.ts"
import type { Entry, Request } from "./Request.ts"

export class Page {
  readonly entries: Array<Entry> = []
  /** Where the next one begins (when reverse: up to, without, it); undefined: nothing is left. */
  resume: Uint8Array | undefined
  private readonly request: Request & { readonly type: "scan" }
  private sizeBytes = 0

  constructor(request: Request & { readonly type: "scan" }) {
    this.request = request
  }

  /** False: it is full. */
  readonly visit = ({ key, seen }: Pick<Item, "key" | "seen">): boolean => {
    const { entriesMax, reverse, sizeBytesMax } = this.request
    if (seen?.value === undefined) return true
    if (this.entries.length >= entriesMax || this.sizeBytes >= sizeBytesMax) {
      this.resume = reverse ? Keys.after(key) : key
      return false
    }
    this.entries.push({ key, value: Bytes.copy(seen.value), at: seen.at })
    this.sizeBytes += key.length + seen.value.length
    return true
  }
}
