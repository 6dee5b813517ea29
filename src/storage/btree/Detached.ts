/**
 * Detached: subtrees that a range delete took out of the tree, on their way to be freed. A leaf without large values is freed by the
 * reference that its parent has: only branches are read, and leaves that know of large values.
 */
import type { Freed } from "./Freed.ts"
import * as Node from "./Node.ts"
import { Page } from "./Page.ts"
/** The edit that took the subtrees out. */
interface Owner {
  readonly freed: Freed
  child(page: Page, index: number): Page | undefined
  free(page: Page): void
  freeLarge(leaf: Page, index: number): void
}

interface Subtree {
  readonly parent: Page
  readonly from: number
  /** The end of those that are left. */
  index: number
  /** The branch itself is out of the tree. */
  readonly whole: boolean
}

export class Detached {
  /** Branches, and those of their children that are out of the tree. */
  private readonly subtrees: Array<Subtree> = []
  private readonly owner: Owner

  constructor(owner: Owner) {
    this.owner = owner
  }

  /** The children in [from, to) of a branch that goes on without them. */
  add(branch: Page, from: number, to: number): void {
    const parent = new Page(branch.bytes.slice(), 0, branch.pages, branch.birth)
    parent.children = branch.children?.slice()
    this.subtrees.push({ parent, from, index: to, whole: false })
  }

  /** Frees all of it; false: the owner wants a page. Depth first, so what waits is bounded by the tree's height. */
  drain(): boolean {
    const { owner, subtrees } = this
    while (subtrees.length > 0) {
      const top = subtrees[subtrees.length - 1]
      if (top.index === top.from) {
        if (top.whole) owner.free(top.parent)
        subtrees.pop()
        continue
      }
      const index = top.index - 1
      const { parent } = top
      if (this.isPlainLeaf(parent, index)) {
        const { number, pages } = Node.childReference(parent.bytes, index)
        owner.freed.extent(number, pages, 0)
        top.index = index
        continue
      }
      const page = owner.child(parent, index)
      if (page === undefined) return false
      top.index = index
      if (page.level > 0) {
        subtrees.push({ parent: page, from: 0, index: Node.countOf(page.bytes), whole: true })
        continue
      }
      for (let i = 0; i < Node.countOf(page.bytes); i++) owner.freeLarge(page, i)
      owner.free(page)
    }
    return true
  }

  /** Whether it can be freed unread. */
  private isPlainLeaf(parent: Page, index: number): boolean {
    return (
      parent.level === 1 &&
      parent.children?.[index] === undefined &&
      (Node.childFlags(parent.bytes, index) & Node.hasLarge) === 0
    )
  }
}
