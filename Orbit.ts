#!/usr/bin/env -S node --max-semi-space-size=32 --max-old-space-size-percentage=75
/** `orbit COMMAND`: all programs of this tree under one name; each says by `--help` what it takes. */
import { enableCompileCache } from "node:module"

// Most of a start is spent compiling; the cache lies in the system's temporary directory.
enableCompileCache()

const commands: Readonly<Record<string, () => Promise<unknown>>> = {
  serve: () => import("./src/server/main.ts"),
  cluster: () => import("./src/server/main.ts"),
  sim: () => import("./sim/main.ts"),
  elle: () => import("./sim/cli/elle/main.ts"),
  bench: () => import("./bench/main.ts"),
  store: () => import("./sim/cli/store/main.ts"),
  audit: () => import("./sim/cli/audit/main.ts")
}

const [name = ""] = process.argv.slice(2)
if (!Object.hasOwn(commands, name)) {
  const asks = name === "--help" || name === "help"
  const text = `${asks ? "" : `There is no command "${name}".\n`}USAGE
  orbit serve    Run a node, or a member of a cluster
  orbit cluster  Run several on this machine
  orbit store    Look into a node's files
  orbit audit    Verify a trail of decisions
  orbit sim      Run scenarios in the simulator
  orbit elle     Judge a history
  orbit bench    Measure
Each takes --help.
`
  ;(asks ? process.stdout : process.stderr).write(text)
  process.exit(asks ? 0 : 2)
}
// The programs look at what follows their own name; that of the server is its own first word.
if (name !== "cluster") process.argv.splice(2, 1)
await commands[name]()
