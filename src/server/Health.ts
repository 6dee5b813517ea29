/**
 * Health: whether a node lives, has started, and can serve, for whoever watches it (Kubernetes's three probes, load balancers, people).
 *
 * Promises: live is answered as long as the event loop turns. Ready means that a question to the cluster was answered just now, from this node: so a node
 * that is cut off, or whose cluster has no quorum, is not ready; nor is one whose doors cannot serve yet. One such question is under way at a time, whoever asks.
 */
import type { Done } from "#world/Completion.ts"
import type { KeyspaceError } from "#keyspace/KeyspaceError.ts"
import type { Router } from "#keyspace/Router.ts"

/** `undefined`: it is well; else why not. */
export type Verdict = string | undefined

const askMicros = 1_000_000

export class Health {
  private state: "starting" | "started" | "draining" = "starting"
  private router: Router | undefined
  private doors: ReadonlyArray<() => Verdict> = []
  private waiting: Array<(verdict: Verdict) => void> = []

  /** `doors`: each says whether its clients can be served. */
  started(router: Router, doors: ReadonlyArray<() => Verdict>): void {
    this.router = router
    this.doors = doors
    this.state = "started"
  }

  draining(): void {
    this.state = "draining"
  }

  /** A node that drains has started. */
  startup(): Verdict {
    return this.state === "starting" ? "it is starting" : undefined
  }

  ready(done: (verdict: Verdict) => void): void {
    if (this.state !== "started") return done(this.state === "starting" ? "it is starting" : "it is stopping")
    this.waiting.push(done)
    if (this.waiting.length > 1) return
    const answered: Done<number, KeyspaceError> = (error) => {
      const all = this.waiting
      this.waiting = []
      const verdict = error === undefined ? this.served() : `the cluster does not answer: ${error.message}`
      for (const one of all) one(this.state === "draining" ? "it is stopping" : verdict)
    }
    this.router!.timestamp(askMicros, answered)
  }

  /** What the first door says that cannot serve. */
  private served(): Verdict {
    for (const verdict of this.doors) {
      const said = verdict()
      if (said !== undefined) return said
    }
    return undefined
  }
}
