/** Standstill: for how long nothing that is under way has ended. What goes on, however slowly, does not stand still. */
export class Standstill {
  ticks = 0
  private ended = 0

  /** Once a tick, with how many have ended so far. */
  tick(ended: number, isIdle: boolean): void {
    this.ticks = isIdle || ended !== this.ended ? 0 : this.ticks + 1
    this.ended = ended
  }
}
