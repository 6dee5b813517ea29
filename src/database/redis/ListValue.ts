/**
 * ListValue: a list of Redis. Its items lie in chunks of a few dozen, the chunks in blocks of a few hundred, so both ends cost O(1), and a place
 * in a list of a million is some hundred steps away. A chunk is what is stored, under a number that is between those of its neighbours; a change
 * writes the chunks that it touched and no other.
 *
 * Stored: a chunk under its number (`Packed.ordered`), its items one behind the other, each behind its length.
 */
import { assert } from "#base/Assert.ts"
import * as Footprint from "./Footprint.ts"
import * as Packed from "./Packed.ts"
import type { ElementSink, Value } from "./Value.ts"

/** A chunk is rewritten when one item of it changes: these bound what that costs. An item that is larger has a chunk of its own. */
const chunkItemsMax = 64
const chunkBytesMax = 4_096
/** Two neighbours that together fill less than this part of a chunk become one. */
const mergedItemsMax = chunkItemsMax / 2
const mergedBytesMax = chunkBytesMax / 2
const blockChunksMax = 256

/** Numbers of chunks: a push puts the next one a step beyond, which leaves room for thirty splits at one place, and four million steps. */
const firstNumber = 4_503_599_627_370_496
const numberStep = 1_073_741_824
const numberMax = Number.MAX_SAFE_INTEGER
/** After numbers are spread there is room for ten splits between any two of them. */
const spreadGapMin = 1_024

interface Chunk {
  number: number
  items: Array<string>
  /** Of all items. */
  bytes: number
  /** Something is stored under its number. */
  isStored: boolean
  isDirty: boolean
}

interface Block {
  chunks: Array<Chunk>
  /** Items of all chunks. */
  size: number
}

const chunkOf = (number: number, items: Array<string>): Chunk => {
  let bytes = 0
  for (const item of items) bytes += item.length
  return { number, items, bytes, isStored: false, isDirty: false }
}

export type End = "left" | "right"

export class ListValue implements Value {
  readonly type = "list"
  readonly encoding = "quicklist"
  size = 0
  /** Of all items. */
  private bytes = 0
  private blocks: Array<Block> = []
  /** Chunks to be written; undefined as long as nothing was. */
  private dirty: Array<Chunk> | undefined
  /** Numbers of chunks that are stored and gone. */
  private removed: Set<number> | undefined
  // Where `locate` has found an item.
  private blockAt = 0
  private chunkAt = 0
  private itemAt = 0

  get heldBytes(): number {
    return Footprint.fixedBytes.list + this.size * (Footprint.elementBytes.list + Footprint.ofText(0) + 4) + this.bytes
  }

  push(end: End, item: string): void {
    if (end === "left") this.pushLeft(item)
    else this.pushRight(item)
  }

  pop(end: End): string | undefined {
    if (this.size === 0) return undefined
    const blockAt = end === "left" ? 0 : this.blocks.length - 1
    const { chunks } = this.blocks[blockAt]
    const chunkAt = end === "left" ? 0 : chunks.length - 1
    const chunk = chunks[chunkAt]
    const item = end === "left" ? chunk.items.shift()! : chunk.items.pop()!
    this.grown(this.blocks[blockAt], chunk, -1, -item.length)
    if (chunk.items.length === 0) this.dropChunk(blockAt, chunkAt)
    return item
  }

  /** Undefined: there is no such place. */
  at(index: number): string | undefined {
    if (index < 0 || index >= this.size) return undefined
    this.locate(index)
    return this.blocks[this.blockAt].chunks[this.chunkAt].items[this.itemAt]
  }

  set(index: number, item: string): void {
    this.locate(index)
    const block = this.blocks[this.blockAt]
    const chunk = block.chunks[this.chunkAt]
    const change = item.length - chunk.items[this.itemAt].length
    chunk.items[this.itemAt] = item
    this.grown(block, chunk, 0, change)
    this.splitIfLarge(this.blockAt, this.chunkAt)
  }

  /** The item gets this place, those from there on move up by one. */
  insert(index: number, item: string): void {
    if (index === 0) return this.pushLeft(item)
    if (index === this.size) return this.pushRight(item)
    this.locate(index)
    const block = this.blocks[this.blockAt]
    const chunk = block.chunks[this.chunkAt]
    chunk.items.splice(this.itemAt, 0, item)
    this.grown(block, chunk, 1, item.length)
    this.splitIfLarge(this.blockAt, this.chunkAt)
  }

