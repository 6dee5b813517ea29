/**
 * The fault atlas: which disk damage the cluster has to recover from, so that a red run is always a bug and never the
 * loss of the last copy (TigerBeetle's ClusterFaultAtlas). A scenario declares what its protocol survives; before a
 * disk is damaged, the atlas is asked, and it refuses what would leave fewer intact copies than declared.
 *
 * The unit is a sector of a file, by path and index, on the assumption that replicas keep the same thing under the same
 * path. So `files` leaves out names that are only on their way to another one. A node whose disk was wiped, or lied, counts
 * as damaged in all of its sectors for the rest of the run.
 */

export interface Declaration {
  /**
   * Copies of every sector that stay intact: damage is allowed on at most `nodes - copiesIntactMin` nodes. `Infinity`:
   * the protocol survives no damage at all (beyond losing what was never synced, which is not damage).
   */
  readonly copiesIntactMin: number
  /** Besides, no more nodes than this are ever damaged, however many there are: for replicas that are on some of the nodes only. */
  readonly nodesDamagedMax?: number
  /**
   * Damage anywhere on a node counts for all that it has, from then on: for protocols whose replicas keep the same things in
   * different places, such as logs.
   */
  readonly wholeNodes?: true
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
  /** Nodes that were ever damaged. */
  private readonly struck = new Set<number>()

  constructor(nodes: number, declaration: Declaration) {
    this.nodes = nodes
    this.declaration = declaration
  }

  private copiesDamagedMax(): number {
    return this.nodes - this.declaration.copiesIntactMin
  }

  private isSpared(node: number): boolean {
    const touched = new Set([...this.struck, ...this.wiped, node])
    return touched.size > (this.declaration.nodesDamagedMax ?? Infinity)
  }

  private mayDamage(node: number, path: string, sector: number): boolean {
    if (this.declaration.files !== undefined && !this.declaration.files(path)) return false
    if (this.isSpared(node)) return false
    const holders = this.declaration.wholeNodes ? this.struck : (this.damaged.get(`${path}#${sector}`) ?? [])
    return new Set([...holders, ...this.wiped, node]).size <= this.copiesDamagedMax()
  }

  /** Claims the right to damage sectors of `path` on `node`, all of them or none; false: they must stay intact. */
  claim(node: number, path: string, sectors: { readonly first: number; readonly end: number }): boolean {
    for (let sector = sectors.first; sector < sectors.end; sector++) {
      if (!this.mayDamage(node, path, sector)) return false
    }
    this.struck.add(node)
    for (let sector = sectors.first; sector < sectors.end; sector++) {
      const key = `${path}#${sector}`
      const holders = this.damaged.get(key) ?? new Set<number>()
      this.damaged.set(key, holders.add(node))
    }
    return true
  }

  /** Claims the right to wipe a node's whole disk. */
  claimWipe(node: number): boolean {
    const touched = new Set([...this.wiped, node])
    if (touched.size > this.copiesDamagedMax() || this.isSpared(node)) return false
    const all = this.declaration.wholeNodes ? [this.struck] : this.damaged.values()
    for (const holders of all) {
      if (new Set([...holders, ...touched]).size > this.copiesDamagedMax()) return false
    }
    this.wiped.add(node)
    return true
  }

  /** Whether anything of a file on a node may be damaged. */
  isDamaged(node: number, path: string): boolean {
    if (this.wiped.has(node)) return true
    for (const [key, holders] of this.damaged) if (holders.has(node) && key.startsWith(`${path}#`)) return true
    return false
  }

  /** A file took another's name, and its damage with it. */
  renamed(node: number, from: string, to: string): void {
    const moved: Array<string> = []
    for (const [key, holders] of this.damaged) {
      if (key.startsWith(`${to}#`)) holders.delete(node)
      else if (key.startsWith(`${from}#`) && holders.delete(node)) moved.push(key.slice(from.length))
    }
    for (const sector of moved) {
      const key = `${to}${sector}`
      this.damaged.set(key, (this.damaged.get(key) ?? new Set<number>()).add(node))
    }
  }

  get hasDamage(): boolean {
    return this.damaged.size > 0
  }

  /** Sectors were written anew as a whole, and are durable: they are intact again. */
  renewed(node: number, path: string, sectors: Iterable<number>): void {
    for (const sector of sectors) this.damaged.get(`${path}#${sector}`)?.delete(node)
  }
}
