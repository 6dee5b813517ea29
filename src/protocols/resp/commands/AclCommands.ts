/** AclCommands: ACL: users, what they may do, and who was refused. There is no file of them: it comes with the configuration. */
import * as AclRules from "../AclRules.ts"
import type { Call, Handler } from "../Call.ts"
import type { Client } from "../Client.ts"
import * as CommandTable from "../CommandTable.ts"
import { Refusal, wrongArity } from "../Refusal.ts"
import * as User from "../User.ts"
import * as Help from "./Help.ts"

const noFile = new Refusal(
  "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration."
)

/** There are channels that the user could listen to, and cannot any more. */
const hasLost = (before: User.User, after: User.User): boolean => {
  const channels = new Set(after.selectors.flatMap((selector) => selector.channels))
  return (
    !channels.has("*") && before.selectors.some((selector) => selector.channels.some((each) => !channels.has(each)))
  )
}

/** It listens only where it may. */
const mayGoOn = ({ channels, patterns, shardChannels, user }: Client): boolean =>
  [...channels, ...shardChannels].every((name) => user.mayListen(name, false)) &&
  [...patterns].every((pattern) => user.mayListen(pattern, true))

/** The client whose command it is gets its reply first. */
const end = (call: Call, client: Client): void => {
  if (client === call.client) client.port?.close()
  else client.port?.kill()
}

const setUser: Handler = (call) => {
  const { argv, out, server } = call
  const name = argv[2]
  if (/[\s\0]/.test(name)) throw new Refusal("ERR Usernames can't contain spaces or null characters")
  const before = server.users.get(name)
  const after = AclRules.apply(before ?? AclRules.newcomer(name), argv.slice(3))
  server.users.set(after)
  for (const each of server.clients.values()) {
    if (each.user !== before) continue
    each.user = after
    if (hasLost(before, after) && !mayGoOn(each)) end(call, each)
  }
  out.ok()
}

const deleteUser: Handler = (call) => {
  const { argv, out, server } = call
  const names = argv.slice(2)
  if (names.includes(User.unlimited.name)) throw new Refusal("ERR The 'default' user cannot be removed")
  const gone = new Set(names.map((name) => server.users.get(name)))
  out.integer(names.filter((name) => server.users.delete(name)).length)
  for (const client of server.clients.values()) {
    if (gone.has(client.user)) end(call, client)
  }
}

const replySelector = ({ out }: Call, selector: User.Selector): void => {
  for (const [name, value] of [
    ["commands", AclRules.commandsOf(selector)],
    ["keys", AclRules.keysOf(selector)],
    ["channels", AclRules.channelsOf(selector)]
  ]) {
    out.bulk(name)
    out.bulk(value)
  }
}

const getUser: Handler = (call) => {
  const { argv, out, server } = call
  const user = server.users.get(argv[2])
  if (user === undefined) return out.null()
  out.map(6)
  out.bulk("flags")
  const flags = AclRules.flagsOf(user)
  out.set(flags.length)
  for (const flag of flags) out.bulk(flag)
  out.bulk("passwords")
  out.bulks(user.passwords)
  replySelector(call, user.selectors[0])
  out.bulk("selectors")
  out.array(user.selectors.length - 1)
  for (const selector of user.selectors.slice(1)) {
    out.map(3)
    replySelector(call, selector)
  }
}

const tooMany = (call: Call): Refusal =>
  new Refusal(`ERR unknown subcommand or wrong number of arguments for '${call.argv[1]}'. Try ACL HELP.`)

const categoriesOf: Handler = (call) => {
  const { argv, out } = call
  if (argv.length > 3) throw tooMany(call)
  if (argv.length === 2) return out.bulks(AclRules.categories)
  const category = argv[2].toLowerCase()
  if (!AclRules.categories.includes(category)) throw new Refusal(`ERR Unknown category '${argv[2]}'`)
  out.bulks(User.everyCommand.filter(({ categories }) => categories.includes(category)).map(({ name }) => name))
}

