/**
 * Assertions that stay on in production. A failed assertion is a defect: an invariant of Orbit itself is broken, so
 * the node stops rather than continue on a state that nobody has reasoned about. Bad input is never an assertion.
 */
export class AssertionError extends Error {
  override readonly name = "AssertionError"
}

/** Throws `AssertionError` when `condition` is false. `message` states the invariant, not the symptom. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}
