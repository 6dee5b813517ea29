/** The simulator's side of BUGGIFY: which sites are active in a run, and when an active one fires. */
import type { Streams } from "#sim/kernel/Stream.ts"

interface Site {
  readonly active: boolean
  readonly visit: () => boolean
}

/** A site takes part in one run of four, and an active one fires at one visit of eight. */
const activeOneIn = 4
const firesOneIn = 8

export const buggified = (
  streams: Streams,
  enabled: boolean,
  fired: (site: string) => void
): ((site: string) => boolean) => {
  if (!enabled) return () => false
  const sites = new Map<string, Site>()
  return (name) => {
    let site = sites.get(name)
    if (site === undefined) {
      const stream = streams.get(`buggify/${name}`)
      site = { active: stream.chance(1, activeOneIn), visit: () => stream.chance(1, firesOneIn) }
      sites.set(name, site)
    }
    if (!site.active || !site.visit()) return false
    fired(name)
    return true
  }
}
