/**
 * ServerSettings: what of the configuration concerns clients. Defaults are those of redis.conf 7.0, but where they have no bound; a running
 * server changes them by CONFIG SET.
 */

/** At `hardBytes` of output that waits a client is broken off, at `softBytes` when it stays so for `softSeconds`; 0: no limit. */
export interface OutputLimit {
  hardBytes: number
  softBytes: number
  softSeconds: number
}

export interface ServerSettings {
  clientsMax: number
  /** A client that is silent so long is broken off; 0: never. */
  idleSeconds: number
  /** Without a password only this machine's own clients are served. */
  isProtected: boolean
  requestBytesMax: number
  /** For clients that do not listen to channels. They are not read from, either, while much waits. */
  outputLimit: OutputLimit
  pubsubOutputLimit: OutputLimit
}

export const defaults: ServerSettings = {
  clientsMax: 10_000,
  idleSeconds: 0,
  isProtected: true,
  requestBytesMax: 1_073_741_824,
  outputLimit: { hardBytes: 0, softBytes: 0, softSeconds: 0 },
  pubsubOutputLimit: { hardBytes: 32 * 1_048_576, softBytes: 8 * 1_048_576, softSeconds: 60 }
}
