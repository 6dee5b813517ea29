/** Sorting: SORT and SORT_RO, as redis-server 7.0 has them (sort.c); texts are compared by their bytes, as in the C locale. */
import * as Limits from "#base/Limits.ts"
import { classes } from "#database/redis/Engine.ts"
import { HashValue } from "#database/redis/HashValue.ts"
import { ListValue } from "#database/redis/ListValue.ts"
import { SetValue } from "#database/redis/SetValue.ts"
import { SortedSetValue } from "#database/redis/SortedSetValue.ts"
import { sizeOf, textOf } from "#database/redis/StringValue.ts"
import { type Content, typeOf } from "#database/redis/Value.ts"
import type { Call, Handler } from "../Call.ts"
import * as CommandTable from "../CommandTable.ts"
import * as Numbers from "../Numbers.ts"
import * as Refusal from "../Refusal.ts"

const tooLong = new Refusal.Refusal("ERR string exceeds maximum allowed size (proto-max-bulk-len)")

interface Options {
  isDescending: boolean
  isAlpha: boolean
  offset: number
  /** Below zero: all. */
  count: number
  target: string | undefined
  by: string | undefined
  gets: Array<string>
}

/** What keys BY and GET look at only the elements tell. */
const checkAccess = ({ argv, client }: Call, isReadOnly: boolean, option: string): void => {
  const command = CommandTable.commands.get(isReadOnly ? "sort_ro" : "sort")!
  if (client.user.isUnlimited || client.user.mayReadAll(command, argv)) return
  throw new Refusal.Refusal(`ERR ${option} option of SORT denied due to insufficient ACL permissions.`)
}

const optionsOf = (call: Call, isReadOnly: boolean): Options => {
  const { argv } = call
  const options: Options = {
    isDescending: false,
    isAlpha: false,
    offset: 0,
    count: -1,
    target: undefined,
    by: undefined,
    gets: []
  }
  for (let i = 2; i < argv.length; i++) {
    const left = argv.length - i - 1
    if (call.is(i, "asc")) options.isDescending = false
    else if (call.is(i, "desc")) options.isDescending = true
    else if (call.is(i, "alpha")) options.isAlpha = true
    else if (call.is(i, "limit") && left >= 2) {
      options.offset = call.integer(++i)
      options.count = call.integer(++i)
    } else if (!isReadOnly && call.is(i, "store") && left >= 1) options.target = argv[++i]
    else if (call.is(i, "by") && left >= 1) {
      options.by = argv[++i]
      if (options.by.includes("*")) checkAccess(call, isReadOnly, "BY")
    } else if (call.is(i, "get") && left >= 1) {
      checkAccess(call, isReadOnly, "GET")
      options.gets.push(argv[++i])
    } else throw Refusal.syntax
  }
  return options
}

/** What a pattern says of an element: a key with the element in place of `*`, or a field of a hash behind `->`. */
const lookUp = ({ db, server }: Call, pattern: string, element: string): string | undefined => {
  if (pattern === "#") return element
  const star = pattern.indexOf("*")
  if (star === -1) return undefined
  const arrow = pattern.indexOf("->", star + 1)
  const hasField = arrow !== -1 && arrow + 2 < pattern.length
  const key = pattern.slice(0, star) + element + pattern.slice(star + 1, hasField ? arrow : undefined)
  server.sought(key)
  const content = db.get(key)?.content
  if (content === undefined) return undefined
  if (hasField) return content instanceof HashValue ? content.get(pattern.slice(arrow + 2)) : undefined
  if (typeOf(content) !== "string") return undefined
  if (sizeOf(content) > Limits.textBytesMax) throw tooLong
  return textOf(content)
}

/** The elements from `from` on, `count` of them, in their own order or, `isReverse`, from the other end. */
const elementsOf = (content: Content, from: number, count: number, isReverse: boolean): Array<string> => {
  const elements: Array<string> = []
  const take = (element: string): boolean => elements.push(element) < count
  if (count <= 0) return elements
  if (content instanceof SetValue) return content.list()
  if (content instanceof SortedSetValue) {
    // Redis sorts no listpack: it is none from now on.
    content.isSmall = false
    content.visit(isReverse ? content.size - 1 - from : from, count, isReverse, (member) => void take(member))
  } else if (content instanceof ListValue) {
    if (isReverse) content.eachDown(content.size - 1 - from, take)
    else content.each(from, from + count, (item) => void take(item))
  }
  return elements
}

