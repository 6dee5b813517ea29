import { describe, expect, it } from "vitest"
import type { Fields } from "#world/Trace.ts"
import * as Invariants from "./Invariants.ts"

/** Three voters, 1 to 3, whose logs begin behind entry 1 of term 1; what they do is told one event after the other. */
const cluster = (options?: Invariants.Options) => {
  const check = Invariants.check(options)
  let broken: string | undefined
  const writes = [0, 0, 0, 0, 0]
  let nowMicros = 0
  const tell = (name: string, replica: number, fields: Fields): void => {
    broken ??= check(`raft/${name}`, { group: 1, replica, ...fields }, nowMicros)
  }
  const members = { voters: "1 2 3", outgoing: "", learners: "4" }
  const began = (replica: number, fields: Fields = {}): void => {
    writes[replica] = 0
    const empty = { term: 1, vote: 0, commit: 1, before: 1, beforeTerm: 1, entries: "", applied: 1 }
    tell("began", replica, { ...empty, ...members, ...fields })
  }
  const written = (replica: number, fields: Fields): void => {
    writes[replica]++
    tell("written", replica, fields)
  }
  const durable = (replica: number): void => tell("durable", replica, { number: writes[replica] })
  const all = {
    began,
    written,
    durable,
    hard: (replica: number, term: number, vote: number, commit = 1) => {
      written(replica, { term, vote, commit })
      durable(replica)
    },
    append: (replica: number, from: number, entries: string) => {
      written(replica, { from, entries })
      durable(replica)
    },
    voted: (replica: number, to: number, term: number) => tell("voted", replica, { to, term }),
    follows: (replica: number, term: number) => tell("role", replica, { role: "follower", term, lead: 0 }),
    tellsCommit: (replica: number, index: number, before = 0) => tell("committed", replica, { index, before }),
    leads: (replica: number, term: number) => tell("role", replica, { role: "leader", term, lead: replica }),
    preVoted: (replica: number, to: number, term: number) => tell("pre-voted", replica, { to, term }),
    handedOver: (replica: number, to: number, term: number) => tell("handed-over", replica, { to, term }),
    campaigns: (replica: number, term: number) => tell("role", replica, { role: "candidate", term, lead: 0 }),
    reigned: (replica: number, heard: string) => tell("reigned", replica, { heard }),
    lease: (replica: number, micros: number) => tell("lease", replica, { micros }),
    passed: (micros: number) => {
      nowMicros += micros
    },
    appended: (replica: number, term: number, index: number) => tell("appended", replica, { to: 1, term, index }),
    applied: (replica: number, index: number, term = 2, crc = 7, digest = index) =>
      tell("applied", replica, { index, term, crc, digest }),
    asked: (replica: number, read: number) => tell("asked", replica, { read }),
    read: (replica: number, read: number, index: number) => tell("read", replica, { read, index }),
    members: (replica: number, index: number, fields: Fields) =>
      tell("members", replica, { index, ...members, ...fields }),
    restored: (replica: number, index: number, term: number, digest: number) => {
      written(replica, {})
      tell("restored", replica, { index, term, digest, ...members })
    },
    commit: (replica: number, index: number, term = 2, vote = 1) => all.hard(replica, term, vote, index),
    get broken() {
      return broken
    }
  }
  for (const replica of [1, 2, 3, 4]) began(replica)
  return all
}

/** Replica 1 leads term 2 with the votes of 1 and 2, and has entry 2 on both; it is applied by 1. */
const led = (options?: Invariants.Options) => {
  const all = cluster(options)
  all.hard(1, 2, 1)
  all.hard(2, 2, 1)
  all.voted(2, 1, 2)
  all.leads(1, 2)
  all.append(1, 2, "2.7")
  all.append(2, 2, "2.7")
  all.appended(2, 2, 2)
  all.commit(1, 2)
  all.applied(1, 2)
  expect(all.broken).toBe(undefined)
  return all
}