  removeRange(from: number, count: number): void {
    let left = Math.min(count, this.size - from)
    while (left > 0) {
      this.locate(from)
      const { blockAt, chunkAt } = this
      const block = this.blocks[blockAt]
      const chunk = block.chunks[chunkAt]
      const taken = Math.min(left, chunk.items.length - this.itemAt)
      let bytes = 0
      for (const item of chunk.items.splice(this.itemAt, taken)) bytes += item.length
      this.grown(block, chunk, -taken, -bytes)
      if (chunk.items.length === 0) this.dropChunk(blockAt, chunkAt)
      else this.mergeIfSmall(blockAt, chunkAt)
      left -= taken
    }
  }

  /** Removes at most `max` items that are equal to this one, from that end on; returns how many. */
  removeEqual(item: string, max: number, from: End): number {
    let removed = 0
    const step = from === "left" ? 1 : -1
    let blockAt = from === "left" ? 0 : this.blocks.length - 1
    while (removed < max && blockAt >= 0 && blockAt < this.blocks.length) {
      const block = this.blocks[blockAt]
      let chunkAt = from === "left" ? 0 : block.chunks.length - 1
      while (removed < max && chunkAt >= 0 && chunkAt < block.chunks.length) {
        const chunk = block.chunks[chunkAt]
        const taken = removeFrom(chunk.items, item, max - removed, from)
        removed += taken
        if (taken > 0) this.grown(block, chunk, -taken, -taken * item.length)
        if (chunk.items.length > 0) chunkAt += step
        else {
          this.dropChunk(blockAt, chunkAt)
          if (from === "right") chunkAt -= 1
        }
      }
      if (block.chunks.length > 0 || from === "right") blockAt += step
    }
    if (removed > 0) this.mergeAll()
    return removed
  }

  /** Visits the items of [from, to) upwards until `visit` answers false. */
  each(from: number, to: number, visit: (item: string, index: number) => boolean | void): void {
    if (from >= to) return
    this.locate(from)
    let { blockAt, chunkAt, itemAt } = this
    let index = from
    while (index < to) {
      const { items } = this.blocks[blockAt].chunks[chunkAt]
      const end = Math.min(items.length, itemAt + to - index)
      while (itemAt < end) if (visit(items[itemAt++], index++) === false) return
      itemAt = 0
      if (++chunkAt < this.blocks[blockAt].chunks.length) continue
      chunkAt = 0
      blockAt += 1
    }
  }

  /** Visits the items from `from` down to the first until `visit` answers false. */
  eachDown(from: number, visit: (item: string, index: number) => boolean | void): void {
    if (from < 0) return
    this.locate(from)
    let { blockAt, chunkAt, itemAt } = this
    let index = from
    for (;;) {
      const { items } = this.blocks[blockAt].chunks[chunkAt]
      while (itemAt >= 0) if (visit(items[itemAt--], index--) === false) return
      if (--chunkAt < 0) {
        if (--blockAt < 0) return
        chunkAt = this.blocks[blockAt].chunks.length - 1
      }
      itemAt = this.blocks[blockAt].chunks[chunkAt].items.length - 1
    }
  }

  /** The first place from the left that holds this; -1: none does. */
  indexOf(item: string): number {
    let found = -1
    this.each(0, this.size, (other, index) => {
      if (other === item) found = index
      return found === -1
    })
    return found
  }

  head(): string {
    return ""
  }

  persist(sink: ElementSink, whole: boolean): void {
    if (whole || this.dirty === undefined) {
      for (const { chunks } of this.blocks) for (const chunk of chunks) store(sink, chunk)
    } else {
      const { removed } = this
      if (removed !== undefined) {
        for (const chunk of this.dirty) if (chunk.items.length > 0) removed.delete(chunk.number)
        for (const number of removed) sink.remove(Packed.ordered(number))
      }
      for (const chunk of this.dirty) if (chunk.items.length > 0) store(sink, chunk)
    }
    this.dirty = []
    this.removed = undefined
  }

  clone(): ListValue {
    const copy = new ListValue()
    copy.size = this.size
    copy.bytes = this.bytes
    copy.blocks = this.blocks.map(({ chunks, size }) => ({
      size,
      chunks: chunks.map(({ number, items }) => chunkOf(number, [...items]))
    }))
    return copy
  }

