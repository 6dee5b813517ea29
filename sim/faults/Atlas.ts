/**
 * The fault atlas: which disk damage the cluster has to recover from, so that a red run is always a bug and never the
 * loss of the last copy (TigerBeetle's ClusterFaultAtlas). A scenario declares what its protocol survives; before a
 * disk is damaged, the atlas is asked, and it refuses what would leave fewer intact copies than declared.
 *
 * The unit is a sector of a file, by path and index, on the assumption that replicas keep the same thing under the same
 * path. A wiped node counts as damaged in all of its sectors for the rest of the run.
 */

export interface Declaration {
  /**
   * Copies of every sector that stay intact: damage is allowed on at most `nodes - copiesIntactMin` nodes. `Infinity`:
   * the protocol survives no damage at all (beyond losing what was never synced, which is not damage).
   */
  readonly copiesIntactMin: number
  /** Damage only strikes files whose path passes; all do when it is absent. */
  readonly files?: (path: string) => boolean
}

/** No damage survives: for protocols without replicas or checksums. */
export const nothing: Declaration = { copiesIntactMin: Infinity }

export class Atlas {
  private readonly declaration: Declaration
  private readonly nodes: number
  private readonly damaged = new Map<string, Set<number>>()
  private readonly wiped = new Set<number>()

  constructor(nodes: number, declaration: Declaration) {
    this.nodes = nodes
    this.declaration = declaration
  }

  private copiesDamagedMax(): number {
    return this.nodes - this.declaration.copiesIntactMin
  }

  /** Claims the right to damage a sector of `path` on `node`; false: it must stay intact. */
  claim(node: number, path: string, sector: number): boolean {
    if (this.declaration.files !== undefined && !this.declaration.files(path)) return false
    const key = `${path}#${sector}`
    const holders = this.damaged.get(key) ?? new Set<number>()
    const union = new Set([...holders, ...this.wiped, node])
    if (union.size > this.copiesDamagedMax()) return false
    holders.add(node)
    this.damaged.set(key, holders)
    return true
  }

  /** Claims the right to wipe a node's whole disk. */
  claimWipe(node: number): boolean {
    const touched = new Set([...this.wiped, node])
    if (touched.size > this.copiesDamagedMax()) return false
    for (const holders of this.damaged.values()) {
      if (new Set([...holders, ...touched]).size > this.copiesDamagedMax()) return false
    }
    this.wiped.add(node)
    return true
  }

  get hasDamage(): boolean {
    return this.damaged.size > 0
  }

  /** Sectors from `first` up to, without, `end` were overwritten as a whole: they are intact again. */
  overwritten(node: number, path: string, first: number, end: number): void {
    for (let sector = first; sector < end; sector++) this.damaged.get(`${path}#${sector}`)?.delete(node)
  }
}
