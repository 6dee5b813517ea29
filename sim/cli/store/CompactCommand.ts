/** `compact`: writes the files of an engine anew. Whoever interrupts it loses nothing: to the store it is a crash. */
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as Engine from "#storage/Engine.ts"
import * as Format from "../Format.ts"
import * as Terminal from "../Terminal.ts"
import { type Arguments, Mistake } from "./Arguments.ts"
import { type Output, size } from "./Output.ts"
import * as Place from "./Place.ts"
import * as Running from "./Running.ts"
import * as Stores from "./Stores.ts"

const everyMillis = 200

export const run = async (asked: Arguments, output: Output): Promise<void> => {
  const place = Place.one(asked.path, asked.log)
  const { directory, kind, log, root } = place
  if (kind === "log") {
    throw new Mistake(`${asked.path}: is a log, which gets smaller when its stores are compacted: name one, and --log.`)
  }
  const directories = [directory, ...(log === undefined ? [] : [log])]
  const [user] = Place.users(directories.map((each) => path.join(root, each)))
  if (user !== undefined) throw new Mistake(`Process ${user.pid} has ${user.file} open: stop it first.`)
  const bytesNow = (): number => directories.reduce((sum, each) => sum + Place.usedBytes(root, each), 0)
  const shown = Place.shown(root, directory)
  const beforeBytes = bytesNow()
  const startedAt = performance.now()
  let writtenBytes = (): number => 0
  const timer = setInterval(() => {
    const elapsed = Format.duration(performance.now() - startedAt)
    Terminal.progress(() => `${shown}: ${size(writtenBytes())} written · ${elapsed}`)
  }, everyMillis)
  const compact = Effect.gen(function* () {
    const port = yield* Stores.open(place, { stream: asked.stream, isReading: false })
    writtenBytes = () => port.stats().writtenBytes
    yield* Engine.make(port).compact
  })
  try {
    await Running.onDisk(root, compact)
  } finally {
    clearInterval(timer)
    Terminal.progressDone()
  }
  const wallMillis = performance.now() - startedAt
  const afterBytes = bytesNow()
  if (asked.json) {
    output.json({ path: shown, kind, beforeBytes, afterBytes, wallMillis: Math.round(wallMillis) })
  } else {
    output.line(
      `${shown}  ${kind} · ${size(beforeBytes)} before, ${size(afterBytes)} now · ${Format.duration(wallMillis)}`
    )
  }
}
