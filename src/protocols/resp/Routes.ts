/** Routes: where a command is to be run: at the one place that answers for all of its keys, if there is one. */
import type { Peer, Place, Shards } from "#database/redis/Shards.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import type { Errand } from "./Client.ts"
import * as CommandKeys from "./CommandKeys.ts"
import { type Command, Flag } from "./CommandTable.ts"
import * as Cursors from "./Cursors.ts"

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
const ofScan = (shards: Shards, cursor: string): Place => {
  const from = Cursors.parse(cursor)
  return from === undefined ? "here" : shards.placeOf(Cursors.ofSlots(from).slot)
}

/** Undefined: it has no keys. Allocates nothing where the place of keys among the arguments is fixed. */
export const ofCommand = (shards: Shards, command: Command, argv: ReadonlyArray<string>): Route | undefined => {
  let route: Route | undefined
  if ((command.flags & Flag.movablekeys) !== 0) {
    for (const at of CommandKeys.places(command, argv)) route = joined(route, ofKey(shards, argv[at]))
    return route
  }
  const { firstKey, keyStep, lastKey } = command
  if (firstKey === 0) return command.name === "scan" ? ofScan(shards, argv[1]) : undefined
  const last = lastKey < 0 ? argv.length + lastKey : Math.min(lastKey, argv.length - 1)
  for (let at = firstKey; at <= last; at += keyStep) route = joined(route, ofKey(shards, argv[at]))
  return route
}

/** Streams are read without waiting unless that is asked for; and nobody waits in a MULTI. */
export const mayBlock = ({ argv, command, multi }: Errand): boolean => {
  if ((command.flags & Flag.blocking) === 0 || multi !== undefined) return false
  if (command.name !== "xread" && command.name !== "xreadgroup") return true
  const words = argv.map((argument) => argument.toLowerCase())
  const block = words.indexOf("block")
  return block > 0 && block < words.indexOf("streams")
}
