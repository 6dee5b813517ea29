/**
 * Machine: what a server tells of the process that it runs in, and asks of it. `unknown` is that of tests and simulations: it uses nothing and
 * cannot end.
 */
export interface Usage {
  /** What the data and everything else takes of the heap and beside it. */
  readonly usedBytes: number
  /** What the process has of the machine's memory. */
  readonly residentBytes: number
  readonly userMicros: number
  readonly systemMicros: number
}

export interface Machine {
  /** Of the door. */
  readonly port: number
  readonly processId: number
  /** Where the data is. */
  readonly directory: string
  readonly operatingSystem: string
  /** 40 hexadecimal digits, others at each start. */
  readonly runId: string
  readonly memoryBytes: number
  /** What the process may have in its heap, where the data is. */
  readonly heapBytesMax: number
  readonly usage: () => Usage
  /** Has everything that has changed stored as soon as can be. */
  readonly save: () => void
  /** Ends the process after what it owes is done. `undefined`: it cannot be asked to. */
  readonly shutdown: (() => void) | undefined
}

export const unknown: Machine = {
  port: 6_379,
  processId: 1,
  directory: ".",
  operatingSystem: "Linux",
  runId: "0".repeat(40),
  memoryBytes: 0,
  heapBytesMax: Infinity,
  usage: () => ({ usedBytes: 0, residentBytes: 0, userMicros: 0, systemMicros: 0 }),
  save: () => {},
  shutdown: undefined
}
