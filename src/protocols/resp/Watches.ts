/**
 * Watches: which keys a client watches. A key is remembered with the version of what it held: it has changed when another version is there, or none, which
 * costs nobody anything before EXEC asks. Of a key that another node has, that node remembers the same; here it is known which node that is.
 */
import type { Engine } from "#database/redis/Engine.ts"
import type { Client, Watched } from "./Client.ts"

/** Of a key that is taken for changed, whatever is there: no version of anything. */
const lost = -1

/** The version of what a key holds; 0: nothing. */
export const versionOf = (engine: Engine, database: number, key: string): number =>
  engine.databases[database].peek(key)?.version ?? 0

export const hasChanged = (engine: Engine, { database, key, version }: Watched): boolean =>
  version === lost || versionOf(engine, database, key) !== version

/** From now on the client watches these keys. `node`: who has them; undefined: this node. */
export const add = (
  engine: Engine,
  client: Client,
  { keys, node }: { readonly keys: ReadonlyArray<string>; readonly node: number | undefined }
): void => {
  const { database, watched } = client
  for (const key of keys) {
    if (watched.some((each) => each.database === database && each.key === key)) continue
    watched.push({ database, key, node, version: node === undefined ? versionOf(engine, database, key) : 0 })
  }
}

/** Nobody knows any more whether it has changed: EXEC is told that it has. */
export const lose = (watched: Watched): void => {
  watched.version = lost
}

export const isLost = ({ version }: Watched): boolean => version === lost