describe("election safety is broken", () => {
  it("by two leaders of a term", () => {
    const all = led()
    all.hard(3, 2, 3)
    all.leads(3, 2)
    expect(all.broken).toBe("election safety: replicas 1 and 3 both lead term 2")
  })

  it("by a leader without a quorum of votes", () => {
    const all = cluster()
    all.hard(1, 2, 1)
    all.leads(1, 2)
    expect(all.broken).toBe("election safety: replica 1 leads term 2 with the votes of 1 among voters 1, 2, 3")
  })

  it("by a leader that a learner's vote made", () => {
    const all = cluster()
    all.hard(1, 2, 1)
    all.hard(4, 2, 1)
    all.voted(4, 1, 2)
    all.leads(1, 2)
    expect(all.broken).toContain("with the votes of 1, 4 among voters 1, 2, 3")
  })

  it("by a leader of a joint configuration that has no majority of the voters who go", () => {
    const all = cluster()
    for (const replica of [1, 2]) all.members(replica, 2, { voters: "1 2", outgoing: "1 3 4", learners: "" })
    all.hard(1, 2, 1)
    all.hard(2, 2, 1)
    all.leads(1, 2)
    expect(all.broken).toContain("election safety: replica 1 leads term 2 with the votes of 1, 2")
  })
})

describe("one vote a term is broken", () => {
  it("by a vote for another candidate", () => {
    const all = led()
    all.hard(2, 2, 3)
    expect(all.broken).toBe("one vote a term: replica 2 voted for 1 and for 3 in term 2")
  })

  it("by a vote that a start has forgotten, and that is given again", () => {
    const all = led({ rots: true })
    all.began(2, { term: 2, vote: 0 })
    all.hard(2, 2, 3)
    expect(all.broken).toBe("one vote a term: replica 2 voted for 1 and for 3 in term 2")
  })

  it("by a vote that leaves before it is durable", () => {
    const all = cluster()
    all.written(2, { term: 2, vote: 1, commit: 1 })
    all.voted(2, 1, 2)
    expect(all.broken).toBe(
      "durable before sent: replica 2 votes for 1 in term 2, and its disk has a vote for 0 in term 1"
    )
  })
})

it("durable before sent is broken by an acknowledgement of what is still on its way to the disk", () => {
  const all = led()
  all.hard(3, 2, 0)
  all.written(3, { from: 2, entries: "2.7 2.8" })
  all.appended(3, 2, 3)
  expect(all.broken).toBe(
    "durable before sent: replica 3 acknowledges entries up to 3 in term 2, and its disk has 1 in term 2"
  )
})

describe("log matching is broken", () => {
  it("by another entry of the same index and term", () => {
    const all = led()
    all.append(3, 2, "2.8")
    expect(all.broken).toBe(
      "log matching: replica 3 has another entry 2 of term 2 than another one has, or another before it"
    )
  })

  it("by another entry before the same one", () => {
    const all = led()
    all.append(2, 3, "2.9")
    all.append(3, 2, "1.7 2.9")
    expect(all.broken).toContain("log matching: replica 3 has another entry 3 of term 2")
  })

  it("by a hole", () => {
    const all = led()
    all.append(3, 4, "2.9")
    expect(all.broken).toBe("log matching: replica 3 appends entry 4 behind 1")
  })
})

it("leader completeness is broken by a leader without an entry that was applied", () => {
  const all = led()
  all.hard(3, 3, 3)
  all.hard(2, 3, 3)
  all.voted(2, 3, 3)
  all.leads(3, 3)
  expect(all.broken).toBe(
    "leader completeness: replica 3 leads term 3 without entry 2 of term 2, which replica 1 has applied"
  )
})

it("leader completeness is kept by a leader whose votes came late, when a later term has its own", () => {
  const all = cluster()
  all.hard(3, 2, 3)
  all.hard(2, 2, 3)
  all.hard(2, 3, 1)
  all.hard(1, 3, 1)
  all.leads(1, 3)
  all.append(1, 2, "3.7")
  all.append(2, 2, "3.7")
  all.commit(1, 2, 3)
  all.applied(1, 2, 3)
  all.leads(3, 2)
  expect(all.broken).toBe(undefined)
})

