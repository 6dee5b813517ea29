/**
 * Host: what a node may know of the machine it runs on.
 *
 * Promises: `name` is the node's identity and outlives restarts; `incarnation` is different after every start of the
 * node. `exit` ends the node; nothing of it runs afterwards.
 */
import * as Context from "effect/Context"

/** `terminate` asks for a graceful drain (SIGTERM), `interrupt` comes from a person's keyboard (SIGINT), `reload` asks to read the configuration again (SIGHUP). */
export type Signal = "terminate" | "interrupt" | "reload"

export class Host extends Context.Service<
  Host,
  {
    readonly name: string
    /** Counts the starts of this node where the world knows them; unique among them in any case. */
    readonly incarnation: number
    readonly cores: number
    readonly memoryBytes: number
    readonly environment: (name: string) => string | undefined
    /** Calls `handler` for every signal until the returned function is called. */
    readonly onSignal: (handler: (signal: Signal) => void) => () => void
    /** Ends the node. 0: it finished. Other codes: see the server's documentation. */
    readonly exit: (code: number) => void
  }
>()("orbit/world/Host") {}
