/**
 * Catalogue: the specifications of models/quint: how far each is simulated, what its runs must reach, and the flaws that
 * its invariants must find. A specification whose invariants cannot fail would say nothing.
 */
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
  /** Modules whose violation the simulator must find, each with the first seed from which it does so within the samples. */
  readonly flaws: Readonly<Record<string, number>>
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
    flaws: {
      LeaseRegisterNoDriftMargin: 1,
      LeaseRegisterEarlyReply: 1,
      LeaseRegisterWriteOnOneNode: 77_000,
      LeaseRegisterAdoptsLast: 77_000
    },
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
    flaws: {
      TwoPhaseCommitTimestampBeforeIntents: 1,
      TwoPhaseCommitCommitsWithoutAll: 1,
      TwoPhaseCommitNoValidation: 1,
      TwoPhaseCommitAnswersBeforeRecord: 1,
      TwoPhaseCommitPreparesOverVersions: 1,
      TwoPhaseCommitValidatesPastIntents: 1,
      TwoPhaseCommitResolvesAnyIntent: 1,
      TwoPhaseCommitAbortsWithoutRecord: 1,
      TwoPhaseCommitDecidesBelowFloor: 1,
      TwoPhaseCommitDecidesTwice: 1,
      TwoPhaseCommitSweepsUnresolved: 1,
      TwoPhaseCommitReadsPastIntents: 1
    },
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
    flaws: {
      SagaNoFence: 1,
      SagaEffectApart: 1,
      SagaBeginsBeforeJournal: 1,
      SagaNoKeys: 1,
      SagaNoBlock: 1,
      SagaTrustsSilence: 1,
      SagaUndoesInAnyOrder: 1,
      SagaUndoesWhatNeverRan: 1
    },
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
    flaws: {
      RaftVotesForAnyone: 1,
      RaftForgetsVote: 1,
      RaftAppendsAnywhere: 1,
      RaftLearnsOtherEntries: 4
    },
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
    flaws: {
      RaftJointByOneHalf: 10,
      RaftCountsLearners: 1,
      RaftTwoChangesAtOnce: 1,
      RaftStandsByOldMembers: 1,
      RaftForgetsCommit: 1,
      RaftSkipsJoint: 1
    },
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
    flaws: {},
    led: []
  }
]