describe("state-machine safety is broken", () => {
  it("by another entry at an index", () => {
    const all = led()
    all.append(2, 2, "3.7")
    all.commit(2, 2, 3)
    all.applied(2, 2, 3)
    expect(all.broken).toContain("state-machine safety: replica 2 applies another entry 2 (of term 3) than replica 1")
  })

  it("by an entry that is applied twice, or left out", () => {
    const twice = led()
    twice.applied(1, 2)
    expect(twice.broken).toBe("state-machine safety: replica 1 applies 2 after 2")
    const out = led()
    out.applied(1, 4)
    expect(out.broken).toBe("state-machine safety: replica 1 applies 4 after 2")
  })

  it("by another state after the same entry", () => {
    const all = led()
    all.commit(2, 2)
    all.applied(2, 2, 2, 7, 99)
    expect(all.broken).toBe("states are the same: after entry 2, replica 2 has another one than replica 1")
  })

  it("by an applied entry that is replaced", () => {
    const all = led()
    all.append(1, 2, "3.1")
    expect(all.broken).toBe("state-machine safety: replica 1 replaces entry 2, and has applied up to 2")
  })

  it("by a snapshot that goes back, or is another state, or of another entry", () => {
    const back = led()
    back.restored(1, 2, 2, 2)
    expect(back.broken).toBe("state-machine safety: replica 1 goes back from 2 to a snapshot at 2")
    const other = led()
    other.restored(3, 2, 2, 3)
    expect(other.broken).toBe("states are the same: after entry 2, replica 3 has another one than replica 1")
    const term = led()
    term.restored(3, 2, 3, 2)
    expect(term.broken).toBe("state-machine safety: replica 3 has a snapshot at 2 of term 3, not 2")
    const early = led()
    early.restored(3, 3, 2, 3)
    expect(early.broken).toBe("replica 3 has a snapshot at 3, which nobody has applied")
  })
})

describe("durable on a quorum is broken by an entry that is applied", () => {
  it("while only its leader's disk has it", () => {
    const all = led()
    all.append(1, 3, "2.8")
    all.written(2, { from: 3, entries: "2.8" })
    all.commit(1, 3)
    all.applied(1, 3, 2, 8)
    expect(all.broken).toBe("durable on a quorum: replica 1 applies entry 3 of term 2, which is durable on 1")
  })

  it("while beside its leader only a learner's disk has it", () => {
    const all = led()
    all.append(1, 3, "2.8")
    all.append(4, 2, "2.7 2.8")
    all.commit(1, 3)
    all.applied(1, 3, 2, 8)
    expect(all.broken).toContain("which is durable on 1, 4")
  })

  it("without being committed where it is applied", () => {
    const all = led()
    all.append(1, 3, "2.8")
    all.append(2, 3, "2.8")
    all.applied(1, 3, 2, 8)
    expect(all.broken).toBe("replica 1 applies 3, and has only 2 committed")
  })
})

it("a read that does not see what was applied when it was asked is told, and one that does is not", () => {
  const all = led()
  all.asked(2, 1)
  all.commit(2, 2)
  all.applied(2, 2)
  all.read(2, 1, 2)
  all.append(1, 3, "2.8")
  all.append(2, 3, "2.8")
  all.asked(2, 2)
  all.commit(1, 3)
  all.applied(1, 3, 2, 8)
  all.read(2, 2, 2)
  expect(all.broken).toBe(undefined)
  all.asked(2, 3)
  all.read(2, 3, 2)
  expect(all.broken).toBe(
    "reads are linearizable: replica 2 reads after entry 2, and 3 was applied before it was asked"
  )
})

it("terms and commits that fall are told", () => {
  const terms = led()
  terms.hard(1, 1, 0, 2)
  expect(terms.broken).toBe("terms never fall: replica 1 writes 1 after 2")
  const commits = led()
  commits.commit(1, 1)
  expect(commits.broken).toBe("commits never fall: replica 1 writes 1 after 2")
})

it("a leader that appends a change of the members while another is not applied is told, a follower is not", () => {
  const leader = led()
  leader.append(1, 3, "2.8c")
  leader.append(2, 3, "2.8c 2.9 2.10c")
  expect(leader.broken).toBe(undefined)
  leader.append(1, 4, "2.9 2.10c")
  expect(leader.broken).toBe("one change at a time: leader 1 appends a change at 5 while that at 3 is not applied")
  const two = led()
  two.append(1, 3, "2.8c 2.9c")
  expect(two.broken).toBe("one change at a time: leader 1 appends a change at 4 while that at 3 is not applied")
})

