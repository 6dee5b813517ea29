/**
 * Geo: places as members of sorted sets. Replies, their order of checks and error texts are those of redis-server 7.0 (geo.c); its searches
 * are in `GeoSearches`.
 */
import * as Geohash from "#database/redis/Geohash.ts"
import type { Call, Handler } from "../Call.ts"
import * as Refusal from "../Refusal.ts"
import * as SortedSets from "./SortedSets.ts"

const unknownUnit = new Refusal.Refusal("ERR unsupported unit provided. please use M, KM, FT, MI")

const units: ReadonlyMap<string, number> = new Map([
  ["m", 1],
  ["km", 1_000],
  ["ft", 0.3048],
  ["mi", 1_609.34]
])

/** Meters of the unit that the argument names. */
export const unitAt = (call: Call, at: number): number => {
  const meters = units.get(call.argv[at].toLowerCase())
  if (meters === undefined) throw unknownUnit
  return meters
}

/** As C prints `%f`. */
const sixDecimals = (value: number): string => {
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf"
  return Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`
}

/** The longitude and the latitude that begin at an argument. */
export const placeAt = (call: Call, at: number): Geohash.Place => {
  const place = { longitude: call.float(at), latitude: call.float(at + 1) }
  if (Geohash.isOnMap(place)) return place
  const shown = `${sixDecimals(place.longitude)},${sixDecimals(place.latitude)}`
  throw new Refusal.Refusal(`ERR invalid longitude,latitude pair ${shown}`)
}

/** A length as GEODIST gives it. */
export const replyDistance = (call: Call, meters: number, unitMeters: number): void =>
  call.out.bulk((meters / unitMeters).toFixed(4))

const trailingZeros = /\.?0+$/

/** A longitude and a latitude, with the decimals that they have. */
export const replyPlace = (call: Call, { latitude, longitude }: Geohash.Place): void => {
  const { out } = call
  out.array(2)
  for (const degrees of [longitude, latitude]) {
    const text = degrees.toFixed(17).replace(trailingZeros, "")
    if (out.protocol === 2) out.bulk(text)
    else out.raw(`,${text}\r\n`)
  }
}

const geoadd: Handler = (call) => {
  const { argv } = call
  let from = 2
  let onlyIfMissing = false
  let onlyIfPresent = false
  let countsChanges = false
  for (; from < argv.length; from++) {
    if (call.is(from, "nx")) onlyIfMissing = true
    else if (call.is(from, "xx")) onlyIfPresent = true
    else if (call.is(from, "ch")) countsChanges = true
    else break
  }
  if ((argv.length - from) % 3 !== 0 || (onlyIfMissing && onlyIfPresent) || from === argv.length) throw Refusal.syntax
  const scores: Array<number> = []
  const members: Array<string> = []
  for (let i = from; i < argv.length; i += 3) {
    scores.push(Geohash.scoreOf(placeAt(call, i)))
    members.push(argv[i + 2])
  }
  SortedSets.add(call, members, scores, { ...SortedSets.plain, onlyIfMissing, onlyIfPresent, countsChanges })
}

const geodist: Handler = (call) => {
  const { argv, out } = call
  const unitMeters = argv.length === 5 ? unitAt(call, 4) : 1
  if (argv.length > 5) throw Refusal.syntax
  const value = SortedSets.sortedSetOf(call, argv[1])
  const from = value?.score(argv[2])
  const to = value?.score(argv[3])
  if (from === undefined || to === undefined) return out.null()
  replyDistance(call, Geohash.distance(Geohash.placeOf(from), Geohash.placeOf(to)), unitMeters)
}

const eachPlace =
  (reply: (call: Call, place: Geohash.Place | undefined) => void): Handler =>
  (call) => {
    const { argv } = call
    const value = SortedSets.sortedSetOf(call, argv[1])
    call.out.array(argv.length - 2)
    for (let i = 2; i < argv.length; i++) {
      const score = value?.score(argv[i])
      reply(call, score === undefined ? undefined : Geohash.placeOf(score))
    }
  }

export const handlers: Readonly<Record<string, Handler>> = {
  geoadd,
  geodist,
  geohash: eachPlace((call, place) => {
    if (place === undefined) call.out.null()
    else call.out.bulk(Geohash.textOf(place))
  }),
  geopos: eachPlace((call, place) => {
    if (place === undefined) call.out.nullArray()
    else replyPlace(call, place)
  })
}
