/**
 * The command line of the simulator: `npm run sim -- [flags]`. Parses, runs, and turns whatever happened into an exit
 * code: 0 passed, 1 failed, 2 not as typed, 3 the simulator itself broke.
 */
import { enableCompileCache } from "node:module"

// Most of a short run is spent compiling; the cache lies in the system's temporary directory.
enableCompileCache()
const { start } = await import("./cli/Start.ts")
await start(process.argv.slice(2))
// The command is over, whatever timers a run on the real machine left; only its last words must get out.
process.stderr.write("", () => process.stdout.write("", () => process.exit()))
