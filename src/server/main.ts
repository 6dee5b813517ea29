/** `npm start`, see `cli/Serve.ts`. */
import { enableCompileCache } from "node:module"

// Most of a start is spent compiling; the cache lies in the system's temporary directory.
enableCompileCache()
process.stdout.on("error", () => {})
const { main } = await import("./cli/Serve.ts")
process.exit(await main(process.argv.slice(2)))
