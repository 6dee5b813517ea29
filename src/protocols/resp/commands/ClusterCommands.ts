/**
 * CLUSTER: who has which slots, for clients that route themselves, and READONLY, READWRITE and ASKING, which such clients say. A server that is
 * no member of a cluster answers as a Redis that has it turned off. Administration is not by these commands: it is refused.
 */
import { SlottedTable } from "#database/redis/SlottedTable.ts"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import type { Call, Handler } from "../Call.ts"
import * as Refusal from "../Refusal.ts"
import type { Member } from "../Topology.ts"
import * as Help from "./Help.ts"

const disabled = new Refusal.Refusal("ERR This instance has cluster support disabled")
const invalidSlot = new Refusal.Refusal("ERR Invalid slot")

const membersOf = ({ server }: Call): ReadonlyArray<Member> => {
  if (server.topology === undefined) throw disabled
  return server.topology()
}

/** The handler, for members of a cluster. */
const inCluster =
  (handler: (call: Call, members: ReadonlyArray<Member>) => void): Handler =>
  (call) =>
    handler(call, membersOf(call))

const busPortOf = ({ port }: Member): number => port + 10_000

/** Address and id, and no further names of it. */
const address = ({ out }: Call, member: Member): void => {
  out.array(4)
  out.bulk(member.host)
  out.integer(member.port)
  out.bulk(member.id)
  out.array(0)
}

const slots = inCluster((call, members) => {
  const ranges = members.flatMap((member) => member.slots.map((range) => [member, range] as const))
  call.out.array(ranges.length)
  for (const [member, [first, last]] of ranges) {
    call.out.array(3)
    call.out.integer(first)
    call.out.integer(last)
    address(call, member)
  }
})

const nodeOfShard = ({ out }: Call, { host, id, isOnline, port }: Member): void => {
  out.map(7)
  const texts = { id, ip: host, endpoint: host, role: "master", health: isOnline ? "online" : "fail" }
  for (const [name, value] of Object.entries(texts)) {
    out.bulk(name)
    out.bulk(value)
  }
  for (const [name, value] of Object.entries({ port, "replication-offset": 0 })) {
    out.bulk(name)
    out.integer(value)
  }
}

const shards = inCluster((call, members) => {
  const { out } = call
  out.array(members.length)
  for (const member of members) {
    out.map(2)
    out.bulk("slots")
    out.array(2 * member.slots.length)
    for (const bound of member.slots.flat()) out.integer(bound)
    out.bulk("nodes")
    out.array(1)
    nodeOfShard(call, member)
  }
})

const flagsOf = ({ isOnline, isSelf }: Member): string =>
  [...(isSelf ? ["myself"] : []), "master", ...(isOnline ? [] : ["fail"])].join(",")

const line = (member: Member, epoch: number): string =>
  [
    member.id,
    `${member.host}:${member.port}@${busPortOf(member)}`,
    flagsOf(member),
    "-",
    "0",
    "0",
    String(epoch),
    member.isOnline ? "connected" : "disconnected",
    ...member.slots.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`))
  ].join(" ")

const nodes = inCluster(({ out }, members) => {
  out.verbatim("txt", members.map((member, index) => `${line(member, index + 1)}\n`).join(""))
})

const info = inCluster(({ out }, members) => {
  const covered = members.reduce(
    (sum, member) => sum + member.slots.reduce((count, [first, last]) => count + last - first + 1, 0),
    0
  )
  const fields = {
    cluster_state: covered === SpacesRedis.slots ? "ok" : "fail",
    cluster_slots_assigned: covered,
    cluster_slots_ok: covered,
    cluster_slots_pfail: 0,
    cluster_slots_fail: 0,
    cluster_known_nodes: members.length,
    cluster_size: members.filter((member) => member.slots.length > 0).length,
    cluster_current_epoch: members.length,
    cluster_my_epoch: 1 + members.findIndex(({ isSelf }) => isSelf),
    cluster_stats_messages_sent: 0,
    cluster_stats_messages_received: 0,
    total_cluster_links_buffer_limit_exceeded: 0
  }
  const text = Object.entries(fields).map(([name, value]) => `${name}:${value}\r\n`)
  out.verbatim("txt", text.join(""))
})

const slotArgument = (call: Call, at: number): number => {
  const slot = call.integer(at)
  if (slot < 0 || slot >= SpacesRedis.slots) throw invalidSlot
  return slot
}

/** Names of the keys of a slot, at most so many. A cluster has one database. */
const keysOf = ({ engine }: Call, slot: number, max: number): ReadonlyArray<string> => {
  const { keys } = engine.databases[0]
  if (keys instanceof SlottedTable)
    return keys
      .in(slot)
      .slice(0, max)
      .map(({ name }) => name)
  const found: Array<string> = []
  for (const [name] of keys) if (found.length < max && SpacesRedis.slotOfText(name) === slot) found.push(name)
  return found
}

const countKeys = inCluster((call) => {
  const slot = slotArgument(call, 2)
  const { keys } = call.engine.databases[0]
  call.out.integer(keys instanceof SlottedTable ? keys.in(slot).length : keysOf(call, slot, Infinity).length)
})

const getKeys = inCluster((call) => {
  const slot = slotArgument(call, 2)
  const max = call.integer(3)
  if (max < 0) throw new Refusal.Refusal("ERR Invalid number of keys")
  call.out.bulks(keysOf(call, slot, max))
})

const help = Help.of("CLUSTER", [
  "COUNTKEYSINSLOT <slot>",
  "    Return the number of keys in <slot>.",
  "GETKEYSINSLOT <slot> <count>",
  "    Return key names stored by current node in a slot.",
  "INFO",
  "    Return information about the cluster.",
  "KEYSLOT <key>",
  "    Return the hash slot for <key>.",
  "MYID",
  "    Return the node id.",
  "NODES",
  "    Return cluster configuration seen by node. Output format:",
  "    <id> <ip:port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...",
  "SLOTS",
  "    Return information about slots range mappings. Each range is made of:",
  "    start, end, master and replicas IP addresses, ports and ids",
  "SHARDS",
  "    Return information about slot range mappings and the nodes associated with them.",
  "LINKS",
  "    Return information about all network links between this node and its peers.",
  "    Output format is an array where each array element is a map containing attributes of a link"
])

const ok = inCluster(({ out }) => out.ok())

export const handlers: Readonly<Record<string, Handler>> = {
  asking: ok,
  "cluster|countkeysinslot": countKeys,
  "cluster|getkeysinslot": getKeys,
  "cluster|help": inCluster((call) => help(call)),
  "cluster|info": info,
  "cluster|keyslot": inCluster(({ argv, out }) => out.integer(SpacesRedis.slotOfText(argv[2]))),
  "cluster|links": inCluster(({ out }) => out.array(0)),
  "cluster|myid": inCluster(({ out }, members) => out.bulk(members.find(({ isSelf }) => isSelf)!.id)),
  "cluster|nodes": nodes,
  "cluster|shards": shards,
  "cluster|slots": slots,
  readonly: ok,
  readwrite: ok
}
