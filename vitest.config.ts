/**
 * Tests run each file in a process of its own, in a fixed order, and never wait for a person. A test's own seeds decide
 * what is random in it.
 */
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    exclude: ["node_modules/**", "dist/**", ".orbit/**"],
    environment: "node",
    pool: "forks",
    isolate: true,
    watch: false,
    allowOnly: false,
    passWithNoTests: false,
    sequence: { shuffle: false },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 5_000
  }
})
