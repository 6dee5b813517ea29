/**
 * Partakings: what one node asks another in the name of a client whose command has keys at both (`Crossing`): to hold them still and tell what they
 * hold, and, when that is known, what has become of the command. Nobody else is understood who says it.
 *
 *   CLIENT PARTAKE WAIT key ...     node, epoch, stream, number, generation, whether a watched key has changed (1), then of each key that is there:
 *                                   name, database, when it expires, version, payload
 *   CLIENT PARTAKE NOW key ...      the same, or an error where another command holds some of them
 *   CLIENT CONCLUDE STORED record key ...   the record is stored; the client has read the keys, and wants to be told of them (`Tracking`)
 *   CLIENT CONCLUDE UNSTORED key ...        it is not, and never will be
 *   CLIENT AWAIT key version ...    replies when one of the keys has another version (`Awaiting`)
 *   CLIENT EMPTY FLUSHALL ...       the same as FLUSHALL or FLUSHDB, of its own keys (`Survey`)
 *   CLIENT LOOK                     other nodes have slots than before (`Shards`)
 *   CLIENT RELAY channel message    a message for its clients; with a further word, to a shard channel (`Messengers`)
 */
import type { End, Request } from "#database/redis/Partaking.ts"
import * as Awaiting from "../Awaiting.ts"
import type { Call, Handler } from "../Call.ts"
import type { Client } from "../Client.ts"
import * as Departure from "../Departure.ts"
import * as Latin1 from "#base/Latin1.ts"
import { Refusal, syntax } from "../Refusal.ts"
import * as Routes from "../Routes.ts"
import * as Sample from "../Sample.ts"
import * as Slots from "../Slots.ts"
import * as Survey from "../Survey.ts"
import * as Watches from "../Watches.ts"

/** Its reply comes later. Returns what is to be called when it is written. */
const wait = ({ argv, client, engine, server }: Call): (() => void) => {
  const waiter = { database: client.database, keys: [], takes: undefined, serve: () => false }
  client.blocked = { argv, waiter, until: 0, isBusy: true, timedOut: () => {}, finished: () => {} }
  engine.blocking.wait(waiter)
  return () => {
    if (client.blocked?.waiter !== waiter) return
    engine.blocking.leave(waiter)
    client.blocked.finished(false)
    client.blocked = undefined
    server.current = undefined
    client.port?.unblocked()
  }
}

const check = ({ argv, client }: Call): void => {
  if (!client.isRelayed) throw new Refusal(`ERR unknown subcommand '${argv[1].slice(0, 128)}'. Try CLIENT HELP.`)
}

/** From now on its client is part of what the node has promised. */
const promise = (client: Client, end: End): void => {
  client.promise = {
    end: (ending, told) => {
      client.promise = undefined
      end(ending, told)
    }
  }
}

const partake: Handler = (call) => {
  check(call)
  const { argv, client, engine, out, server } = call
  const names = argv.slice(3)
  const written = wait(call)
  const { joint } = server
  if (joint === undefined) throw new Refusal("ERR this node has no others")
  let isGone = false
  const request: Request = {
    slots: Slots.setOf(names),
    isPatient: call.is(2, "wait"),
    granted: (grant, end) => {
      if (isGone) return end({ type: "unstored" }, () => {})
      promise(client, server.tracking.authored(client, names, end))
      const { epoch, generation, node, number, stream } = grant
      const hasChanged = client.watched.some((watched) => Watches.hasChanged(engine, watched))
      const head = [node, epoch, stream, number, generation, hasChanged ? 1 : 0].map(String)
      const samples = Sample.of(engine, names).flatMap(Sample.wordsOf)
      client.port?.assure(() => out.bulks([...head, ...samples]))
      written()
    },
    refused: (isBusy) => {
      client.promise = undefined
      if (isBusy) out.error(Departure.busy)
      else Departure.refuse(client)
      written()
    }
  }
  client.promise = {
    end: () => {
      isGone = true
      joint.withdraw(request)
    }
  }
  joint.hold(request)
}

const conclude: Handler = (call) => {
  check(call)
  const { argv, client, out, server } = call
  if (client.promise === undefined) throw new Refusal("ERR nothing was promised")
  const isStored = call.is(2, "stored")
  if (isStored && argv.length < 4) throw syntax
  const ending = isStored ? { type: "stored" as const, record: Latin1.encode(argv[3]) } : { type: "unstored" as const }
  const written = wait(call)
  // Before anybody can change them.
  server.tracking.note(client, argv.slice(isStored ? 4 : 3), client)
  client.promise.end(ending, (isDone) => {
    // Whoever asked finds out that nobody knows.
    if (!isDone) return client.port?.break()
    client.port?.assure(() => out.ok())
    written()
  })
}

const awaited: Handler = (call) => {
  check(call)
  const { argv, client, engine, out, server } = call
  const found: Array<Awaiting.Found> = []
  for (let at = 2; at + 1 < argv.length; at += 2) found.push({ name: argv[at], version: call.integer(at + 1) })
  const keys = found.map(({ name }) => name)
  const isGone = keys.some((key) => server.shards !== undefined && Routes.isPeer(Routes.ofKey(server.shards, key)))
  if (isGone) return Departure.refuse(client)
  if (Awaiting.isOld(engine, client.database, found)) return out.ok()
  const tell = (again: Call): boolean => {
    again.out.ok()
    return true
  }
  call.block({ keys, timeoutMillis: 0, serve: tell, timedOut: (again) => void tell(again) })
}

const emptied: Handler = (call) => {
  check(call)
  const { argv, client, engine, out, server } = call
  const words = argv.slice(2)
  if (server.joint === undefined || !Survey.isFlush(words[0]?.toLowerCase() ?? "")) throw syntax
  const written = wait(call)
  const { database } = client
  const run = (): Uint8Array => {
    engine.flush(words[0].toLowerCase() === "flushall" ? -1 : database)
    return Latin1.encode("+OK\r\n")
  }
  const request = Survey.changing(server, run, (bytes) => {
    client.promise = undefined
    if (bytes === undefined) Departure.refuse(client)
    else out.raw(Latin1.decode(bytes))
    written()
  })
  client.promise = { end: () => server.joint!.withdraw(request) }
  server.joint.hold(request)
}

const look: Handler = (call) => {
  check(call)
  call.server.shards?.refresh()
  call.out.ok()
}

const relayed: Handler = (call) => {
  check(call)
  const { argv, out, server } = call
  if (argv.length < 4) throw syntax
  if (argv.length > 4) server.pubsub.publishToShard(argv[2], argv[3])
  else server.pubsub.publish(argv[2], argv[3])
  out.ok()
}

export const handlers: Readonly<Record<string, Handler>> = {
  "client|await": awaited,
  "client|conclude": conclude,
  "client|empty": emptied,
  "client|look": look,
  "client|partake": partake,
  "client|relay": relayed
}
