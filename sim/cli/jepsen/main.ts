/** `npm run jepsen`, see `Command.ts`. */
import { enableCompileCache } from "node:module"

// Most of a start is spent compiling; the cache lies in the system's temporary directory.
enableCompileCache()
// Whoever reads only the beginning has read enough.
process.stdout.on("error", () => process.exit())
const { main } = await import("./Command.ts")
process.exit(await main(process.argv.slice(2)))
