/** Output: lines of results. They are collected, because a call of the system for each costs more than the line. */
import * as Format from "../Format.ts"

const pendingMax = 65_536

export class Output {
  private pending = ""

  line(text: string): void {
    this.pending += `${text}\n`
    if (this.pending.length > pendingMax) this.flush()
  }

  json(value: unknown): void {
    this.line(JSON.stringify(value))
  }

  flush(): void {
    if (this.pending !== "") process.stdout.write(this.pending)
    this.pending = ""
  }
}

const units = ["bytes", "KiB", "MiB", "GiB", "TiB"]

/** `17 bytes`, `4.0 KiB`, `1.3 GiB`. */
export const size = (bytes: number): string => {
  let value = bytes
  let unit = 0
  while (value >= 1_024 && unit + 1 < units.length) {
    value /= 1_024
    unit++
  }
  return unit === 0 ? Format.counted(bytes, "byte") : `${value.toFixed(1)} ${units[unit]}`
}
