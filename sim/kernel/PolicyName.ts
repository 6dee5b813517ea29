/** The scheduling policies by name; `sim/kernel/Policy.ts` has them at work. */
export const policies = {
  fifo: "tasks run in the order in which they became ready",
  uniform: "any ready task may be next, each with the same chance",
  pct: "priorities drawn a strand, lowered at a few random points (PCT, Burckhardt et al., ASPLOS 2010)",
  starve: "one strand of a node waits while anything else is ready"
} as const

export type PolicyName = keyof typeof policies

export const isPolicyName = (name: string): name is PolicyName => Object.hasOwn(policies, name)
