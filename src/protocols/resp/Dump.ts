/**
 * Dump: values in the form of Redis's DUMP and RESTORE: a byte for the type and form, the value, the version of the format (10, that of Redis 7.0),
 * and CRC-64 of all that. What is written is what redis-server 7.0.15 writes, byte for byte where the order of a hash table is not in it;
 * what is read is everything that it reads, the forms of older servers included, but for values of modules.
 *
 * Source: rdb.c, listpack.c, ziplist.c, t_stream.c of Redis 7.0.
 */
import { crc64 } from "#database/redis/Crc64.ts"
import { HashValue } from "#database/redis/HashValue.ts"
import * as Listpack from "#database/redis/Listpack.ts"
import { ListValue } from "#database/redis/ListValue.ts"
import { Input, Output } from "#database/redis/RdbBytes.ts"
import type { Settings } from "#database/redis/Settings.ts"
import { SetValue } from "#database/redis/SetValue.ts"
import { SortedSetValue } from "#database/redis/SortedSetValue.ts"
import { StreamValue } from "#database/redis/StreamValue.ts"
import { StringValue, contentOf, textOf } from "#database/redis/StringValue.ts"
import type { Content } from "#database/redis/Value.ts"
import * as Ziplist from "#database/redis/Ziplist.ts"
import * as Doubles from "./Doubles.ts"
import * as DumpStream from "./DumpStream.ts"
import * as Numbers from "./Numbers.ts"

const version = 10
const footerBytes = 10

/** The first byte. */
const forms = {
  string: 0,
  list: 1,
  set: 2,
  zsetTexts: 3,
  hash: 4,
  zset: 5,
  hashZipmap: 9,
  listZiplist: 10,
  setIntegers: 11,
  zsetZiplist: 12,
  hashZiplist: 13,
  listZiplists: 14,
  streamOld: 15,
  hashListpack: 16,
  zsetListpack: 17,
  listListpacks: 18,
  stream: 19
} as const

/** Of a node of a list: one large item as it is, or a listpack. */
const plainNode = 1
const packedNode = 2

/** What Redis reckons an item takes beside its bytes. */
const itemBytes = 8
/** Of a node, where its number of items is limited. */
const safeNodeBytesMax = 8_192

const nodeLimits = (size: number): { readonly itemsMax: number; readonly bytesMax: number } =>
  size >= 0
    ? { itemsMax: Math.max(size, 1), bytesMax: safeNodeBytesMax }
    : { itemsMax: Infinity, bytesMax: 4_096 << (Math.min(-size, 5) - 1) }

const writeList = (out: Output, list: ListValue, settings: Settings): void => {
  const { bytesMax, itemsMax } = nodeLimits(settings.listMaxListpackSize)
  const nodes: Array<Listpack.Writer> = []
  let items = 0
  let node: Listpack.Writer | undefined
  list.each(0, list.size, (item) => {
    if (node === undefined || items === itemsMax || node.sizeBytes + item.length + itemBytes > bytesMax) {
      node = new Listpack.Writer()
      nodes.push(node)
      items = 0
    }
    node.text(item)
    items++
  })
  out.u8(forms.listListpacks)
  out.length(nodes.length)
  for (const each of nodes) {
    out.length(packedNode)
    out.blob(each.finish())
  }
}

const writeSet = (out: Output, set: SetValue): void => {
  if (set.encoding === "intset") {
    out.u8(forms.setIntegers)
    return out.blob(Ziplist.encodeIntegers(set.list()))
  }
  out.u8(forms.set)
  out.length(set.size)
  for (const member of set.list()) out.text(member)
}

const writeSortedSet = (out: Output, set: SortedSetValue): void => {
  if (set.encoding === "listpack") {
    const pack = new Listpack.Writer()
    set.visit(0, set.size, false, (member, score) => {
      pack.text(member)
      // Zero has no sign there.
      pack.text(score === 0 ? "0" : Doubles.format(score))
    })
    out.u8(forms.zsetListpack)
    return out.blob(pack.finish())
  }
  out.u8(forms.zset)
  out.length(set.size)
  set.visit(set.size - 1, set.size, true, (member, score) => {
    out.text(member)
    out.f64(score)
  })
}

const writeHash = (out: Output, hash: HashValue): void => {
  if (hash.encoding === "listpack") {
    const pack = new Listpack.Writer()
    for (const [field, text] of hash.fields) {
      pack.text(field)
      pack.text(text)
    }
    out.u8(forms.hashListpack)
    return out.blob(pack.finish())
  }
  out.u8(forms.hash)
  out.length(hash.size)
  for (const [field, text] of hash.fields) {
    out.text(field)
    out.text(text)
  }
}

/** A value as DUMP gives it. */
export const write = (content: Content, settings: Settings): Uint8Array => {
  const out = new Output()
  if (content instanceof ListValue) writeList(out, content, settings)
  else if (content instanceof SetValue) writeSet(out, content)
  else if (content instanceof SortedSetValue) writeSortedSet(out, content)
  else if (content instanceof HashValue) writeHash(out, content)
  else if (content instanceof StreamValue) {
    out.u8(forms.stream)
    DumpStream.write(out, content)
  } else {
    out.u8(forms.string)
    // Longer ones are no integers, which are written otherwise.
    if (content instanceof StringValue && content.size > 20) out.blob(content.bytes)
    else out.text(textOf(content))
  }
  out.small(version, 2)
  out.raw(crc64(out.finish()))
  return out.finish()
}

