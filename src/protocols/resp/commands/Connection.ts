/** Connection: commands about the connection itself: PING, ECHO, HELLO, AUTH, SELECT, QUIT, RESET, MONITOR. */
import type { Call, Handler } from "../Call.ts"
import * as Names from "../Names.ts"
import * as Numbers from "../Numbers.ts"
import { Refusal, syntax, wrongArity } from "../Refusal.ts"

/** What clients take the server for. */
const version = "7.0.15"

const wrongPassword = new Refusal("WRONGPASS invalid username-password pair or user is disabled.")
const noPasswordSet = new Refusal(
  "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
)
const notLoggedIn = new Refusal(
  "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
)

const login = ({ client, engine, server }: Call, name: string, password: string): void => {
  const user = server.users.login(name, password)
  if (user === undefined) {
    server.aclLog.add({ reason: "auth", object: "AUTH" }, client, "toplevel", engine.now, name)
    throw wrongPassword
  }
  client.user = user
  client.isAuthenticated = true
}

const auth: Handler = (call) => {
  const { argv, out, server } = call
  if (argv.length > 3) throw syntax
  if (argv.length === 2 && server.users.default.isOpen) throw noPasswordSet
  login(call, argv.length === 3 ? argv[1] : server.users.default.name, argv[argv.length - 1])
  out.ok()
}

const hello: Handler = (call) => {
  const { argv, client, out } = call
  let protocol: number | undefined
  if (argv.length > 1) {
    protocol = Numbers.parseInteger(argv[1])
    if (protocol === undefined) throw new Refusal("ERR Protocol version is not an integer or out of range")
    if (protocol !== 2 && protocol !== 3) throw new Refusal("NOPROTO unsupported protocol version")
  }
  let account: readonly [name: string, password: string] | undefined
  let name: string | undefined
  for (let at = 2; at < argv.length; at++) {
    if (call.is(at, "auth") && at + 2 < argv.length) {
      account = [argv[at + 1], argv[at + 2]]
      at += 2
    } else if (call.is(at, "setname") && at + 1 < argv.length) name = Names.check(argv[++at])
    else throw new Refusal(`ERR Syntax error in HELLO option '${argv[at]}'`)
  }
  if (account !== undefined) login(call, ...account)
  if (!client.isAuthenticated) throw notLoggedIn
  if (name !== undefined) client.name = name
  if (protocol !== undefined) client.out.protocol = out.protocol = protocol === 2 ? 2 : 3
  out.map(7)
  for (const [field, value] of [
    ["server", "redis"],
    ["version", version],
    ["proto", out.protocol],
    ["id", client.id],
    ["mode", "standalone"],
    ["role", "master"]
  ] as const) {
    out.bulk(field)
    if (typeof value === "number") out.integer(value)
    else out.bulk(value)
  }
  out.bulk("modules")
  out.array(0)
}

const ping: Handler = ({ argv, client, out }) => {
  if (argv.length > 2) throw wrongArity("ping")
  if (client.isSubscribed && out.protocol === 2) {
    out.array(2)
    out.bulk("pong")
    out.bulk(argv[1] ?? "")
  } else if (argv.length === 1) out.simple("PONG")
  else out.bulk(argv[1])
}

const select: Handler = (call) => {
  const { client, engine, out } = call
  const database = call.integer(1)
  if (database !== (database | 0)) {
    throw new Refusal("ERR value is out of range, value must between -2147483648 and 2147483647")
  }
  if (database < 0 || database >= engine.databases.length) throw new Refusal("ERR DB index is out of range")
  client.database = database
  out.ok()
}

const reset: Handler = ({ client, server }) => {
  server.forget(client)
  server.begin(client)
  client.database = 0
  client.name = ""
  client.replyMode = "on"
  client.out.protocol = 2
  client.out.simple("RESET")
}

export const handlers: Readonly<Record<string, Handler>> = {
  auth,
  echo: ({ argv, out }) => out.bulk(argv[1]),
  hello,
  monitor: ({ client, out, server }) => {
    client.isMonitor = true
    server.monitors.add(client)
    out.ok()
  },
  ping,
  quit: ({ client, out }) => {
    out.ok()
    client.port?.close()
  },
  reset,
  select
}
