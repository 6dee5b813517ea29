/**
 * Data: the audit trail in a stopped node's data, read without changing a byte of it: its engine is opened on a disk that forgets what is
 * written. What is not in the engine yet, but only decided by the groups' logs, is not shown: the node shows it when it starts.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import * as Effect from "effect/Effect"
import type { Head } from "#keyspace/audit/AuditChain.ts"
import * as StoreTrail from "#keyspace/audit/StoreTrail.ts"
import { kindsOf } from "#storage/inspect/StoreKind.ts"
import * as Place from "../store/Place.ts"
import * as Running from "../store/Running.ts"
import * as Stores from "../store/Stores.ts"
import { Mistake } from "./Mistake.ts"

/** The engine's stream in its store's log (`cluster/Store.ts`). */
const engineStream = 1

/** The directory with `engine` and `log` in it: the one that is named, or `store` in it. */
const storeIn = (directory: string): string => {
  const found = [path.join(directory, "store"), directory].find((each) => fs.existsSync(path.join(each, "engine")))
  if (found === undefined) throw new Mistake(`${directory}: no node has its data there.`)
  const [user] = Place.users([found])
  if (user !== undefined) {
    throw new Mistake(`${directory}: process ${user.pid} has it open: stop the node, or look at a copy of its data.`)
  }
  return found
}

/** Tells each entry, and where it would begin if all stood one behind the other; answers the heads that the ranges know of. */
export const visit = (
  directory: string,
  entry: (bytes: Uint8Array, offsetBytes: number) => void
): Promise<{ readonly heads: ReadonlyArray<Head>; readonly sizeBytes: number }> => {
  const store = storeIn(directory)
  const engine = path.join(store, "engine")
  // A B+tree has no log.
  const log = kindsOf(fs.readdirSync(engine)).includes("btree") ? undefined : path.join(store, "log")
  const place = Place.one(engine, log)
  const program = Effect.gen(function* () {
    const port = yield* Stores.open(place, { stream: log === undefined ? undefined : engineStream, isReading: true })
    let sizeBytes = 0
    const heads = yield* StoreTrail.visit(port, (bytes) => {
      entry(bytes, sizeBytes)
      sizeBytes += bytes.length
    })
    return { heads, sizeBytes }
  })
  return Running.onOverlay(place.root, program)
}
