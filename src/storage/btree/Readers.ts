/** Readers: the transactions that snapshots, cursors and reads under way look at, and so keep the pages of. */
export class Readers {
  /** Distinct, rising. */
  private readonly txns: Array<number> = []
  private readonly counts: Array<number> = []
  count = 0
  /** Transactions that lost their last reader so far. */
  releases = 0

  get isEmpty(): boolean {
    return this.count === 0
  }

  /** Transactions are mostly the newest ones: found from the end. */
  add(txn: number): void {
    this.count++
    let at = this.txns.length
    while (at > 0 && this.txns[at - 1] > txn) at--
    if (at > 0 && this.txns[at - 1] === txn) {
      this.counts[at - 1]++
      return
    }
    this.txns.splice(at, 0, txn)
    this.counts.splice(at, 0, 1)
  }

  remove(txn: number): void {
    this.count--
    const at = this.lowerBound(txn)
    if (--this.counts[at] > 0) return
    this.txns.splice(at, 1)
    this.counts.splice(at, 1)
    this.releases++
  }

  /** Whether one of them is in [birth, freedBy). */
  readonly isRead = (birth: number, freedBy: number): boolean => {
    const at = this.lowerBound(birth)
    return at < this.txns.length && this.txns[at] < freedBy
  }

  private lowerBound(txn: number): number {
    let low = 0
    let high = this.txns.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.txns[middle] < txn) low = middle + 1
      else high = middle
    }
    return low
  }
}