describe("a start", () => {
  const found = { term: 2, vote: 1, commit: 2, entries: "2.7", applied: 2 }

  it("may find what was durable, and any beginning of what was on its way", () => {
    for (const fields of [{}, { entries: "2.7 2.8" }, { entries: "2.7 2.8", term: 3, vote: 0 }]) {
      const all = led()
      all.written(1, { from: 3, entries: "2.8" })
      all.written(1, { term: 3, vote: 0, commit: 2 })
      all.began(1, { ...found, ...fields })
      expect(all.broken).toBe(undefined)
    }
  })

  it("must find its vote", () => {
    for (const fields of [{ vote: 0 }, { vote: 3 }, { term: 1, vote: 0 }]) {
      const all = led()
      all.began(1, { ...found, ...fields })
      expect(all.broken).toContain("replica 1 found another vote than it had made durable")
    }
  })

  it("must find its entries, and no others", () => {
    for (const fields of [{ entries: "" }, { entries: "2.9" }, { entries: "2.7 2.8" }]) {
      const all = led()
      all.began(1, { ...found, ...fields })
      expect(all.broken).toContain("replica 1 found another log than it had made durable")
    }
  })

  it("may find the state of a snapshot that its log had not heard of, if that is what was applied", () => {
    const snapshot = { before: 2, beforeTerm: 2, applied: 2, commit: 2 }
    const all = led()
    all.began(3, snapshot)
    expect(all.broken).toBe(undefined)
    for (const fields of [{ beforeTerm: 1 }, { applied: 1 }, { before: 3, applied: 3 }, { entries: "2.8" }]) {
      const others = led()
      others.began(3, { ...snapshot, ...fields })
      expect(others.broken).toContain("replica 3 found another log than it had made durable")
    }
  })

  it("may find that state in place of a longer log that had another entry there, and not of one that had the same", () => {
    const snapshot = { before: 2, beforeTerm: 2, applied: 2, commit: 2 }
    const all = led()
    all.append(3, 2, "1.9 1.8")
    all.began(3, snapshot)
    expect(all.broken).toBe(undefined)
    all.append(2, 3, "2.8")
    all.began(2, { ...snapshot, term: 2, vote: 1, entries: "" })
    expect(all.broken).toContain("replica 2 found another log than it had made durable")
  })

  it("where disks rot may find less", () => {
    const all = led({ rots: true })
    all.began(1, { ...found, entries: "", vote: 0 })
    expect(all.broken).toBe(undefined)
  })
})

describe("terms begin with a quorum is broken by a candidate", () => {
  it("that nobody else would elect", () => {
    const all = led()
    all.preVoted(2, 3, 4)
    all.preVoted(2, 1, 3)
    all.campaigns(3, 3)
    expect(all.broken).toBe(
      "terms begin with a quorum: replica 3 campaigns in term 3, and only 3 among voters 1, 2, 3 would elect it"
    )
  })

  it("that was told to lead another term", () => {
    const all = led()
    all.handedOver(1, 3, 2)
    all.campaigns(3, 4)
    expect(all.broken).toContain("terms begin with a quorum: replica 3 campaigns in term 4")
  })

  it("and not by one that a quorum would elect, or that its leader told", () => {
    const all = led()
    all.preVoted(2, 3, 3)
    all.campaigns(3, 3)
    all.handedOver(1, 2, 3)
    all.campaigns(2, 4)
    expect(all.broken).toBe(undefined)
  })
})

describe("leaders are heard is broken by a leader", () => {
  it("that goes on when nobody answered it for an election time-out", () => {
    const all = led()
    all.reigned(1, "2 3")
    all.reigned(1, "2")
    expect(all.broken).toBe(undefined)
    all.reigned(1, "")
    expect(all.broken).toBe(
      "leaders are heard: replica 1 leads term 2 on, and of voters 1, 2, 3 only none answered it for an election time-out"
    )
  })

  it("whom only a learner answers", () => {
    const all = led()
    all.reigned(1, "1 4")
    expect(all.broken).toContain("only 1, 4 answered it")
  })

  it("and not by one whose members have just changed", () => {
    const all = led()
    all.members(1, 3, { voters: "1 2 3 4 5", outgoing: "", learners: "" })
    all.reigned(1, "2")
    expect(all.broken).toBe(undefined)
    all.reigned(1, "2")
    expect(all.broken).toContain("leaders are heard: replica 1")
  })
})