const bitsMax = 4_096

const generate: Handler = (call) => {
  const { argv, engine, out } = call
  if (argv.length > 3) throw tooMany(call)
  const bits = argv.length === 3 ? call.integer(2) : 256
  if (bits < 1 || bits > bitsMax) {
    throw new Refusal(
      "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096"
    )
  }
  out.bulk(AclRules.password(bits, engine.random))
}

const dryRun: Handler = ({ argv, out, server }) => {
  const user = server.users.get(argv[2])
  if (user === undefined) throw new Refusal(`ERR User '${argv[2]}' not found`)
  const asked = argv.slice(3)
  const command = CommandTable.asked(asked)
  if (command === undefined) throw new Refusal(`ERR Command '${argv[3]}' not found`)
  if (!CommandTable.fits(command, asked.length)) throw wrongArity(command.name)
  const denial = user.denial(command, asked)
  if (denial === undefined) out.ok()
  else if (denial.reason === "command") {
    out.bulk(`This user has no permissions to run the '${denial.object}' command`)
  } else out.bulk(`This user has no permissions to access the '${denial.object}' ${denial.reason}`)
}

const log: Handler = (call) => {
  const { argv, engine, out, server } = call
  if (argv.length > 3) throw tooMany(call)
  if (argv.length === 3 && call.is(2, "reset")) {
    server.aclLog.clear()
    return out.ok()
  }
  const count = argv.length === 3 ? Math.max(0, call.integer(2)) : 10
  const entries = server.aclLog.entries.slice(0, count)
  out.array(entries.length)
  for (const { clientInfo, context, count: times, madeAt, object, reason, user } of entries) {
    out.map(7)
    out.bulk("count")
    out.integer(times)
    for (const [name, value] of [
      ["reason", reason],
      ["context", context],
      ["object", object],
      ["username", user]
    ]) {
      out.bulk(name)
      out.bulk(value)
    }
    out.bulk("age-seconds")
    out.double((engine.now - madeAt) / 1_000)
    out.bulk("client-info")
    out.bulk(clientInfo)
  }
}

const refuseFile: Handler = () => {
  throw noFile
}

const help = Help.of("ACL", [
  "CAT [<category>]",
  "    List all commands that belong to <category>, or all command categories",
  "    when no category is specified.",
  "DELUSER <username> [<username> ...]",
  "    Delete a list of users.",
  "DRYRUN <username> <command> [<arg> ...]",
  "    Returns whether the user can execute the given command without executing the command.",
  "GETUSER <username>",
  "    Get the user's details.",
  "GENPASS [<bits>]",
  "    Generate a secure 256-bit user password. The optional `bits` argument can",
  "    be used to specify a different size.",
  "LIST",
  "    Show users details in config file format.",
  "LOAD",
  "    Reload users from the ACL file.",
  "LOG [<count> | RESET]",
  "    Show the ACL log entries.",
  "SAVE",
  "    Save the current config to the ACL file.",
  "SETUSER <username> <attribute> [<attribute> ...]",
  "    Create or modify a user with the specified attributes.",
  "USERS",
  "    List all the registered usernames.",
  "WHOAMI",
  "    Return the current connection username."
])

export const handlers: Readonly<Record<string, Handler>> = {
  "acl|cat": categoriesOf,
  "acl|deluser": deleteUser,
  "acl|dryrun": dryRun,
  "acl|genpass": generate,
  "acl|getuser": getUser,
  "acl|help": help,
  "acl|list": ({ out, server }) => out.bulks(server.users.all.map(AclRules.print)),
  "acl|load": refuseFile,
  "acl|log": log,
  "acl|save": refuseFile,
  "acl|setuser": setUser,
  "acl|users": ({ out, server }) => out.bulks(server.users.all.map(({ name }) => name)),
  "acl|whoami": ({ client, out }) => out.bulk(client.user.name)
}
