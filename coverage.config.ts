/** Coverage: `npm run coverage`: how many branches of Raft's core its own tests take; fewer than the bound fail. */
import { defineConfig } from "vitest/config"

const core = [
  "Candidate",
  "ConfChange",
  "Configuration",
  "Core",
  "Doubting",
  "Follower",
  "Inflights",
  "Leader",
  "Lease",
  "Message",
  "Progress",
  "Quorum",
  "Raft",
  "RaftLog",
  "Reads",
  "Tracker"
]

export default defineConfig({
  test: {
    root: ".",
    environment: "node",
    pool: "forks",
    watch: false,
    testTimeout: 60_000,
    include: ["src/consensus/*.test.ts", "sim/raft/*.test.ts"],
    coverage: {
      enabled: true,
      provider: "v8",
      reporter: ["text"],
      reportsDirectory: ".orbit/coverage",
      include: core.map((name) => `src/consensus/${name}.ts`),
      thresholds: { branches: 95 }
    }
  }
})
