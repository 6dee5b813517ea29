/** Seeds: where seeds come from when nobody names each one. */
import { execFileSync } from "node:child_process"
import { randomInt } from "node:crypto"

/** A new seed, short enough to type. */
export const draw = (): string => String(randomInt(1, 1_000_000_000))

/**
 * The `index`-th seed from `from`: a number counts up (`7`, `8`, `9`), any other text gets a counter of its own
 * (`main/1`, `main/2`).
 */
export const at = (from: string, index: number): string =>
  /^(0|[1-9]\d{0,14})$/.test(from) ? String(Number(from) + index) : `${from}/${index + 1}`

/** The hash of the commit that `root` stands on; `undefined` outside of a repository. */
export const commit = (root: string): string | undefined => {
  try {
    return execFileSync("git", ["rev-parse", "HEAD"], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"]
    }).trim()
  } catch {
    return undefined
  }
}
