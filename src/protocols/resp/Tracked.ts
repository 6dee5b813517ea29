/** Tracked: what a client that caches keys has chosen to hear of them. */
export interface TrackingOptions {
  /** The id of the client that is told instead; 0: itself. */
  readonly redirect: number
  readonly isBroadcast: boolean
  readonly isOptIn: boolean
  readonly isOptOut: boolean
  /** Not told of what it changes itself. */
  readonly isNoLoop: boolean
}

export interface Tracked extends TrackingOptions {
  readonly prefixes: ReadonlySet<string>
  /** Whom it redirects to is gone. */
  isBroken: boolean
  /** CLIENT CACHING was said, for the next command. */
  isCaching: boolean
}

/** What it reads now is to be remembered. */
export const remembers = ({ isBroadcast, isCaching, isOptIn, isOptOut }: Tracked): boolean =>
  !isBroadcast && (isOptIn ? isCaching : !(isOptOut && isCaching))