  /** Chunks in their order, as they were stored. */
  static load(this: void, _head: string, elements: Iterable<readonly [sub: string, bytes: string]>): ListValue {
    const list = new ListValue()
    list.dirty = []
    for (const [sub, bytes] of elements) {
      const items: Array<string> = []
      const reader = new Packed.Reader(bytes)
      while (!reader.isDone) items.push(reader.text())
      const chunk = chunkOf(new Packed.Reader(sub).ordered(), items)
      chunk.isStored = true
      let block = list.blocks.at(-1)
      if (block === undefined || block.chunks.length >= blockChunksMax) {
        block = { chunks: [], size: 0 }
        list.blocks.push(block)
      }
      block.chunks.push(chunk)
      block.size += items.length
      list.size += items.length
      list.bytes += chunk.bytes
    }
    return list
  }

  private pushRight(item: string): void {
    const { blocks } = this
    let block = blocks[blocks.length - 1]
    const chunk = block?.chunks[block.chunks.length - 1]
    if (chunk !== undefined && !isFull(chunk, item)) {
      chunk.items.push(item)
      return this.grown(block, chunk, 1, item.length)
    }
    // Literals take what they hold; an array that was pushed to takes much more, and most lists are short.
    const made: Chunk = { number: firstNumber, items: [item], bytes: 0, isStored: false, isDirty: false }
    if (block === undefined) this.blocks = [(block = { chunks: [made], size: 0 })]
    else if (block.chunks.length < blockChunksMax) block.chunks.push(made)
    else blocks.push((block = { chunks: [made], size: 0 }))
    if (chunk !== undefined) made.number = chunk.number + numberStep
    if (made.number > numberMax) this.spread()
    this.grown(block, made, 1, item.length)
  }

  private pushLeft(item: string): void {
    if (this.blocks.length === 0) return this.pushRight(item)
    let [block] = this.blocks
    let [chunk] = block.chunks
    if (isFull(chunk, item)) {
      const number = chunk.number - numberStep
      if (block.chunks.length >= blockChunksMax) {
        block = { chunks: [], size: 0 }
        this.blocks.unshift(block)
      }
      chunk = chunkOf(number, [])
      block.chunks.unshift(chunk)
      if (number < 0) this.spread()
    }
    chunk.items.unshift(item)
    this.grown(block, chunk, 1, item.length)
  }

  private grown(block: Block, chunk: Chunk, items: number, bytes: number): void {
    this.size += items
    block.size += items
    chunk.bytes += bytes
    this.bytes += bytes
    this.touch(chunk)
  }

  private touch(chunk: Chunk): void {
    if (chunk.isDirty || this.dirty === undefined) return
    chunk.isDirty = true
    this.dirty.push(chunk)
  }

  /** What is stored under the number is not there any more. */
  private forget(number: number): void {
    if (this.removed === undefined) this.removed = new Set([number])
    else this.removed.add(number)
  }

  /** Finds an item from the nearer end. */
  private locate(index: number): void {
    assert(index >= 0 && index < this.size, "an item that is looked for is in its list")
    const { blocks } = this
    let rest = index
    let blockAt = 0
    if (index * 2 < this.size) while (rest >= blocks[blockAt].size) rest -= blocks[blockAt++].size
    else {
      blockAt = blocks.length - 1
      rest = index - (this.size - blocks[blockAt].size)
      while (rest < 0) rest += blocks[--blockAt].size
    }
    const { chunks, size } = blocks[blockAt]
    let chunkAt = 0
    if (rest * 2 < size) while (rest >= chunks[chunkAt].items.length) rest -= chunks[chunkAt++].items.length
    else {
      chunkAt = chunks.length - 1
      rest -= size - chunks[chunkAt].items.length
      while (rest < 0) rest += chunks[--chunkAt].items.length
    }
    this.blockAt = blockAt
    this.chunkAt = chunkAt
    this.itemAt = rest
  }

  private dropChunk(blockAt: number, chunkAt: number): void {
    const { chunks } = this.blocks[blockAt]
    const chunk = chunks[chunkAt]
    chunk.items = []
    if (chunk.isStored) this.forget(chunk.number)
    if (chunkAt === 0) chunks.shift()
    else chunks.splice(chunkAt, 1)
    if (chunks.length === 0) this.blocks.splice(blockAt, 1)
  }

