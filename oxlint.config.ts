/**
 * The linter's rules. What is banned where, and what to use instead, stands in `house/Purity.ts`; what the linter has
 * no rule for, `house/Rooms.test.ts` and `house/Style.test.ts` check.
 */
import { defineConfig } from "oxlint"
import * as Purity from "./house/Purity.ts"

const pure = Purity.pureFolders.map((folder) => `${folder}/**/*.ts`)

const restrictedImports = (allowed: ReadonlyArray<string> = []): ["error", object] => [
  "error",
  {
    paths: [{ name: "effect", message: 'Import the module itself: import * as Effect from "effect/Effect".' }],
    patterns: [Purity.nodeModules(allowed)]
  }
]

export default defineConfig({
  plugins: ["typescript", "unicorn", "oxc", "import", "promise", "vitest"],
  categories: { correctness: "error" },
  options: { typeAware: true, reportUnusedDisableDirectives: "error" },
  ignorePatterns: ["**/testdata/**", "dist/**", ".orbit/**"],
  rules: {
    eqeqeq: ["error", "always", { null: "ignore" }],
    "no-var": "error",
    "prefer-const": "error",
    "no-fallthrough": "error",
    "no-self-compare": "error",
    "no-throw-literal": "error",
    "no-implied-eval": "error",
    "no-new-wrappers": "error",
    "import/no-default-export": "error",
    "import/no-self-import": "error",
    "oxc/no-barrel-file": ["error", { threshold: 0 }],
    "typescript/ban-ts-comment": "error",
    "typescript/no-misused-promises": "error",
    // A copy taken before a loop that changes its source is not useless, and an array of a known length is not a mistake.
    // Effect.catch takes the effect and the handler.
    "promise/valid-params": "off",
    "unicorn/no-useless-spread": "off",
    "unicorn/no-new-array": "off"
  },
  overrides: [
    { files: ["*.config.ts"], rules: { "import/no-default-export": "off" } },
    {
      files: pure,
      excludeFiles: [...Purity.ambientPlaces],
      rules: {
        "oxc/no-async-await": "error",
        "no-restricted-globals": [
          "error",
          { globals: [...Purity.globals], checkGlobalObject: true, globalObjects: ["global"] }
        ],
        "no-restricted-properties": ["error", ...Purity.properties],
        "no-restricted-imports": restrictedImports()
      }
    },
    {
      files: pure,
      excludeFiles: [...Purity.ambientPlaces, ...Purity.portPlaces, ...Purity.runPlaces],
      rules: {
        "no-restricted-properties": ["error", ...Purity.properties, ...Purity.effectProperties]
      }
    },
    ...Purity.nodeExceptions.map(({ path, module }) => ({
      files: [path],
      rules: { "no-restricted-imports": restrictedImports([module]) }
    }))
  ]
})
