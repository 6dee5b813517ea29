/**
 * World: everything a node needs from outside itself. A cluster member is a program whose only requirement is
 * `World`; `world/real` gives it a machine, `sim/world` gives it a simulated one. Effect's own references `Clock`,
 * `Random` and `Scheduler` are replaced along with these services, so that time, chance and order come from the same hands.
 */
import type { Disk } from "./Disk.ts"
import type { Host } from "./Host.ts"
import type { Net } from "./Net.ts"
import type { Timers } from "./Timers.ts"
import type { Trace } from "./Trace.ts"
import type { Workers } from "./Workers.ts"

export type World = Disk | Net | Timers | Host | Trace | Workers