  private splitIfLarge(blockAt: number, chunkAt: number): void {
    const block = this.blocks[blockAt]
    const chunk = block.chunks[chunkAt]
    const { items } = chunk
    if (items.length < 2 || (items.length <= chunkItemsMax && chunk.bytes <= chunkBytesMax)) return
    const upper = chunkOf(chunk.number, items.splice(items.length >>> 1))
    chunk.bytes -= upper.bytes
    block.chunks.splice(chunkAt + 1, 0, upper)
    this.touch(chunk)
    this.touch(upper)
    const after = block.chunks[chunkAt + 2] ?? this.blocks[blockAt + 1]?.chunks[0]
    const end = after === undefined ? chunk.number + 2 * numberStep : after.number
    upper.number = chunk.number + Math.floor((end - chunk.number) / 2)
    if (upper.number === chunk.number || upper.number > numberMax) this.spreadFrom(blockAt, chunkAt)
    if (block.chunks.length > blockChunksMax) this.splitBlock(blockAt)
  }

  private splitBlock(blockAt: number): void {
    const block = this.blocks[blockAt]
    const chunks = block.chunks.splice(block.chunks.length >>> 1)
    let size = 0
    for (const { items } of chunks) size += items.length
    block.size -= size
    this.blocks.splice(blockAt + 1, 0, { chunks, size })
  }

  /** Joins a chunk and the next of its block if both are small. */
  private mergeIfSmall(blockAt: number, chunkAt: number): boolean {
    const { chunks } = this.blocks[blockAt]
    const chunk = chunks[chunkAt]
    const next = chunks[chunkAt + 1]
    if (next === undefined || chunk.items.length + next.items.length > mergedItemsMax) return false
    if (chunk.bytes + next.bytes > mergedBytesMax) return false
    for (const item of next.items) chunk.items.push(item)
    chunk.bytes += next.bytes
    this.touch(chunk)
    this.dropChunk(blockAt, chunkAt + 1)
    return true
  }

  private mergeAll(): void {
    for (let blockAt = 0; blockAt < this.blocks.length; blockAt++) {
      let chunkAt = 0
      while (chunkAt < this.blocks[blockAt].chunks.length) if (!this.mergeIfSmall(blockAt, chunkAt)) chunkAt += 1
    }
  }

  /** Makes room between the numbers of a chunk and the next: takes in more and more of those after it until they lie far enough apart. */
  private spreadFrom(blockAt: number, chunkAt: number): void {
    const { chunks } = this.blocks[blockAt]
    for (let count = 8; chunkAt + count < chunks.length; count *= 2) {
      const gap = Math.floor((chunks[chunkAt + count].number - chunks[chunkAt].number) / count)
      if (gap < spreadGapMin) continue
      for (let i = 1; i < count; i++) this.renumber(chunks[chunkAt + i], chunks[chunkAt].number + i * gap)
      return
    }
    this.spread()
  }

  /** Numbers all chunks anew. */
  private spread(): void {
    let count = 0
    for (const { chunks } of this.blocks) count += chunks.length
    const first = firstNumber - Math.floor(count / 2) * numberStep
    let i = 0
    for (const { chunks } of this.blocks) for (const chunk of chunks) this.renumber(chunk, first + i++ * numberStep)
  }

  private renumber(chunk: Chunk, number: number): void {
    if (chunk.number === number) return
    if (chunk.isStored) this.forget(chunk.number)
    chunk.isStored = false
    chunk.number = number
    this.touch(chunk)
  }
}

const isFull = (chunk: Chunk, item: string): boolean =>
  chunk.items.length >= chunkItemsMax || (chunk.items.length > 0 && chunk.bytes + item.length > chunkBytesMax)

const store = (sink: ElementSink, chunk: Chunk): void => {
  let bytes = ""
  for (const item of chunk.items) bytes += Packed.text(item)
  sink.put(Packed.ordered(chunk.number), bytes)
  chunk.isStored = true
  chunk.isDirty = false
}

/** Removes at most `max` items equal to this one from an array, from that end on. */
const removeFrom = (items: Array<string>, item: string, max: number, from: End): number => {
  if (!items.includes(item)) return 0
  let taken = 0
  if (from === "left") {
    let kept = 0
    for (const other of items) {
      if (taken < max && other === item) taken += 1
      else items[kept++] = other
    }
    items.length = kept
    return taken
  }
  for (let i = items.length - 1; i >= 0 && taken < max; i--) {
    if (items[i] !== item) continue
    items.splice(i, 1)
    taken += 1
  }
  return taken
}
