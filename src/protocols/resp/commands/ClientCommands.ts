/** ClientCommands: CLIENT: what is known of connections, what they choose, and what is done to them. */
import type { Call, Handler } from "../Call.ts"
import type { Client, Durability } from "../Client.ts"
import * as ClientInfo from "../ClientInfo.ts"
import * as Names from "../Names.ts"
import * as Numbers from "../Numbers.ts"
import { Refusal, syntax } from "../Refusal.ts"
import * as Help from "./Help.ts"

/** Masters and replicas are no clients here. */
const typeOf = (client: Client): string => (client.isSubscribed ? "pubsub" : "normal")

const types = new Set(["normal", "master", "replica", "slave", "pubsub"])

const checkType = (text: string): string => {
  const type = text.toLowerCase()
  if (!types.has(type)) throw new Refusal(`ERR Unknown client type '${text}'`)
  return type
}

const replyLines = ({ engine, out }: Call, clients: ReadonlyArray<Client>): void =>
  out.verbatim("txt", clients.map((client) => `${ClientInfo.describe(client, engine.now)}\n`).join(""))

const list: Handler = (call) => {
  const { argv, server } = call
  const all = server.ownClients
  if (argv.length === 2) return replyLines(call, all)
  if (argv.length === 4 && call.is(2, "type")) {
    const type = checkType(argv[3])
    return replyLines(
      call,
      all.filter((client) => typeOf(client) === type)
    )
  }
  if (argv.length < 4 || !call.is(2, "id")) throw syntax
  const ids = argv.slice(3).map((text) => {
    const id = Numbers.parseInteger(text)
    if (id === undefined) throw new Refusal("ERR Invalid client ID")
    return id
  })
  const found = ids.flatMap((id) => {
    const client = server.clients.get(id)
    return client === undefined || client.isRelayed ? [] : client
  })
  replyLines(call, found)
}

/** The client whose command it is gets its reply first. */
const end = (call: Call, client: Client): void => {
  if (client === call.client) client.port?.close()
  else client.port?.kill()
}

interface Filter {
  readonly fits: (client: Client) => boolean
  readonly skipsMe: boolean
}

const killFilter = (call: Call): Filter => {
  const { argv, client, server } = call
  const tests: Array<(client: Client) => boolean> = []
  let skipsMe = true
  if (argv.length % 2 === 1) throw syntax
  for (let at = 2; at < argv.length; at += 2) {
    const value = argv[at + 1]
    if (call.is(at, "id")) {
      const id = Numbers.parseInteger(value) ?? 0
      if (id < 1) throw new Refusal("ERR client-id should be greater than 0")
      tests.push((each) => each.id === id)
    } else if (call.is(at, "type")) {
      const type = checkType(value)
      tests.push((each) => typeOf(each) === type)
    } else if (call.is(at, "addr")) tests.push((each) => each.address === value)
    else if (call.is(at, "laddr")) tests.push((each) => each.localAddress === value)
    else if (call.is(at, "user")) {
      if (server.users.get(value) === undefined) throw new Refusal(`ERR No such user '${value}'`)
      tests.push((each) => each.user.name === value)
    } else if (call.is(at, "skipme") && (call.is(at + 1, "yes") || call.is(at + 1, "no"))) {
      skipsMe = call.is(at + 1, "yes")
    } else throw syntax
  }
  return { skipsMe, fits: (each) => !(skipsMe && each === client) && tests.every((test) => test(each)) }
}

const kill: Handler = (call) => {
  const { argv, out, server } = call
  const all = server.ownClients
  if (argv.length === 3) {
    const found = all.find(({ address }) => address === argv[2])
    if (found === undefined) throw new Refusal("ERR No such client")
    out.ok()
    return end(call, found)
  }
  const { fits } = killFilter(call)
  const found = all.filter(fits)
  out.integer(found.length)
  for (const client of found) end(call, client)
}

const pause: Handler = (call) => {
  const { argv, engine, out, server } = call
  const isAll = argv.length === 3 || call.is(3, "all")
  if (!isAll && !call.is(3, "write")) throw new Refusal("ERR CLIENT PAUSE mode must be WRITE or ALL")
  const millis = Numbers.parseInteger(argv[2])
  if (millis === undefined) throw new Refusal("ERR timeout is not an integer or out of range")
  if (millis < 0) throw new Refusal("ERR timeout is negative")
  const isPaused = server.pause.until > engine.now
  server.pause.isAll = isAll || (isPaused && server.pause.isAll)
  engine.keepsExpiredUntil = server.pause.until = Math.max(server.pause.until, engine.now + millis)
  out.ok()
}

