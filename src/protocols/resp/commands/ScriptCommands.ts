/**
 * ScriptCommands: what can be said of scripts and functions where none can be loaded (EVAL, SCRIPT LOAD and FUNCTION LOAD are not built): there is
 * none of any name, none runs, and to drop all of them is done at once. Clients and test harnesses ask this of every server before they begin.
 */
import type { Call, Handler } from "../Call.ts"
import { Refusal } from "../Refusal.ts"
import * as Help from "./Help.ts"

const isMode = (call: Call): boolean => call.is(2, "async") || call.is(2, "sync")

const misused = (call: Call): Refusal =>
  new Refusal(
    `ERR unknown subcommand or wrong number of arguments for '${call.argv[1]}'. Try ${call.argv[0].toUpperCase()} HELP.`
  )

const flushScripts: Handler = (call) => {
  if (call.argv.length > 3 || (call.argv.length === 3 && !isMode(call))) {
    throw new Refusal("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
  }
  call.out.ok()
}

const flushFunctions: Handler = (call) => {
  if (call.argv.length > 3) throw misused(call)
  if (call.argv.length === 3 && !isMode(call)) throw new Refusal("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
  call.out.ok()
}

const listFunctions: Handler = (call) => {
  const { argv, out } = call
  let hasCode = false
  let hasName = false
  for (let at = 2; at < argv.length; at++) {
    if (!hasCode && call.is(at, "withcode")) hasCode = true
    else if (!hasName && call.is(at, "libraryname")) {
      hasName = true
      at += 1
      if (at === argv.length) throw new Refusal("ERR library name argument was not given")
    } else throw new Refusal(`ERR Unknown argument ${argv[at]}`)
  }
  out.array(0)
}

const tellFunctions: Handler = ({ out }) => {
  out.map(2)
  out.bulk("running_script")
  out.null()
  out.bulk("engines")
  out.map(0)
}

const tellScripts: Handler = ({ argv, out }) => {
  out.array(argv.length - 2)
  for (let at = 2; at < argv.length; at++) out.integer(0)
}

const refuse =
  (error: string): Handler =>
  () => {
    throw new Refusal(error)
  }

const noneRuns = refuse("NOTBUSY No scripts in execution right now.")
const noScript = refuse("NOSCRIPT No matching script. Please use EVAL.")
const noFunction = refuse("ERR Function not found")

export const handlers: Readonly<Record<string, Handler>> = {
  evalsha: noScript,
  evalsha_ro: noScript,
  fcall: noFunction,
  fcall_ro: noFunction,
  "function|delete": refuse("ERR Library not found"),
  "function|flush": flushFunctions,
  "function|help": Help.of("FUNCTION", [
    "DELETE <LIBRARY NAME>",
    "    Delete the given library.",
    "FLUSH [ASYNC|SYNC]",
    "    Delete all the libraries.",
    "KILL",
    "    Kill the current running function.",
    "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
    "    Return general information on all the libraries.",
    "STATS",
    "    Return information about the current function running, and the engines."
  ]),
  "function|kill": noneRuns,
  "function|list": listFunctions,
  "function|stats": tellFunctions,
  "script|exists": tellScripts,
  "script|flush": flushScripts,
  "script|help": Help.of("SCRIPT", [
    "EXISTS <sha1> [<sha1> ...]",
    "    Return information about the existence of the scripts in the script cache.",
    "FLUSH [ASYNC|SYNC]",
    "    Flush the scripts cache.",
    "KILL",
    "    Kill the currently executing script."
  ]),
  "script|kill": noneRuns
}
