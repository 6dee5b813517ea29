/** NodeId: a member of a Raft group, an integer above 0. */
export type NodeId = number

export const nobody: NodeId = 0