describe("leaders commit their own is broken", () => {
  it("by a leader that counts who has an entry of an earlier term", () => {
    const all = cluster()
    all.append(1, 2, "1.7")
    all.append(2, 2, "1.7")
    all.hard(1, 2, 1)
    all.hard(2, 2, 1)
    all.leads(1, 2)
    all.append(1, 3, "2.8")
    all.tellsCommit(1, 2)
    expect(all.broken).toBe("leaders commit their own: replica 1 leads term 2 and commits entry 2 of term 1 by itself")
  })

  it("and not by one that had learned of it in its election", () => {
    const all = cluster()
    all.append(1, 2, "1.7")
    all.append(2, 2, "1.7")
    all.hard(1, 2, 1)
    all.hard(2, 2, 1)
    all.leads(1, 2)
    all.tellsCommit(1, 2, 2)
    expect(all.broken).toBe(undefined)
  })

  it("and not by a follower that is told", () => {
    const all = led()
    all.append(3, 2, "2.7")
    all.hard(3, 3, 0)
    all.tellsCommit(3, 2)
    expect(all.broken).toBe(undefined)
  })
})

describe("acknowledged entries stay", () => {
  it("in the term in which they were acknowledged", () => {
    const all = led()
    all.append(2, 3, "2.8 2.9")
    all.appended(2, 2, 4)
    all.append(2, 3, "2.8")
    expect(all.broken).toBe(
      "acknowledged entries stay: replica 2 acknowledged 4 in term 2, and has only 3 in the same term"
    )
  })

  it("and may go in a later one", () => {
    const all = led()
    all.append(2, 3, "2.8 2.9")
    all.appended(2, 2, 4)
    all.written(2, { term: 3, vote: 0, commit: 2, from: 3, entries: "3.8" })
    expect(all.broken).toBe(undefined)
  })
})

describe("leases are alone is broken", () => {
  const elected = (all: ReturnType<typeof led>): void => {
    all.append(2, 2, "2.7")
    all.hard(2, 3, 2)
    all.hard(3, 3, 2)
    all.voted(3, 2, 3)
    all.leads(2, 3)
  }

  it("by a leader while another one may still read", () => {
    const all = led()
    all.lease(1, 1_000)
    all.passed(900)
    elected(all)
    expect(all.broken).toBe(
      "leases are alone: replica 2 leads term 3, and replica 1 of term 2 may read by its lease for 100 µs more"
    )
  })

  it("by a lease that begins anew when another one leads", () => {
    const all = led()
    elected(all)
    all.lease(1, 0)
    expect(all.broken).toBe(undefined)
    all.lease(1, 300)
    expect(all.broken).toBe(
      "leases are alone: replica 1 of term 2 may read by its lease for 300 µs more, and replica 2 leads term 3"
    )
  })

  it("and not when the lease is over, is ended, may be over where clocks run fast, or its leader leads no more", () => {
    for (const ended of [
      (all: ReturnType<typeof led>) => all.passed(1_000),
      (all: ReturnType<typeof led>) => all.lease(1, 0),
      (all: ReturnType<typeof led>) => all.passed(950),
      (all: ReturnType<typeof led>) => all.follows(1, 3)
    ]) {
      const all = led({ driftPpmMax: 50_000 })
      all.lease(1, 1_000)
      ended(all)
      elected(all)
      expect(all.broken).toBe(undefined)
    }
  })
})

it("nothing is broken by a group that does all this in order, changes its members and sends a snapshot", () => {
  const all = led()
  all.append(1, 3, "2.8c")
  all.append(2, 3, "2.8c")
  for (const replica of [1, 2]) {
    all.commit(replica, 3)
    if (replica === 2) all.applied(2, 2)
    all.members(replica, 3, { voters: "1 2 3 4", outgoing: "1 2 3", learners: "" })
    all.applied(replica, 3, 2, 8)
  }
  all.restored(4, 3, 2, 3)
  all.durable(4)
  all.appended(4, 1, 3)
  for (const replica of [1, 2, 4]) all.append(replica, 4, "2.9")
  all.commit(1, 4)
  all.applied(1, 4, 2, 9)
  all.hard(2, 3, 2, 4)
  all.hard(4, 3, 2, 4)
  all.voted(4, 2, 3)
  all.hard(1, 3, 2, 4)
  all.voted(1, 2, 3)
  all.leads(2, 3)
  expect(all.broken).toBe(undefined)
})
