/** PubSubCommands: SUBSCRIBE and its kin, PUBLISH, and PUBSUB, which tells who listens. */
import type { Call, Handler } from "../Call.ts"
import * as Glob from "../Glob.ts"
import type { Kind } from "../PubSub.ts"
import { Refusal } from "../Refusal.ts"
import * as Help from "./Help.ts"

const subscribe =
  (kind: Kind): Handler =>
  ({ argv, client, server }) => {
    for (const name of argv.slice(1)) server.pubsub.subscribe(client, kind, name)
  }

const unsubscribe =
  (kind: Kind): Handler =>
  ({ argv, client, server }) => {
    if (argv.length === 1) server.pubsub.unsubscribeAll(client, kind)
    for (const name of argv.slice(1)) server.pubsub.unsubscribe(client, kind, name)
  }

const publish: Handler = ({ argv, out, server }) => {
  const sent = server.pubsub.publish(argv[1], argv[2])
  server.relay(argv[1], argv[2], false)
  out.integer(sent)
}

const publishToShard: Handler = ({ argv, out, server }) => {
  const sent = server.pubsub.publishToShard(argv[1], argv[2])
  server.relay(argv[1], argv[2], true)
  out.integer(sent)
}

const tellNames =
  (kind: Kind): Handler =>
  ({ argv, out, server }) => {
    if (argv.length > 3) {
      throw new Refusal(`ERR unknown subcommand or wrong number of arguments for '${argv[1]}'. Try PUBSUB HELP.`)
    }
    const names = [...server.pubsub.lines[kind].keys()]
    out.bulks(argv.length === 2 ? names : names.filter((name) => Glob.matches(argv[2], name)))
  }

const tellCounts =
  (kind: Kind): Handler =>
  ({ argv, out, server }: Call) => {
    out.array(2 * (argv.length - 2))
    for (const name of argv.slice(2)) {
      out.bulk(name)
      out.integer(server.pubsub.lines[kind].get(name)?.size ?? 0)
    }
  }

const help = Help.of("PUBSUB", [
  "CHANNELS [<pattern>]",
  "    Return the currently active channels matching a <pattern> (default: '*').",
  "NUMPAT",
  "    Return number of subscriptions to patterns.",
  "NUMSUB [<channel> ...]",
  "    Return the number of subscribers for the specified channels, excluding",
  "    pattern subscriptions(default: no channels).",
  "SHARDCHANNELS [<pattern>]",
  "    Return the currently active shard level channels matching a <pattern> (default: '*').",
  "SHARDNUMSUB [<shardchannel> ...]",
  "    Return the number of subscribers for the specified shard level channel(s)"
])

export const handlers: Readonly<Record<string, Handler>> = {
  psubscribe: subscribe("pattern"),
  publish,
  "pubsub|channels": tellNames("channel"),
  "pubsub|help": help,
  "pubsub|numpat": ({ out, server }) => out.integer(server.pubsub.lines.pattern.size),
  "pubsub|numsub": tellCounts("channel"),
  "pubsub|shardchannels": tellNames("shard"),
  "pubsub|shardnumsub": tellCounts("shard"),
  punsubscribe: unsubscribe("pattern"),
  spublish: publishToShard,
  ssubscribe: subscribe("shard"),
  subscribe: subscribe("channel"),
  sunsubscribe: unsubscribe("shard"),
  unsubscribe: unsubscribe("channel")
}
