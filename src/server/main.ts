/** `npm start` and `npm run cluster`: see `cli/Serve.ts` and `cli/Cluster.ts`. */
import { enableCompileCache, flushCompileCache } from "node:module"
import { setFlagsFromString } from "node:v8"

// Most of a start is spent compiling; the cache lies in the system's temporary directory.
enableCompileCache()
// V8 would else go through its whole heap, however large, for each 64 MiB of buffers that came and went: it is to wait until both have grown by half.
// Older versions do not know the first flag, and would complain of it.
if (Number.parseFloat(process.versions.v8) >= 13.6) setFlagsFromString("--external-memory-accounted-in-global-limit")
setFlagsFromString("--heap-growing-percent=50")
// Whoever started it may not read what it says any more.
process.stdout.on("error", () => {})
const [first, ...rest] = process.argv.slice(2)
const { main } = first === "cluster" ? await import("./cli/Cluster.ts") : await import("./cli/Serve.ts")
// Node.js writes it at the end of a process, which one that is killed never comes to.
flushCompileCache()
process.exit(await main(first === "cluster" || first === "serve" ? rest : process.argv.slice(2)))
