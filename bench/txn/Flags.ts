/** Flags: what processes of the bench are started with, as whoever runs a store should start it. */

/**
 * Objects that a scan hands out live about as long as V8 takes to collect its young ones; so it learns to put them among the old ones, where each
 * dead one keeps the bytes of its key and value alive until everything is marked. Without that, an entry of a scan costs a third less.
 */
export const serverFlags: ReadonlyArray<string> = ["--max-semi-space-size=32", "--no-allocation-site-pretenuring"]
