/**
 * Catalogue: the specifications of models/quint: how far each is simulated, what its runs must reach, and the flaws that
 * its invariants must find. A specification whose invariants cannot fail would say nothing.
 */
export interface Flaw {
  readonly module: string
  /** The first seed from which the simulator finds it within the specification's samples. */
  readonly seed: number
}

export interface Catalogued {
  readonly name: string
  /** Of models/quint: the file with the modules below. */
  readonly file: string
  /** The module without a flaw, whose tests and invariants must hold. */
  readonly sound: string
  /** Undefined: it only follows traces of runs; its tests are all there is to run. */
  readonly invariant: string | undefined
  /** Each must be seen in some sample, or the samples do not reach what is worth checking. */
  readonly witnesses: ReadonlyArray<string>
  /** The action that random runs take. Default: `step`. */
  readonly step?: string
  readonly samples: number
  readonly steps: number
  /** Violations that the simulator must find. */
  readonly flaws: ReadonlyArray<Flaw>
  /** Modules whose flaw is too deep for a short simulation: their tests lead to the violation. */
  readonly led: ReadonlyArray<string>
}

export const catalogue: ReadonlyArray<Catalogued> = [
  {
    name: "LeaseRegister",
    file: "LeaseRegisterTest.qnt",
    sound: "LeaseRegisterSound",
    invariant: "safety",
    witnesses: ["someHolder", "someWrite", "secondHolder"],
    samples: 40,
    steps: 60,
    flaws: [
      { module: "LeaseRegisterNoDriftMargin", seed: 1 },
      { module: "LeaseRegisterEarlyReply", seed: 1 },
      { module: "LeaseRegisterWriteOnOneNode", seed: 77_000 },
      { module: "LeaseRegisterAdoptsLast", seed: 77_000 }
    ],
    led: ["LeaseRegisterForgottenLease"]
  },
  {
    name: "TwoPhaseCommit",
    file: "TwoPhaseCommit.qnt",
    sound: "TwoPhaseCommitSound",
    invariant: "safety",
    witnesses: ["twoCommitted", "recovered", "pushed", "refreshed", "allRead", "swept"],
    samples: 150,
    steps: 70,
    flaws: [
      { module: "TwoPhaseCommitTimestampBeforeIntents", seed: 1 },
      { module: "TwoPhaseCommitCommitsWithoutAll", seed: 1 },
      { module: "TwoPhaseCommitNoValidation", seed: 1 },
      { module: "TwoPhaseCommitAnswersBeforeRecord", seed: 1 },
      { module: "TwoPhaseCommitPreparesOverVersions", seed: 1 },
      { module: "TwoPhaseCommitValidatesPastIntents", seed: 1 },
      { module: "TwoPhaseCommitResolvesAnyIntent", seed: 1 },
      { module: "TwoPhaseCommitAbortsWithoutRecord", seed: 1 },
      { module: "TwoPhaseCommitDecidesBelowFloor", seed: 1 },
      { module: "TwoPhaseCommitDecidesTwice", seed: 1 },
      { module: "TwoPhaseCommitSweepsUnresolved", seed: 1 },
      { module: "TwoPhaseCommitReadsPastIntents", seed: 1 }
    ],
    led: []
  },
  {
    name: "Saga",
    file: "SagaTest.qnt",
    sound: "SagaSound",
    invariant: "safety",
    witnesses: ["completed", "compensated", "takenOver", "blocked", "parked"],
    samples: 150,
    steps: 50,
    flaws: [
      { module: "SagaNoFence", seed: 1 },
      { module: "SagaEffectApart", seed: 1 },
      { module: "SagaBeginsBeforeJournal", seed: 1 },
      { module: "SagaNoKeys", seed: 1 },
      { module: "SagaNoBlock", seed: 1 },
      { module: "SagaTrustsSilence", seed: 1 },
      { module: "SagaUndoesInAnyOrder", seed: 1 },
      { module: "SagaUndoesWhatNeverRan", seed: 1 }
    ],
    led: []
  },
  {
    name: "Raft",
    file: "RaftTest.qnt",
    sound: "RaftSound",
    invariant: "safety",
    witnesses: ["someCommit", "secondLeader", "overwritten"],
    samples: 80,
    steps: 40,
    flaws: [
      { module: "RaftVotesForAnyone", seed: 1 },
      { module: "RaftForgetsVote", seed: 1 },
      { module: "RaftAppendsAnywhere", seed: 1 },
      { module: "RaftLearnsOtherEntries", seed: 4 }
    ],
    led: ["RaftCountsOlderTerms", "RaftLearnsOtherEntries"]
  },
  {
    name: "RaftMembers",
    file: "RaftMembersTest.qnt",
    sound: "RaftMembersSound",
    step: "stepOrChange",
    invariant: "safety",
    witnesses: ["someCommit", "secondLeader", "someJoint", "someLearner", "moved", "differ"],
    samples: 40,
    steps: 40,
    flaws: [
      { module: "RaftJointByOneHalf", seed: 10 },
      { module: "RaftCountsLearners", seed: 1 },
      { module: "RaftTwoChangesAtOnce", seed: 1 },
      { module: "RaftStandsByOldMembers", seed: 1 },
      { module: "RaftForgetsCommit", seed: 1 },
      { module: "RaftSkipsJoint", seed: 1 }
    ],
    led: [
      "RaftJointByOneHalf",
      "RaftCountsLearners",
      "RaftTwoChangesAtOnce",
      "RaftStandsByOldMembers",
      "RaftForgetsCommit",
      "RaftSkipsJoint"
    ]
  },
  {
    name: "RaftTrace",
    file: "RaftTraceTest.qnt",
    sound: "RaftTraceTest",
    invariant: undefined,
    witnesses: [],
    samples: 0,
    steps: 0,
    flaws: [],
    led: []
  }
]