interface Item {
  readonly element: string
  readonly score: number
  readonly text: string | undefined
}

/** `strtod` takes spaces before a number, nothing as zero, and does not look beyond a zero byte. */
const scoreOf = (text: string): number => {
  const end = text.indexOf("\0")
  const seen = end === -1 ? text : text.slice(0, end)
  const trimmed = seen.replace(/^[\t-\r ]+/, "")
  const score = trimmed === "" ? 0 : Numbers.parseFloat(trimmed)
  if (score === undefined || (seen !== "" && trimmed === "")) {
    throw new Refusal.Refusal("ERR One or more scores can't be converted into double")
  }
  return score
}

const itemOf = (call: Call, element: string, { by, isAlpha }: Options): Item => {
  const text = by === undefined ? element : lookUp(call, by, element)
  return { element, score: isAlpha || text === undefined ? 0 : scoreOf(text), text }
}

const compareTexts = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

const compare = (left: Item, right: Item, isAlpha: boolean): number => {
  if (!isAlpha) return left.score - right.score || compareTexts(left.element, right.element)
  if (left.text === undefined || right.text === undefined) {
    return left.text === right.text ? 0 : left.text === undefined ? -1 : 1
  }
  return compareTexts(left.text, right.text)
}

const sorted = (call: Call, elements: ReadonlyArray<string>, options: Options): Array<string> => {
  const sign = options.isDescending ? -1 : 1
  return elements
    .map((element) => itemOf(call, element, options))
    .sort((left, right) => sign * compare(left, right, options.isAlpha))
    .map(({ element }) => element)
}

/** The elements that are asked for, in the order that is asked for. */
const ordered = (call: Call, content: Content, size: number, options: Options): Array<string> => {
  const from = Math.min(Math.max(options.offset, 0), size)
  const count = Math.min(options.count < 0 ? size : options.count, size - from)
  const keepsOrder = options.by !== undefined && !options.by.includes("*")
  if (keepsOrder && !(content instanceof SetValue)) return elementsOf(content, from, count, options.isDescending)
  const elements = elementsOf(content, 0, size, false)
  // A set has no order to keep: what is stored of it is sorted, so that it is the same everywhere.
  if (keepsOrder && options.target === undefined) return elements.slice(from, from + count)
  const by = keepsOrder ? undefined : options.by
  const isAlpha = keepsOrder || options.isAlpha
  return sorted(call, elements, { ...options, by, isAlpha }).slice(from, from + count)
}

const reply = (call: Call, values: ReadonlyArray<string | undefined>): void => {
  call.out.array(values.length)
  for (const value of values) {
    if (value === undefined) call.out.null()
    else call.out.bulk(value)
  }
}

const store = (call: Call, target: string, values: ReadonlyArray<string | undefined>): void => {
  if (values.length > 0) {
    const list = new ListValue()
    for (const value of values) list.push("right", value ?? "")
    call.db.set(target, list)
    call.notify(classes.list, "sortstore", target)
  } else if (call.db.delete(target)) call.notify(classes.generic, "del", target)
  call.out.integer(values.length)
}

const sort =
  (isReadOnly: boolean): Handler =>
  (call) => {
    const { argv, db } = call
    const options = optionsOf(call, isReadOnly)
    const content = isReadOnly ? call.read(argv[1])?.content : db.peek(argv[1])?.content
    const type = content === undefined ? "list" : typeOf(content)
    if (type !== "list" && type !== "set" && type !== "zset") throw Refusal.wrongType
    const size = typeof content === "object" ? content.size : 0
    const elements = content === undefined ? [] : ordered(call, content, size, options)
    const { gets, target } = options
    const values = gets.length === 0 ? elements : elements.flatMap((each) => gets.map((get) => lookUp(call, get, each)))
    if (target === undefined) reply(call, values)
    else store(call, target, values)
  }

export const handlers: Readonly<Record<string, Handler>> = { sort: sort(false), sort_ro: sort(true) }
