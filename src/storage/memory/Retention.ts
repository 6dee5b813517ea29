/**
 * Retention: which versions of a key somebody may still ask for. A tree asks whenever a version is superseded, and drops what is
 * not needed; so a tree with no snapshots holds one version a key.
 *
 * Needs of its caller: every read of the tree is either at the newest sequence number, or at one that the rule knows from before
 * it was superseded until the read is done.
 */
export interface Retention {
  /** Whether some reader reads at a sequence number in [older, newer). */
  needs(older: number, newer: number): boolean
}

/** For a tree that is never read in its past. */
export const newestOnly: Retention = { needs: () => false }