const unpause: Handler = ({ engine, out, server }) => {
  engine.keepsExpiredUntil = server.pause.until = 0
  server.resumed()
  out.ok()
}

const reply: Handler = (call) => {
  const { client } = call
  if (call.is(2, "on")) {
    client.replyMode = "on"
    client.replies.ok()
  } else if (call.is(2, "off")) client.replyMode = "off"
  else if (!call.is(2, "skip")) throw syntax
  else if (client.replyMode !== "off") client.replyMode = "skip"
}

const unblock: Handler = (call) => {
  const { argv, out, server } = call
  const isError = argv.length === 4 && call.is(3, "error")
  if (argv.length === 4 && !isError && !call.is(3, "timeout")) {
    throw new Refusal("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
  }
  const found = server.clients.get(call.integer(2))
  const problem = isError ? "UNBLOCKED client unblocked via CLIENT UNBLOCK" : undefined
  // The other's reply goes through `call`, which is another's after that.
  out.integer(found !== undefined && server.unblock(found, problem) ? 1 : 0)
}

const noEvict: Handler = (call) => {
  const { client, out } = call
  if (!call.is(2, "on") && !call.is(2, "off")) throw syntax
  client.isNoEvict = call.is(2, "on")
  if (call.server.memory.isLimited) call.server.memory.count(client)
  out.ok()
}

const durabilities: ReadonlyMap<string, Durability> = new Map([
  ["quorum", "stored"],
  ["local", "stored"],
  ["stored", "stored"],
  ["async", "async"]
])

const durability: Handler = ({ argv, client, out }) => {
  if (argv.length === 2) return out.bulk(client.durability)
  const chosen = argv.length === 3 ? durabilities.get(argv[2].toLowerCase()) : undefined
  if (chosen === undefined) throw syntax
  client.durability = chosen
  out.ok()
}

const help = Help.of("CLIENT", [
  "CACHING (YES|NO)",
  "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
  "GETREDIR",
  "    Return the client ID we are redirecting to when tracking is enabled.",
  "GETNAME",
  "    Return the name of the current connection.",
  "ID",
  "    Return the ID of the current connection.",
  "INFO",
  "    Return information about the current client connection.",
  "KILL <ip:port>",
  "    Kill connection made from <ip:port>.",
  "KILL <option> <value> [<option> <value> [...]]",
  "    Kill connections. Options are:",
  "    * ADDR (<ip:port>|<unixsocket>:0)",
  "      Kill connections made from the specified address",
  "    * LADDR (<ip:port>|<unixsocket>:0)",
  "      Kill connections made to specified local address",
  "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
  "      Kill connections by type.",
  "    * USER <username>",
  "      Kill connections authenticated by <username>.",
  "    * SKIPME (YES|NO)",
  "      Skip killing current connection (default: yes).",
  "LIST [options ...]",
  "    Return information about client connections. Options:",
  "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
  "      Return clients of specified type.",
  "UNPAUSE",
  "    Stop the current client pause, resuming traffic.",
  "PAUSE <timeout> [WRITE|ALL]",
  "    Suspend all, or just write, clients for <timeout> milliseconds.",
  "REPLY (ON|OFF|SKIP)",
  "    Control the replies sent to the current connection.",
  "SETNAME <name>",
  "    Assign the name <name> to the current connection.",
  "UNBLOCK <clientid> [TIMEOUT|ERROR]",
  "    Unblock the specified blocked client.",
  "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
  "         [OPTIN] [OPTOUT] [NOLOOP]",
  "    Control server assisted client side caching.",
  "TRACKINGINFO",
  "    Report tracking status for the current connection.",
  "NO-EVICT (ON|OFF)",
  "    Protect current client connection from eviction."
])

export const handlers: Readonly<Record<string, Handler>> = {
  "client|durability": durability,
  "client|getname": ({ client, out }) => (client.name === "" ? out.null() : out.bulk(client.name)),
  "client|help": help,
  "client|id": ({ client, out }) => out.integer(client.id),
  "client|info": (call) => replyLines(call, [call.client]),
  "client|kill": kill,
  "client|list": list,
  "client|no-evict": noEvict,
  "client|pause": pause,
  "client|reply": reply,
  "client|setname": ({ argv, client, out }) => {
    client.name = Names.check(argv[2])
    out.ok()
  },
  "client|unblock": unblock,
  "client|unpause": unpause
}
