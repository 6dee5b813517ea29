/**
 * Times, durations and sizes in words. Every function here is self-contained (it calls nothing but the language), because
 * its source is also embedded in the page.
 */

/** A point of virtual time, always in seconds to the microsecond, so that columns align and numbers can be searched for. */
export function formatTime(micros: number): string {
  return (micros / 1_000_000).toFixed(6) + " s"
}

/** How long something took, in the unit that keeps it short: `812 µs`, `4.1 ms`, `1.25 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatDuration(micros: number): string {
  const short = (value: number): string => {
    const digits = value < 10 ? 2 : value < 100 ? 1 : 0
    return String(Number(value.toFixed(digits)))
  }
  if (micros < 1_000) return short(micros) + " µs"
  if (micros < 1_000_000) return short(micros / 1_000) + " ms"
  if (micros < 120_000_000) return short(micros / 1_000_000) + " s"
  const seconds = Math.round(micros / 1_000_000)
  if (seconds < 7_200) return Math.floor(seconds / 60) + " min " + (seconds % 60) + " s"
  return Math.floor(seconds / 3_600) + " h " + Math.floor((seconds % 3_600) / 60) + " min"
}

/** A size: `64 B`, `4.2 KiB`, `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_024) return bytes + " B"
  if (bytes < 1_048_576) return (bytes / 1_024).toFixed(1) + " KiB"
  return (bytes / 1_048_576).toFixed(1) + " MiB"
}

/** A count with thin groups: `12,345`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",")
}
