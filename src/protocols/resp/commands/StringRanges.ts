/** StringRanges: parts of strings: APPEND, STRLEN, GETRANGE, SETRANGE, LCS. A string that is written in place is a `StringValue` from then on. */
import { classes } from "#database/redis/Engine.ts"
import type { Entry } from "#database/redis/Entry.ts"
import { StringValue, contentOf, sizeOf, textOf } from "#database/redis/StringValue.ts"
import { type Content, typeOf } from "#database/redis/Value.ts"
import type { Call, Handler } from "../Call.ts"
import * as Refusal from "../Refusal.ts"

const checkSize = (call: Call, sizeBytes: number): void => {
  if (sizeBytes > call.engine.settings.protoMaxBulkBytes) {
    throw new Refusal.Refusal("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
  }
}

const append: Handler = (call) => {
  const [, key, text] = call.argv
  const entry = call.changeOf(key, "string")
  if (entry === undefined) {
    call.db.add(key, contentOf(text))
    call.notify(classes.string, "append", key)
    return call.out.integer(text.length)
  }
  checkSize(call, sizeOf(entry.content) + text.length)
  const value = StringValue.of(entry.content)
  value.write(value.size, text)
  entry.content = value
  call.db.touched(entry)
  call.notify(classes.string, "append", key)
  call.out.integer(value.size)
}

const strlen: Handler = (call) => {
  const entry = call.readOf(call.argv[1], "string")
  call.out.integer(entry === undefined ? 0 : sizeOf(entry.content))
}

const getrange: Handler = (call) => {
  let from = call.integer(2)
  let to = call.integer(3)
  const entry = call.readOf(call.argv[1], "string")
  if (entry === undefined || (from < 0 && to < 0 && from > to)) return call.out.bulk("")
  const { content } = entry
  const size = sizeOf(content)
  if (from < 0) from = Math.max(0, size + from)
  if (to < 0) to = Math.max(0, size + to)
  to = Math.min(to, size - 1)
  if (from > to) return call.out.bulk("")
  if (content instanceof StringValue) call.out.blob(content.bytes.subarray(from, to + 1))
  else call.out.bulk(textOf(content).slice(from, to + 1))
}

const setrange: Handler = (call) => {
  const [, key, , text] = call.argv
  const offset = call.integer(2)
  if (offset < 0) throw new Refusal.Refusal("ERR offset is out of range")
  const entry = call.changeOf(key, "string")
  if (text === "") return call.out.integer(entry === undefined ? 0 : sizeOf(entry.content))
  checkSize(call, offset + text.length)
  const value = StringValue.of(entry?.content)
  value.write(offset, text)
  if (entry === undefined) call.db.add(key, value)
  else {
    entry.content = value
    call.db.touched(entry)
  }
  call.notify(classes.string, "setrange", key)
  call.out.integer(value.size)
}

interface LcsOptions {
  readonly givesLength: boolean
  readonly givesRanges: boolean
  readonly lengthMin: number
  readonly givesMatchLength: boolean
}

const lcsOptions = (call: Call): LcsOptions => {
  let givesLength = false
  let givesRanges = false
  let givesMatchLength = false
  let lengthMin = 0
  for (let i = 3; i < call.argv.length; i++) {
    if (call.is(i, "idx")) givesRanges = true
    else if (call.is(i, "len")) givesLength = true
    else if (call.is(i, "withmatchlen")) givesMatchLength = true
    else if (call.is(i, "minmatchlen") && i + 1 < call.argv.length) lengthMin = Math.max(0, call.integer(++i))
    else throw Refusal.syntax
  }
  if (givesLength && givesRanges) {
    throw new Refusal.Refusal("ERR If you want both the length and indexes, please just use IDX.")
  }
  return { givesLength, givesRanges, givesMatchLength, lengthMin }
}

const lcsContent = (entry: Entry | undefined): Content => {
  const content = entry?.content ?? ""
  if (typeOf(content) !== "string") throw new Refusal.Refusal("ERR The specified keys must contain string values")
  return content
}

const checkLcsSize = (call: Call, a: Content, b: Content): void => {
  if ((sizeOf(a) + 1) * (sizeOf(b) + 1) * 4 > call.engine.settings.protoMaxBulkBytes) {
    throw new Refusal.Refusal("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
  }
}

/** Lengths of the longest common subsequences of all pairs of beginnings, row by row. */
const lcsTable = (a: string, b: string): Uint32Array => {
  const width = b.length + 1
  const table = new Uint32Array((a.length + 1) * width)
  for (let i = 1; i <= a.length; i++) {
    const code = a.charCodeAt(i - 1)
    for (let j = 1; j <= b.length; j++) {
      const at = i * width + j
      if (code === b.charCodeAt(j - 1)) table[at] = table[at - width - 1] + 1
      else table[at] = Math.max(table[at - width], table[at - 1])
    }
  }
  return table
}

/** A stretch that both have: first and last places in each. */
interface Match {
  aFrom: number
  readonly aTo: number
  bFrom: number
  readonly bTo: number
}

/** The subsequence, and the stretches that it is made of, from behind. */
const walk = (table: Uint32Array, a: string, b: string): { readonly text: string; readonly matches: Array<Match> } => {
  const width = b.length + 1
  const matches: Array<Match> = []
  const chars: Array<string> = []
  let open: Match | undefined
  let i = a.length
  let j = b.length
  while (i > 0 && j > 0) {
    if (a[i - 1] === b[j - 1]) {
      i--
      j--
      chars.push(a[i])
      if (open !== undefined && open.aFrom === i + 1 && open.bFrom === j + 1) {
        open.aFrom = i
        open.bFrom = j
      } else matches.push((open = { aFrom: i, aTo: i, bFrom: j, bTo: j }))
    } else if (table[(i - 1) * width + j] > table[i * width + j - 1]) i--
    else j--
  }
  return { text: chars.reverse().join(""), matches }
}

const lcs: Handler = (call) => {
  const { argv, out } = call
  const contentA = lcsContent(call.read(argv[1]))
  const contentB = lcsContent(call.read(argv[2]))
  const { givesLength, givesMatchLength, givesRanges, lengthMin } = lcsOptions(call)
  checkLcsSize(call, contentA, contentB)
  const a = textOf(contentA)
  const b = textOf(contentB)
  const table = lcsTable(a, b)
  const length = table[table.length - 1]
  if (givesLength) return out.integer(length)
  const { matches, text } = walk(table, a, b)
  if (!givesRanges) return out.bulk(text)
  const given = matches.filter(({ aFrom, aTo }) => lengthMin === 0 || aTo - aFrom + 1 >= lengthMin)
  out.map(2)
  out.bulk("matches")
  out.array(given.length)
  for (const { aFrom, aTo, bFrom, bTo } of given) {
    out.array(givesMatchLength ? 3 : 2)
    for (const [from, to] of [
      [aFrom, aTo],
      [bFrom, bTo]
    ]) {
      out.array(2)
      out.integer(from)
      out.integer(to)
    }
    if (givesMatchLength) out.integer(aTo - aFrom + 1)
  }
  out.bulk("len")
  out.integer(length)
}

export const handlers: Readonly<Record<string, Handler>> = {
  append,
  getrange,
  lcs,
  setrange,
  strlen,
  substr: getrange
}
