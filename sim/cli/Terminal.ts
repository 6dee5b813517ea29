/**
 * Terminal: what goes to the two outputs of the process. Results go to standard output, everything said on the way to
 * standard error; colour and a live line only where a terminal shows them.
 */
const enabled = (stream: NodeJS.WriteStream): boolean => {
  const { NO_COLOR: noColor, TERM: term } = process.env
  return stream.isTTY === true && (noColor === undefined || noColor === "") && term !== "dumb"
}

export interface Paint {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
  readonly cyan: (text: string) => string
}

const wrap =
  (code: number, on: boolean) =>
  (text: string): string =>
    on ? `\u001b[${code}m${text}\u001b[0m` : text

const palette = (on: boolean): Paint => ({
  bold: wrap(1, on),
  dim: wrap(2, on),
  red: wrap(31, on),
  green: wrap(32, on),
  yellow: wrap(33, on),
  cyan: wrap(36, on)
})

/** Colours for standard output. */
export const paint: Paint = palette(enabled(process.stdout))

/** Whether standard output shows colours. */
export const canColor: boolean = enabled(process.stdout)

/** One line, or several, of the result. */
export const print = (text: string): void => {
  clear()
  process.stdout.write(`${text}\n`)
}

/** One line, or several, on the way to the result. */
export const note = (text: string): void => {
  clear()
  process.stderr.write(`${text}\n`)
}

const live = process.stderr.isTTY === true && process.env.TERM !== "dumb"
const sparseMillis = 10_000
const liveMillis = 100
let shown = false
let lastAt = -Infinity

const clear = (): void => {
  if (shown) process.stderr.write("\r\u001b[2K")
  shown = false
}

/** How long work goes: a line that is written over on a terminal, a line every ten seconds elsewhere. */
export const progress = (text: () => string): void => {
  const now = performance.now()
  if (lastAt === -Infinity && !live) lastAt = now
  if (now - lastAt < (live ? liveMillis : sparseMillis)) return
  lastAt = now
  if (!live) {
    process.stderr.write(`${text()}\n`)
    return
  }
  const columns = process.stderr.columns ?? 80
  process.stderr.write(`\r\u001b[2K${text().slice(0, columns - 1)}`)
  shown = true
}

/** Takes the live line away. */
export const progressDone = (): void => clear()
