/**
 * GeoSearches: GEOSEARCH, GEORADIUS and their kin: members of a sorted set within a circle or a box, given back or stored. Replies, their
 * order of checks and error texts are those of redis-server 7.0 (geo.c).
 */
import * as Geohash from "#database/redis/Geohash.ts"
import * as Integer64 from "#database/redis/Integer64.ts"
import { SortedSetValue } from "#database/redis/SortedSetValue.ts"
import type { Call, Handler } from "../Call.ts"
import * as Numbers from "../Numbers.ts"
import * as Refusal from "../Refusal.ts"
import * as Geo from "./Geo.ts"
import * as SortedSets from "./SortedSets.ts"

/** What the command is by its name. */
interface Form {
  readonly kind: "radius" | "radiusByMember" | "search" | "searchStore"
  /** GEORADIUS without `_RO`. */
  readonly mayStore: boolean
}

interface Query {
  /** `undefined`: of a member, and the key is not there. */
  center: Geohash.Place | undefined
  centerFrom: "nothing" | "place" | "member"
  /** In meters. */
  extent: { readonly radius: number } | { readonly width: number; readonly height: number } | undefined
  unitMeters: number
  withDistance: boolean
  withHash: boolean
  withPlace: boolean
  order: "none" | "nearest" | "farthest"
  /** 0: all. */
  count: number
  isAny: boolean
  target: string | undefined
  storesDistance: boolean
}

const undecodable = new Refusal.Refusal("ERR could not decode requested zset member")
const noRadius = new Refusal.Refusal("ERR need numeric radius")
const negativeRadius = new Refusal.Refusal("ERR radius cannot be negative")
const noWidth = new Refusal.Refusal("ERR need numeric width")
const noHeight = new Refusal.Refusal("ERR need numeric height")
const negativeBox = new Refusal.Refusal("ERR height or width cannot be negative")
const noCount = new Refusal.Refusal("ERR COUNT must be > 0")
const lonelyAny = new Refusal.Refusal("ERR the ANY argument requires COUNT argument")

const lengthAt = (call: Call, at: number, otherwise: Refusal.Refusal): number => {
  const length = Numbers.parseFloat(call.argv[at])
  if (length === undefined) throw otherwise
  return length
}

const takeRadius = (call: Call, query: Query, at: number): void => {
  const radius = lengthAt(call, at, noRadius)
  if (radius < 0) throw negativeRadius
  query.unitMeters = Geo.unitAt(call, at + 1)
  query.extent = { radius: radius * query.unitMeters }
}

const takeBox = (call: Call, query: Query, at: number): void => {
  const width = lengthAt(call, at, noWidth)
  const height = lengthAt(call, at + 1, noHeight)
  if (width < 0 || height < 0) throw negativeBox
  query.unitMeters = Geo.unitAt(call, at + 2)
  query.extent = { width: width * query.unitMeters, height: height * query.unitMeters }
}

/** Of a key that is not there no member has to be. */
const takeMember = (call: Call, query: Query, value: SortedSetValue | undefined, at: number): void => {
  query.centerFrom = "member"
  if (value === undefined) return
  const score = value.score(call.argv[at])
  if (score === undefined) throw undecodable
  query.center = Geohash.placeOf(score)
}

/** An option that stands alone; false: it is none. */
const takeWord = (query: Query, word: string, form: Form): boolean => {
  if (word === "withdist") query.withDistance = true
  else if (word === "withhash") query.withHash = true
  else if (word === "withcoord") query.withPlace = true
  else if (word === "any") query.isAny = true
  else if (word === "asc") query.order = "nearest"
  else if (word === "desc") query.order = "farthest"
  else if (word === "storedist" && form.kind === "searchStore") query.storesDistance = true
  else return false
  return true
}

/** Where GEOSEARCH looks; returns how many arguments that took, 0: it is something else. */
const takeWhere = (call: Call, query: Query, value: SortedSetValue | undefined, at: number): number => {
  const left = call.argv.length - at - 1
  const { centerFrom, extent } = query
  if (call.is(at, "frommember") && left >= 1 && centerFrom !== "place") {
    takeMember(call, query, value, at + 1)
    return 2
  }
  if (call.is(at, "fromlonlat") && left >= 2 && centerFrom !== "member") {
    query.center = Geo.placeAt(call, at + 1)
    query.centerFrom = "place"
    return 3
  }
  if (call.is(at, "byradius") && left >= 2 && (extent === undefined || "radius" in extent)) {
    takeRadius(call, query, at + 1)
    return 3
  }
  if (call.is(at, "bybox") && left >= 3 && (extent === undefined || "width" in extent)) {
    takeBox(call, query, at + 1)
    return 4
  }
  return 0
}

/** An option with a value; returns how many arguments that took, 0: it is something else. */
const takePair = (call: Call, query: Query, form: Form, at: number): number => {
  if (at + 1 >= call.argv.length) return 0
  if (call.is(at, "count")) {
    query.count = call.integer(at + 1)
    if (query.count <= 0) throw noCount
    return 2
  }
  if (!form.mayStore || !(call.is(at, "store") || call.is(at, "storedist"))) return 0
  query.target = call.argv[at + 1]
  query.storesDistance = call.is(at, "storedist")
  return 2
}

const takeOptions = (call: Call, query: Query, form: Form, value: SortedSetValue | undefined, from: number): void => {
  const isSearch = form.kind === "search" || form.kind === "searchStore"
  let at = from
  while (at < call.argv.length) {
    const taken = takeWord(query, call.argv[at].toLowerCase(), form)
      ? 1
      : takePair(call, query, form, at) || (isSearch ? takeWhere(call, query, value, at) : 0)
    if (taken === 0) throw Refusal.syntax
    at += taken
  }
}

