/** Routes: where a command is to be run: at the one place that answers for all of its keys, if there is one. */
import type { Peer, Place, Shards } from "#database/redis/Shards.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import type { Errand } from "./Client.ts"
import * as CommandKeys from "./CommandKeys.ts"
import { type Command, Flag } from "./CommandTable.ts"
import * as Cursors from "./Cursors.ts"
import * as Resuming from "./Resuming.ts"

/** `apart`: the keys are at several places. */
export type Route = Place | "apart"

/** A route that leads to another node. */
export const isPeer = (route: Route | undefined): route is Peer => typeof route === "object"

/** What holds of one key holds of all: they wait, or are refused, together. */
const prevailing = ["held", "loading", "nowhere", "apart"] as const

/** The route of keys that lead to both places; undefined: there were none before. */
export const joined = (route: Route | undefined, place: Route): Route => {
  if (route === undefined || route === place) return place
  if (isPeer(route) && isPeer(place) && route.node === place.node) return route
  for (const each of prevailing) if (route === each || place === each) return each
  return "apart"
}

export const ofKey = (shards: Shards, key: string): Place => shards.placeOf(SpacesRedis.slotOfText(key))

/** A scan is run where the slot is that it has come to. What is wrong is told in the words of who scans here. */
export const ofScan = (shards: Shards, cursor: string): Place => {
  const from = Cursors.parse(cursor)
  return from === undefined ? "here" : shards.placeOf(Cursors.ofSlots(from).slot)
}

/** Subcommands of DEBUG that look at a key, which is not among those that COMMAND tells of. */
const looks = new Set(["object", "listpack", "htstats-key"])

/** The word with which SORT reads keys that only what it sorts tells, so that nobody knows where they are; undefined: it does not. */
export const sortsBy = ({ name }: Command, argv: ReadonlyArray<string>): "BY" | "GET" | undefined => {
  if (name !== "sort" && name !== "sort_ro") return undefined
  for (let at = 2; at + 1 < argv.length; at++) {
    const word = argv[at].toUpperCase()
    if ((word === "BY" || word === "GET") && argv[at + 1].includes("*")) return word
  }
  return undefined
}

/** Undefined: it has no keys. Allocates nothing where the place of keys among the arguments is fixed. */
export const ofCommand = (shards: Shards, command: Command, argv: ReadonlyArray<string>): Route | undefined => {
  let route: Route | undefined
  if ((command.flags & Flag.movablekeys) !== 0) {
    for (const at of CommandKeys.places(command, argv)) route = joined(route, ofKey(shards, argv[at]))
    const isKnown = (route !== "here" && !isPeer(route)) || sortsBy(command, argv) === undefined
    return isKnown ? route : shards.owners.length > 0 ? "apart" : shards.whole
  }
  const { firstKey, keyStep, lastKey, name } = command
  if (name === "debug" && argv.length === 3 && looks.has(argv[1].toLowerCase())) return ofKey(shards, argv[2])
  if (firstKey === 0) return undefined
  const last = lastKey < 0 ? argv.length + lastKey : Math.min(lastKey, argv.length - 1)
  for (let at = firstKey; at <= last; at += keyStep) route = joined(route, ofKey(shards, argv[at]))
  return route
}

/** Streams are read without waiting unless that is asked for; and nobody waits in a MULTI. */
export const mayBlock = ({ argv, command, multi }: Errand): boolean => {
  if ((command.flags & Flag.blocking) === 0 || multi !== undefined) return false
  return (command.name !== "xread" && command.name !== "xreadgroup") || Resuming.blockAt(argv) > 0
}
