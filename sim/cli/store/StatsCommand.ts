/** `stats`: the files of each store at a place, and what its engine, or its log, knows of itself. */
import * as Effect from "effect/Effect"
import * as Opened from "#storage/inspect/Opened.ts"
import * as Format from "../Format.ts"
import * as Terminal from "../Terminal.ts"
import type { Arguments } from "./Arguments.ts"
import { type Output, size } from "./Output.ts"
import * as Place from "./Place.ts"
import * as Running from "./Running.ts"
import * as Stores from "./Stores.ts"

/** What is so only because the engine was opened a moment ago. */
const momentary = new Set([
  "cacheBytes",
  "cacheMisses",
  "cachedPages",
  "commits",
  "dirtyBytes",
  "pendingExtents",
  "reads",
  "readers",
  "snapshots",
  "stalls",
  "waitingBytes"
])

const detailsOf = async (place: Place.Place, { stream }: Arguments): Promise<Readonly<Record<string, number>>> => {
  const program = Effect.gen(function* () {
    const port = yield* Stores.open(place, { stream, isReading: true })
    return port.stats().details
  })
  const details = await Running.onOverlay(place.root, program)
  return Object.fromEntries(Object.entries(details).filter(([name, value]) => value !== 0 && !momentary.has(name)))
}

const showFiles = (output: Output, files: Readonly<Record<string, Place.Usage>>): void => {
  const rows = Object.entries(files).map(([ending, { bytes, count }]) => [ending, Format.whole(count), size(bytes)])
  if (rows.length > 0) output.line(Format.table(rows))
}

const showStreams = (output: Output, { isTorn, streams }: Opened.LogContents): void => {
  const rows = streams.map(({ end, first, stream }) => [stream, first, end].map(String))
  output.line(Format.table([["stream", "first", "end"], ...rows]))
  if (isTorn) output.line("  its end was torn off by a crash; the next opening cuts it")
}

const show = async (place: Place.Place, asked: Arguments, output: Output): Promise<void> => {
  const { directory, kind, root } = place
  const files = Place.usage(root, directory)
  const diskBytes = Place.usedBytes(root, directory)
  const head = { path: Place.shown(root, directory), kind, diskBytes, files }
  if (!asked.json) {
    output.line(`${Terminal.paint.bold(head.path)}  ${kind} · ${size(diskBytes)}`)
    showFiles(output, files)
  }
  if (kind === "log") {
    const contents = await Running.onFiles(root, Opened.logContents(directory))
    const { isTorn, segments, streams } = contents
    if (asked.json) output.json({ ...head, segments, isTorn, streams })
    else showStreams(output, contents)
    return
  }
  const details = await detailsOf(place, asked)
  if (asked.json) output.json({ ...head, details })
  else output.line(Format.table(Object.entries(details).map(([name, value]) => [name, Format.whole(value)])))
}

export const run = async (asked: Arguments, output: Output): Promise<void> => {
  for (const place of Place.all(asked.path, asked.log)) {
    await show(place, asked, output)
    output.flush()
  }
}