/** Its version is one that is known here, and its checksum fits. */
export const isIntact = (payload: Uint8Array): boolean => {
  const at = payload.length - footerBytes
  if (at < 0 || (payload[at] | (payload[at + 1] << 8)) > version) return false
  return crc64(payload, 0, at + 2).every((byte, i) => byte === payload[at + 2 + i])
}

const texts = function* (input: Input, count: number): Generator<string> {
  for (let left = count; left > 0 && input.isWhole; left--) yield input.text()
}

/** The texts that a string of bytes packs. */
const unpacked = (input: Input, decode: (bytes: Uint8Array) => Array<string> | undefined): ReadonlyArray<string> => {
  const found = decode(input.blob())
  if (found === undefined) input.refuse()
  return found ?? []
}

const listOf = (items: Iterable<string>): ListValue => {
  const list = new ListValue()
  for (const item of items) list.push("right", item)
  return list
}

const readNodes = (input: Input, isOld: boolean): ListValue => {
  const list = new ListValue()
  for (let left = input.length(); left > 0 && input.isWhole; left--) {
    const kind = isOld ? packedNode : input.length()
    if (kind !== plainNode && kind !== packedNode) input.refuse()
    if (kind === plainNode) list.push("right", input.text())
    else for (const item of unpacked(input, isOld ? Ziplist.decode : Listpack.decode)) list.push("right", item)
  }
  return list
}

const setOf = (input: Input, members: Iterable<string>, { setMaxIntsetEntries }: Settings): SetValue => {
  const set = new SetValue()
  for (const member of members) if (!set.add(member)) input.refuse()
  set.settle(setMaxIntsetEntries)
  return set
}

/** Of names and values in turn. */
const hashOf = (input: Input, all: ReadonlyArray<string>, settings: Settings): HashValue => {
  const hash = new HashValue()
  for (let i = 0; i + 1 < all.length; i += 2) if (!hash.set(all[i], all[i + 1])) input.refuse()
  if (all.length % 2 !== 0) input.refuse()
  hash.settle(settings.hashMaxListpackEntries, settings.hashMaxListpackValueBytes)
  return hash
}

const sortedSetOf = (
  input: Input,
  members: Iterable<readonly [member: string, score: number | undefined]>,
  settings: Settings
): SortedSetValue => {
  const set = new SortedSetValue()
  for (const [member, score] of members) {
    if (score === undefined || Number.isNaN(score) || !set.set(member, score)) input.refuse()
  }
  set.settle(settings.zsetMaxListpackEntries, settings.zsetMaxListpackValueBytes)
  return set
}

/** A score as Redis wrote it before 4.0: a text behind a byte of length; three lengths stand for what is no number of digits. */
const readScoreText = (input: Input): number | undefined => {
  const length = input.u8()
  if (length === 253) return NaN
  if (length === 254) return Infinity
  return length === 255 ? -Infinity : Numbers.parseFloat(input.chars(length))
}

const scored = function* (input: Input, isOld: boolean): Generator<readonly [string, number | undefined]> {
  for (let left = input.length(); left > 0 && input.isWhole; left--) {
    const member = input.text()
    yield [member, isOld ? readScoreText(input) : input.f64()]
  }
}

const pairs = function* (all: ReadonlyArray<string>): Generator<readonly [string, number | undefined]> {
  for (let i = 0; i < all.length; i += 2) yield [all[i], Numbers.parseFloat(all[i + 1] ?? "")]
}

const readSortedSet = (input: Input, form: number, settings: Settings): SortedSetValue => {
  if (form === forms.zset || form === forms.zsetTexts) {
    return sortedSetOf(input, scored(input, form === forms.zsetTexts), settings)
  }
  const decode = form === forms.zsetListpack ? Listpack.decode : Ziplist.decode
  return sortedSetOf(input, pairs(unpacked(input, decode)), settings)
}

const readHash = (input: Input, form: number, settings: Settings): HashValue => {
  if (form === forms.hash) return hashOf(input, [...texts(input, 2 * input.length())], settings)
  const decode =
    form === forms.hashListpack ? Listpack.decode : form === forms.hashZiplist ? Ziplist.decode : Ziplist.decodeMap
  return hashOf(input, unpacked(input, decode), settings)
}

const readContent = (input: Input, settings: Settings): Content => {
  const form = input.u8()
  switch (form) {
    case forms.string:
      return contentOf(input.text())
    case forms.list:
      return listOf(texts(input, input.length()))
    case forms.listZiplist:
      return listOf(unpacked(input, Ziplist.decode))
    case forms.listZiplists:
    case forms.listListpacks:
      return readNodes(input, form === forms.listZiplists)
    case forms.set:
      return setOf(input, texts(input, input.length()), settings)
    case forms.setIntegers:
      return setOf(input, unpacked(input, Ziplist.decodeIntegers), settings)
    case forms.zset:
    case forms.zsetTexts:
    case forms.zsetListpack:
    case forms.zsetZiplist:
      return readSortedSet(input, form, settings)
    case forms.hash:
    case forms.hashZipmap:
    case forms.hashZiplist:
    case forms.hashListpack:
      return readHash(input, form, settings)
    case forms.stream:
    case forms.streamOld:
      return DumpStream.read(input, settings, form === forms.streamOld)
    default:
      input.refuse()
      return ""
  }
}

/** The value of an intact payload; `undefined`: it is none. */
export const read = (payload: Uint8Array, settings: Settings): Content | undefined => {
  const input = new Input(payload, 0, payload.length - footerBytes)
  const content = readContent(input, settings)
  // What may follow is not looked at, as in Redis.
  if (!input.isWhole) return undefined
  const isEmpty =
    typeof content === "object" && content.type !== "string" && content.type !== "stream" && content.size === 0
  return isEmpty ? undefined : content
}
