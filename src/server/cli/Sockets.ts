/**
 * Sockets: where a node listens in the file system: for Redis clients on this machine, as redis-server's `unixsocket`, and for its administrator.
 *
 * Of the administrator's no path was chosen by default, so it may be missing where there can be none; one that was chosen may not.
 */
import { resolve } from "node:path"
import type { Place } from "#protocols/resp/Door.ts"
import type { Configuration } from "../Configuration.ts"

/** Of the files' owner alone, who could as well read the data itself. */
const ownersOnly = 0o600

export const of = ({ config, sources }: Configuration): ReadonlyArray<Place> => {
  const { adminSocket, dataDirectory, redisSocket, redisSocketMode } = config
  const at = (path: string) => ({ host: resolve(dataDirectory, path), port: 0 })
  const places: Array<Place> = []
  if (redisSocket !== "") {
    // As redis-server, which takes it from whoever listens there.
    const mode = redisSocketMode === 0 ? undefined : redisSocketMode
    places.push({ ...at(redisSocket), path: { mode, replaces: true } })
  }
  if (adminSocket !== "") {
    const isOptional = sources.adminSocket.origin === "default"
    places.push({ ...at(adminSocket), path: { mode: ownersOnly }, isForAdministrators: true, isOptional })
  }
  return places
}
