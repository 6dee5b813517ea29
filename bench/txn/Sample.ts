/** Sample: what one round of transfers came to, of whomever did them. */
export interface Sample {
  readonly transactions: number
  /** Attempts that met others, and were made again. */
  readonly repeated: number
  readonly failures: number
  readonly seconds: number
  readonly p50: number
  readonly p99: number
  /** Of all servers. */
  readonly serverMicros: number
  readonly clientMicros: number
}

/** A system that transfers are measured on. */
export interface Contender {
  readonly name: string
  begin(): Promise<void>
  run(clients: number, seconds: number): Promise<Sample>
  end(): void | Promise<void>
}
