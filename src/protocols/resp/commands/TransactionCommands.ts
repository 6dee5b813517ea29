/** TransactionCommands: MULTI, EXEC, DISCARD, WATCH, UNWATCH. */
import type { Handler } from "../Call.ts"
import { Refusal } from "../Refusal.ts"
import * as Watches from "../Watches.ts"

const nestedWatch = new Refusal("ERR WATCH inside MULTI is not allowed")

const multi: Handler = ({ client, out }) => {
  if (client.multi !== undefined) throw new Refusal("ERR MULTI calls can not be nested")
  client.multi = { queue: [], isAborted: false, takesMemory: false, sizeBytes: 0 }
  out.ok()
}

const exec: Handler = (call) => {
  const { client, engine, out, server } = call
  const { multi: collected, watched } = client
  if (collected === undefined) throw new Refusal("ERR EXEC without MULTI")
  const isBroken = watched.some((each) => Watches.hasChanged(engine, each))
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

/** Keys that other nodes have are watched there (`Dispatch`). */
const watch: Handler = ({ argv, client, engine, out }) => {
  if (client.multi !== undefined) throw nestedWatch
  Watches.add(engine, client, { keys: argv.slice(1), node: undefined })
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
