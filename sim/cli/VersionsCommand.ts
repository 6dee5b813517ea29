/**
 * `sim versions`: the same seeds on this Node.js and on one of another major version give equal trace hashes. The other
 * one is the machine's own where it differs, else one from the package registry. It runs a bundle, because older ones
 * cannot run TypeScript; this one runs the sources.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { describe, exitCodes, SimulatorError } from "./CliError.ts"
import * as Determinism from "./DeterminismCommand.ts"
import * as Format from "./Format.ts"
import * as Parse from "./Parse.ts"
import * as Terminal from "./Terminal.ts"
import * as Tree from "./Tree.ts"
import * as Twice from "./Twice.ts"

export interface Input {
  readonly scenario: string | undefined
  readonly seeds: number
  readonly from: string
  /** Another `node` to compare with; found when absent. */
  readonly node: string | undefined
  readonly json: boolean
}

const seedsMax = 1_000_000
/** What is fetched when the machine has no other version. */
const fetchedMajor = 22

export const main = async (input: Input): Promise<number> => {
  const count = Parse.count("--seeds", input.seeds, { min: 1, max: seedsMax })
  const from = Parse.seed("--from", input.from)
  const other = input.node === undefined ? find() : { path: input.node, version: versionOf(input.node) }
  if (other.version === undefined) throw new SimulatorError({ message: `${other.path} does not answer to --version.` })
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "orbit-bundle-"))
  try {
    const tasks = Determinism.spread(Determinism.names(input.scenario), from, count)
    Terminal.note(
      `versions: ${Format.counted(count, "seed")} on Node ${process.versions.node} and on Node ${other.version}`
    )
    const entry = await bundle(folder)
    const pairs = await Twice.twice(tasks, {
      second: { entry, execPath: other.path },
      onProgress: (runs) => Terminal.progress(() => `versions: ${runs} of ${tasks.length * 2} runs`)
    })
    Terminal.progressDone()
    const { differing } = Determinism.check(pairs)
    const verdict = differing.length === 0 ? "pass" : "fail"
    const versions = [process.versions.node, other.version]
    Terminal.print(
      input.json
        ? JSON.stringify({ verdict, versions, seeds: count, differing })
        : [
            `${verdict === "pass" ? Terminal.paint.green("✓") : Terminal.paint.red("✗")} ${Format.counted(count, "seed")} on Node ${versions.join(" and ")}: ${verdict === "pass" ? "equal trace hashes" : `${differing.length} differ`}`,
            ...differing.slice(0, 10).map((line) => `    ${line}`)
          ].join("\n")
    )
    return exitCodes[verdict]
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

/** Writes the worker and all that it loads as plain JavaScript; returns its file. */
const bundle = async (folder: string): Promise<string> => {
  const { build } = await import("rolldown")
  try {
    await build({
      input: path.join(Tree.root, "sim/cli/Worker.ts"),
      cwd: Tree.root,
      platform: "node",
      logLevel: "silent",
      output: { dir: folder, format: "esm", entryFileNames: "worker.mjs", chunkFileNames: "[name]-[hash].mjs" }
    })
  } catch (error) {
    throw new SimulatorError({ message: `The worker could not be bundled: ${describe(error)}` })
  }
  return path.join(folder, "worker.mjs")
}

const versionOf = (node: string): string | undefined => {
  try {
    return execFileSync(node, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
      .trim()
      .replace(/^v/, "")
  } catch {
    return undefined
  }
}

const major = (version: string): number => Number(version.split(".")[0])

/** The machine's own Node.js of another major version, else a fetched one. */
const find = (): { readonly path: string; readonly version: string | undefined } => {
  const folders = (process.env.PATH ?? "")
    .split(path.delimiter)
    .filter((folder) => folder !== "" && !folder.includes("node_modules"))
  for (const folder of folders) {
    const candidate = path.join(folder, process.platform === "win32" ? "node.exe" : "node")
    const version = fs.existsSync(candidate) ? versionOf(candidate) : undefined
    if (version !== undefined && major(version) >= 20 && major(version) !== major(process.versions.node))
      return { path: candidate, version }
  }
  return fetch()
}

const fetch = (): { readonly path: string; readonly version: string | undefined } => {
  const system = process.platform === "win32" ? "win" : process.platform
  const name = `node-${system}-${process.arch}@${fetchedMajor}`
  Terminal.note(`versions: this machine has no other Node.js; fetching ${name}`)
  try {
    const found = execFileSync("npm", ["exec", "--yes", `--package=${name}`, "--", "node", "-p", "process.execPath"], {
      encoding: "utf8",
      cwd: os.tmpdir(),
      stdio: ["ignore", "pipe", "ignore"]
    })
    const file = found.trim().split("\n").at(-1) ?? ""
    return { path: file, version: versionOf(file) }
  } catch (error) {
    throw new SimulatorError({
      message: `No other version of Node.js could be fetched; name one with --node PATH. ${describe(error)}`
    })
  }
}
