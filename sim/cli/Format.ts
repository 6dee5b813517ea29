/** Format: numbers and times for people, the same on every machine. */
import { stripVTControlCharacters } from "node:util"

/** `1234567` to `1,234,567`. */
export const whole = (value: number): string => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",")

/** Three figures that matter and a magnitude: `950`, `12.3 k`, `2.85 M`. */
export const rate = (value: number): string => {
  if (!Number.isFinite(value)) return "0"
  for (const [size, unit] of [
    [1e9, " G"],
    [1e6, " M"],
    [1e3, " k"]
  ] as const) {
    if (value >= size) return `${(value / size).toPrecision(3)}${unit}`
  }
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
}

/** Milliseconds to `0.42 s`, `12.3 s`, `10 m 05 s`, `1 h 30 m`. */
export const duration = (millis: number): string => {
  if (millis < 1) return `${millis.toFixed(2)} ms`
  if (millis < 100) return `${Number(millis.toPrecision(3))} ms`
  if (millis < 9_995) return `${(millis / 1_000).toFixed(2)} s`
  if (millis < 59_950) return `${(millis / 1_000).toFixed(1)} s`
  const seconds = Math.round(millis / 1_000)
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, "0")} s`
  return `${Math.floor(seconds / 3_600)} h ${String(Math.floor((seconds % 3_600) / 60)).padStart(2, "0")} m`
}

/** `1 fault`, `2 faults`. */
export const counted = (amount: number, noun: string): string => `${whole(amount)} ${noun}${amount === 1 ? "" : "s"}`

/** Rows to aligned lines, two blanks between columns; the last column is not padded. */
export const table = (rows: ReadonlyArray<ReadonlyArray<string>>, indent = 2): string => {
  const widths: Array<number> = []
  for (const row of rows) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, visible(cell))))
  return rows
    .map((row) => {
      const cells = row.map((cell, column) =>
        column === row.length - 1 ? cell : cell + " ".repeat(widths[column] - visible(cell))
      )
      return (" ".repeat(indent) + cells.join("  ")).trimEnd()
    })
    .join("\n")
}

const visible = (text: string): number => stripVTControlCharacters(text).length

/** A word as a shell takes it for one. */
export const shell = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