const check = (call: Call, query: Query, form: Form): void => {
  const name = call.argv[0]
  if (query.target !== undefined && (query.withDistance || query.withHash || query.withPlace)) {
    const what = form.kind === "searchStore" ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS"
    throw new Refusal.Refusal(`ERR ${what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options`)
  }
  if (form.kind === "search" || form.kind === "searchStore") {
    if (query.centerFrom === "nothing") {
      throw new Refusal.Refusal(`ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ${name}`)
    }
    if (query.extent === undefined) {
      throw new Refusal.Refusal(`ERR exactly one of BYRADIUS and BYBOX can be specified for ${name}`)
    }
  }
  if (query.isAny && query.count === 0) throw lonelyAny
}

const queryOf = (call: Call, form: Form, value: SortedSetValue | undefined): Query => {
  const { argv } = call
  const query: Query = {
    center: undefined,
    centerFrom: "nothing",
    extent: undefined,
    unitMeters: 1,
    withDistance: false,
    withHash: false,
    withPlace: false,
    order: "none",
    count: 0,
    isAny: false,
    target: form.kind === "searchStore" ? argv[1] : undefined,
    storesDistance: false
  }
  let from = form.kind === "searchStore" ? 3 : 2
  if (form.kind === "radius") {
    query.center = Geo.placeAt(call, 2)
    takeRadius(call, query, 4)
    from = 6
  } else if (form.kind === "radiusByMember") {
    takeMember(call, query, value, 2)
    if (value !== undefined) takeRadius(call, query, 3)
    from = 5
  }
  takeOptions(call, query, form, value, from)
  check(call, query, form)
  // The nearest of all: otherwise a count would choose by chance.
  if (query.count > 0 && query.order === "none" && !query.isAny) query.order = "nearest"
  return query
}

interface Found {
  readonly member: string
  readonly score: number
  readonly place: Geohash.Place
  readonly meters: number
}

/** What is within the shape, in the order of the squares that cover it; `max`: so many are enough, 0: all. */
const search = (value: SortedSetValue, shape: Geohash.Shape, max: number): Array<Found> => {
  const found: Array<Found> = []
  for (const { from, to } of Geohash.rangesOf(shape)) {
    const rank = value.rank((score) => score < from)
    const end = value.rank((score) => score < to)
    value.visit(rank, end - rank, false, (member, score) => {
      if (max > 0 && found.length >= max) return
      const place = Geohash.placeOf(score)
      const meters = Geohash.distanceWithin(shape, place)
      if (meters !== undefined) found.push({ member, score, place, meters })
    })
  }
  return found
}

/** As C makes an integer of a score, which need not be one. */
const asInteger = (score: number): number | bigint => {
  if (Number.isSafeInteger(score)) return score
  const isInRange = score >= -9_223_372_036_854_775_808 && score < 9_223_372_036_854_775_808
  return isInRange ? BigInt(Math.trunc(score)) : Integer64.min
}

const replyFound = (call: Call, query: Query, found: ReadonlyArray<Found>): void => {
  const { out } = call
  const { unitMeters, withDistance, withHash, withPlace } = query
  const extras = Number(withDistance) + Number(withHash) + Number(withPlace)
  out.array(found.length)
  for (const { member, meters, place, score } of found) {
    if (extras > 0) out.array(1 + extras)
    out.bulk(member)
    if (withDistance) Geo.replyDistance(call, meters, unitMeters)
    if (withHash) out.integer(asInteger(score))
    if (withPlace) Geo.replyPlace(call, place)
  }
}

const storeFound = (call: Call, query: Query, target: string, found: ReadonlyArray<Found>, event: string): void => {
  const result = SortedSetValue.result()
  for (const { member, meters, score } of found) {
    result.set(member, query.storesDistance ? meters / query.unitMeters : score)
  }
  SortedSets.store(call, target, result, event)
}

const searchBy =
  (form: Form): Handler =>
  (call) => {
    const value = SortedSets.sortedSetOf(call, call.argv[form.kind === "searchStore" ? 2 : 1])
    const query = queryOf(call, form, value)
    const { center, count, extent, isAny, order, target } = query
    let found: Array<Found> = []
    if (value !== undefined && center !== undefined && extent !== undefined) {
      const shape: Geohash.Shape =
        "radius" in extent ? { type: "circle", center, ...extent } : { type: "box", center, ...extent }
      found = search(value, shape, isAny ? count : 0)
    }
    if (order !== "none") {
      const sign = order === "nearest" ? 1 : -1
      found.sort((left, right) => sign * (left.meters - right.meters))
    }
    if (count > 0) found = found.slice(0, count)
    if (target === undefined) replyFound(call, query, found)
    else storeFound(call, query, target, found, form.kind === "searchStore" ? "geosearchstore" : "georadiusstore")
  }

export const handlers: Readonly<Record<string, Handler>> = {
  georadius: searchBy({ kind: "radius", mayStore: true }),
  georadius_ro: searchBy({ kind: "radius", mayStore: false }),
  georadiusbymember: searchBy({ kind: "radiusByMember", mayStore: true }),
  georadiusbymember_ro: searchBy({ kind: "radiusByMember", mayStore: false }),
  geosearch: searchBy({ kind: "search", mayStore: false }),
  geosearchstore: searchBy({ kind: "searchStore", mayStore: false })
}
