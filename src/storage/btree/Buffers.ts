/**
 * Buffers: the bytes of pages that nobody needs any more, to be used again: memory of a page's own costs more than filling it.
 * A page whose bytes were handed out is never given back: views of them may still be there.
 */
import type { Page } from "./Page.ts"

export class Buffers {
  private readonly pageBytes: number
  private readonly countMax: number
  private readonly free: Array<Uint8Array> = []

  constructor(pageBytes: number, bytesMax: number) {
    this.pageBytes = pageBytes
    this.countMax = Math.floor(bytesMax / pageBytes)
  }

  get bytes(): number {
    return this.free.length * this.pageBytes
  }

  /** Nobody refers to the page, or to its bytes. */
  give(page: Page): void {
    if (page.isLent || page.bytes.length !== this.pageBytes || this.free.length >= this.countMax) return
    this.free.push(page.bytes)
  }

  copyOf(bytes: Uint8Array): Uint8Array {
    const free = bytes.length === this.pageBytes ? this.free.pop() : undefined
    if (free === undefined) return bytes.slice()
    free.set(bytes)
    return free
  }

  zeroed(lengthBytes: number): Uint8Array {
    const free = lengthBytes === this.pageBytes ? this.free.pop() : undefined
    return free === undefined ? new Uint8Array(lengthBytes) : free.fill(0)
  }
}
