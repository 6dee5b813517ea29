/**
 * `npm run build`: plain JavaScript in `dist`, which runs in a clean directory on Node.js 24, without this tree and its packages.
 *
 * A file that the code names by `new URL("./X.ts", import.meta.url)`, to run it in a thread or a process, becomes an entry of its own. What is named so
 * and is no program is copied. Native packages and tools stay where they are: the parts that use them say so when they are missing.
 */
import { existsSync, readFileSync } from "node:fs"
import { basename, dirname, resolve } from "node:path"
import { defineConfig, type OutputOptions, type Plugin, type RolldownOptions } from "rolldown"

const named = /new URL\("(\.{0,2}[\w./-]*\.(?:ts|proto))", import\.meta\.url\)/g

const files: Plugin = {
  name: "files-by-url",
  transform(code, id) {
    if (!id.endsWith(".ts") || id.includes("node_modules") || !code.includes("import.meta.url")) return undefined
    // A thread imports the module of its job by what that module says of itself: all that it exports has to be there.
    const own = (): string =>
      `module: import.meta.ROLLUP_FILE_URL_${this.emitFile({ type: "chunk", id, name: basename(id, ".ts") })}`
    return code.replaceAll("module: import.meta.url", own).replaceAll(named, (whole, path: string) => {
      const target = resolve(dirname(id), path)
      if (!existsSync(target)) return whole
      const reference = target.endsWith(".ts")
        ? this.emitFile({ type: "chunk", id: target, name: basename(target, ".ts") })
        : this.emitFile({ type: "asset", name: basename(target), source: readFileSync(target) })
      return `new URL(import.meta.ROLLUP_FILE_URL_${reference})`
    })
  }
}

/** In the bundle of all commands: that of the server lies beside it, on its own, so that a start reads little and in one piece. */
const server: Plugin = {
  name: "server-beside",
  resolveId: (specifier) => (specifier === "./src/server/main.ts" ? { id: "./server.mjs", external: true } : undefined)
}

const shared: RolldownOptions = {
  platform: "node",
  external: ["lmdb", "classic-level", "rocksdb-native", "protobufjs", "rolldown", /^@informalsystems\//],
  preserveEntrySignatures: "strict",
  logLevel: "warn"
}

const output = (chunks: string): OutputOptions => ({
  dir: "dist",
  format: "esm",
  entryFileNames: "[name].mjs",
  chunkFileNames: `${chunks}/[name]-[hash].mjs`,
  assetFileNames: "files/[name][extname]"
})

export default defineConfig([
  {
    ...shared,
    input: { orbit: "Orbit.ts" },
    plugins: [server, files],
    output: { ...output("chunks"), cleanDir: true }
  },
  { ...shared, input: { server: "src/server/main.ts" }, plugins: [files], output: output("server") }
])
