/** `npm run audit`, see `Command.ts`. */
import { enableCompileCache } from "node:module"

// Most of a short run is spent compiling; the cache lies in the system's temporary directory.
enableCompileCache()
// Whoever reads only the beginning has read enough.
process.stdout.on("error", () => process.exit())
const { main } = await import("./Command.ts")
process.exitCode = await main(process.argv.slice(2))
