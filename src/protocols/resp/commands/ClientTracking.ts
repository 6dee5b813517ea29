/** ClientTracking: CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO: what a client that caches keys wants to hear of them. */
import type { Call, Handler } from "../Call.ts"
import { Refusal, syntax } from "../Refusal.ts"
import type { Tracked, TrackingOptions } from "../Tracked.ts"

interface Wanted {
  options: TrackingOptions
  prefixes: Array<string>
}

const optionsOf = (call: Call): Wanted => {
  const { argv, server } = call
  const prefixes: Array<string> = []
  let redirect = 0
  let [isBroadcast, isOptIn, isOptOut, isNoLoop] = [false, false, false, false]
  for (let at = 3; at < argv.length; at++) {
    const hasMore = at + 1 < argv.length
    if (call.is(at, "redirect") && hasMore) {
      if (redirect !== 0) throw new Refusal("ERR A client can only redirect to a single other client")
      redirect = call.integer(++at)
      // Other nodes are here for clients of their own.
      if (server.clients.get(redirect)?.isRelayed !== false)
        throw new Refusal("ERR The client ID you want redirect to does not exist")
    } else if (call.is(at, "bcast")) isBroadcast = true
    else if (call.is(at, "optin")) isOptIn = true
    else if (call.is(at, "optout")) isOptOut = true
    else if (call.is(at, "noloop")) isNoLoop = true
    else if (call.is(at, "prefix") && hasMore) prefixes.push(argv[++at])
    else throw syntax
  }
  return { options: { redirect, isBroadcast, isOptIn, isOptOut, isNoLoop }, prefixes }
}

const overlap = (left: string, right: string): boolean => left.startsWith(right) || right.startsWith(left)

const checkPrefixes = (prefixes: ReadonlyArray<string>, existing: ReadonlySet<string>): void => {
  for (const [at, prefix] of prefixes.entries()) {
    for (const other of existing) {
      if (!overlap(prefix, other)) continue
      throw new Refusal(
        `ERR Prefix '${prefix}' overlaps with an existing prefix '${other}'. Prefixes for a single client must not overlap.`
      )
    }
    for (const other of prefixes.slice(at + 1)) {
      if (!overlap(prefix, other)) continue
      throw new Refusal(
        `ERR Prefix '${prefix}' overlaps with another provided prefix '${other}'. Prefixes for a single client must not overlap.`
      )
    }
  }
}

const anew = "before disabling tracking for this client, and then re-enabling it with a different mode."

const check = ({ options, prefixes }: Wanted, tracked: Tracked | undefined): void => {
  const { isBroadcast, isOptIn, isOptOut } = options
  if (!isBroadcast && prefixes.length > 0) throw new Refusal("ERR PREFIX option requires BCAST mode to be enabled")
  if (tracked !== undefined && tracked.isBroadcast !== isBroadcast) {
    throw new Refusal(`ERR You can't switch BCAST mode on/off ${anew}`)
  }
  if (isBroadcast && (isOptIn || isOptOut)) throw new Refusal("ERR OPTIN and OPTOUT are not compatible with BCAST")
  if (isOptIn && isOptOut) throw new Refusal("ERR You can't specify both OPTIN mode and OPTOUT mode")
  if (tracked !== undefined && ((isOptIn && tracked.isOptOut) || (isOptOut && tracked.isOptIn))) {
    throw new Refusal(`ERR You can't switch OPTIN/OPTOUT mode ${anew}`)
  }
  if (isBroadcast) checkPrefixes(prefixes, tracked?.prefixes ?? new Set())
}

const tracking: Handler = (call) => {
  const { client, out, server } = call
  const wanted = optionsOf(call)
  if (call.is(2, "on")) {
    check(wanted, client.tracking)
    server.tracking.enable(client, wanted.options, wanted.prefixes)
  } else if (call.is(2, "off")) server.tracking.disable(client)
  else throw syntax
  out.ok()
}

const caching: Handler = (call) => {
  const { client, out } = call
  const tracked = client.tracking
  if (tracked === undefined) {
    throw new Refusal(
      "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
    )
  }
  if (call.is(2, "yes")) {
    if (!tracked.isOptIn) {
      throw new Refusal("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
    }
  } else if (call.is(2, "no")) {
    if (!tracked.isOptOut) {
      throw new Refusal("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
    }
  } else throw syntax
  tracked.isCaching = true
  out.ok()
}

const flagsOf = (tracked: Tracked): ReadonlyArray<string> =>
  [
    "on",
    tracked.isBroadcast ? "bcast" : "",
    tracked.isOptIn ? "optin" : "",
    tracked.isOptIn && tracked.isCaching ? "caching-yes" : "",
    tracked.isOptOut ? "optout" : "",
    tracked.isOptOut && tracked.isCaching ? "caching-no" : "",
    tracked.isNoLoop ? "noloop" : "",
    tracked.isBroken ? "broken_redirect" : ""
  ].filter((flag) => flag !== "")

const trackingInfo: Handler = ({ client, out }) => {
  const tracked = client.tracking
  const flags = tracked === undefined ? ["off"] : flagsOf(tracked)
  out.map(3)
  out.bulk("flags")
  out.set(flags.length)
  for (const flag of flags) out.bulk(flag)
  out.bulk("redirect")
  out.integer(tracked === undefined ? -1 : tracked.redirect)
  out.bulk("prefixes")
  out.bulks([...(tracked?.prefixes ?? [])])
}

export const handlers: Readonly<Record<string, Handler>> = {
  "client|caching": caching,
  "client|getredir": ({ client, out }) => out.integer(client.tracking?.redirect ?? -1),
  "client|tracking": tracking,
  "client|trackinginfo": trackingInfo
}
