/**
 * A test runner for Stryker that stays in one process. The direct tests of the deciders of orders take milliseconds, but vitest takes a second to
 * start a worker for each mutant. The tests are bundled once. Each run evaluates the bundle again, so that constants of modules are mutated
 * too.
 */
import { join, resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { INSTRUMENTER_CONSTANTS } from "@stryker-mutator/api/core"
import { declareClassPlugin, PluginKind } from "@stryker-mutator/api/plugin"
import { DryRunStatus, determineHitLimitReached, TestStatus, toMutantRunResult } from "@stryker-mutator/api/test-runner"
import { build } from "vite"
import { take } from "./direct-tests.mjs"

/** The exhaustive model is left out: it takes seconds. */
const files = ["Basket", "Compensation", "DayProfit", "OrderDecider", "Outcome", "SquareOff", "StrategyLimits"].map(
  (name) => `test/domain/orders/${name}.test.ts`
)
const harness = fileURLToPath(new URL("./direct-tests.mjs", import.meta.url))
const entry = "direct-tests-of-all-files"

/** Bundles the tests with the sources that they import, and answers the bundle's path. Packages stay outside. */
const bundle = async () => {
  const all = {
    name: entry,
    resolveId: (id) => (id === entry ? `\0${entry}` : undefined),
    load: (id) => (id === `\0${entry}` ? imports : undefined)
  }
  const imports = files.map((file) => `import ${JSON.stringify(resolve(file))}`).join("\n")
  const outDir = resolve(".bundle")
  await build({
    configFile: false,
    logLevel: "error",
    plugins: [all],
    resolve: { alias: { "@effect/vitest": harness } },
    build: {
      ssr: true,
      outDir,
      minify: false,
      target: "node20",
      rollupOptions: {
        input: entry,
        external: [harness],
        output: {
          entryFileNames: "tests.mjs",
          // The rulebook is not mutated and takes long to read, so it is bundled separately and evaluated once.
          manualChunks: (id) => (id.includes("/src/domain/rules/") ? "rules" : undefined)
        }
      }
    }
  })
  return pathToFileURL(join(outDir, "tests.mjs")).href
}

class DirectRunner {
  /** What the mutated code reads: the mutant that is active, and where it counts. */
  #mutation
  #url = ""
  #loads = 0

  constructor() {
    globalThis[INSTRUMENTER_CONSTANTS.NAMESPACE] ??= {}
    this.#mutation = globalThis[INSTRUMENTER_CONSTANTS.NAMESPACE]
  }

  capabilities() {
    return { reloadEnvironment: true }
  }

  async init() {
    this.#url = await bundle()
  }

  async dryRun() {
    this.#mutation.activeMutant = undefined
    const result = await this.#run(
      () => true,
      (test) => (this.#mutation.currentTestId = test)
    )
    this.#mutation.currentTestId = undefined
    return { ...result, mutantCoverage: this.#mutation.mutantCoverage }
  }

  async mutantRun({ activeMutant, hitLimit, mutantActivation, testFilter }) {
    const mutation = this.#mutation
    mutation.hitCount = 0
    mutation.hitLimit = hitLimit
    mutation.activeMutant = mutantActivation === "static" ? activeMutant.id : undefined
    const result = await this.#run(
      (test) => testFilter === undefined || testFilter.includes(test),
      () => (mutation.activeMutant = activeMutant.id)
    )
    mutation.activeMutant = undefined
    return toMutantRunResult(determineHitLimitReached(mutation.hitCount, hitLimit) ?? result)
  }

  /** Evaluates the bundle, and runs its tests until one fails. */
  async #run(isWanted, before) {
    const tests = []
    const loading = await this.#result("loading the tests", () => import(`${this.#url}?load=${this.#loads++}`))
    const loaded = take()
    if (loading.status === TestStatus.Failed) return { status: DryRunStatus.Complete, tests: [loading] }
    for (const { body, name } of loaded.filter(({ name }) => isWanted(name))) {
      before(name)
      const result = await this.#result(name, body)
      tests.push(result)
      if (result.status === TestStatus.Failed) break
    }
    return { status: DryRunStatus.Complete, tests }
  }

  async #result(name, body) {
    const startedMs = performance.now()
    const ended = (more) => ({ id: name, name, timeSpentMs: performance.now() - startedMs, ...more })
    try {
      await body()
      return ended({ status: TestStatus.Success })
    } catch (error) {
      return ended({ status: TestStatus.Failed, failureMessage: String(error) })
    }
  }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, "direct", DirectRunner)]
