/** `npm run jepsen`, see `Command.ts`. */
import { enableCompileCache } from "node:module"

// Most of a start is spent compiling; the cache lies in the system's temporary directory.
enableCompileCache()
// Whoever reads only the beginning has read enough.
process.stdout.on("error", () => process.exit())
// Not 1, which says that the run failed. The children end with the process, see `Command.ts`.
process.on("uncaughtException", (error) => {
  process.stderr.write(`The harness broke: ${error.stack ?? error.message}\n`)
  process.exit(3)
})
const { main } = await import("./Command.ts")
process.exit(await main(process.argv.slice(2)))
