/**
 * TransactionCommands: MULTI, EXEC, DISCARD, WATCH, UNWATCH. A watched key is remembered with the version of what it held: it has changed when another version
 * is there, or none, which costs nobody anything before EXEC asks.
 */
import type { Call, Handler } from "../Call.ts"
import type { Watched } from "../Client.ts"
import { Refusal } from "../Refusal.ts"

/** The version of what a key holds; 0: nothing. */
const versionOf = ({ engine }: Call, database: number, key: string): number =>
  engine.databases[database].peek(key)?.version ?? 0

const hasChanged = (call: Call, { database, key, version }: Watched): boolean =>
  versionOf(call, database, key) !== version

const multi: Handler = ({ client, out }) => {
  if (client.multi !== undefined) throw new Refusal("ERR MULTI calls can not be nested")
  client.multi = { queue: [], isAborted: false, takesMemory: false, sizeBytes: 0 }
  out.ok()
}

const exec: Handler = (call) => {
  const { client, out, server } = call
  const { multi: collected, watched } = client
  if (collected === undefined) throw new Refusal("ERR EXEC without MULTI")
  const isBroken = watched.some((each) => hasChanged(call, each))
  client.multi = undefined
  client.watched = []
  if (collected.isAborted) throw new Refusal("EXECABORT Transaction discarded because of previous errors.")
  if (isBroken) return out.nullArray()
  out.array(collected.queue.length)
  server.runQueued(client, collected.queue)
}

const discard: Handler = ({ client, out }) => {
  if (client.multi === undefined) throw new Refusal("ERR DISCARD without MULTI")
  client.multi = undefined
  client.watched = []
  out.ok()
}

const watch: Handler = (call) => {
  const { argv, client, out } = call
  if (client.multi !== undefined) throw new Refusal("ERR WATCH inside MULTI is not allowed")
  const { database } = client
  for (const key of argv.slice(1)) {
    if (client.watched.some((each) => each.database === database && each.key === key)) continue
    client.watched.push({ database, key, version: versionOf(call, database, key) })
  }
  out.ok()
}

export const handlers: Readonly<Record<string, Handler>> = {
  discard,
  exec,
  multi,
  unwatch: ({ client, out }) => {
    client.watched = []
    out.ok()
  },
  watch
}
