import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, eventually, start, world } from "../PlatformWorld.ts"

interface Panel {
  readonly id: number
  readonly title: string
  readonly type: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets: ReadonlyArray<{ readonly refId: string; readonly expr: string }>
}
interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}
const read = (file: string) => JSON.parse(readFileSync(join("grafana", file), "utf8"))
const panels: ReadonlyArray<Panel> = read("dashboard.json").panels
const rules: ReadonlyArray<Rule> = read("alerts.json").groups.flatMap(({ rules }: { rules: ReadonlyArray<Rule> }) => rules)

const words = new Set(["rate", "increase", "sum", "by", "histogram_quantile"])
/** The names of metrics in an expression of Prometheus. */
const namesIn = (expr: string): ReadonlyArray<string> =>
  (
    expr
      .replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, " ")
      .replaceAll(/\bby\s*\([^)]*\)/g, " ")
      .match(/[a-z_][a-z0-9_]*/g) ?? []
  ).filter((name) => !words.has(name))
const shown = [...new Set(panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => namesIn(expr))))]

/** The text of all sources, in which a metric's name is written once, in quotes. */
const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => readFileSync(join("src", path), "utf8"))
  .join("\n")

describe("the dashboard and the alert rules for Grafana", () => {
  it("have the form that Grafana and Prometheus read", () => {
    const dashboard = read("dashboard.json")
    assert.deepInclude(dashboard, { uid: "tarang", title: "Tarang" })
    assert.isAtLeast(dashboard.schemaVersion, 36)
    assert.strictEqual(new Set(panels.map(({ id }) => id)).size, panels.length)
    const places = new Set<string>()
    for (const { gridPos, targets, title, type } of panels) {
      assert.strictEqual(type, "timeseries", title)
      assert.isTrue(gridPos.x + gridPos.w <= 24 && gridPos.h > 0, title)
      places.add(`${gridPos.x} ${gridPos.y}`)
      assert.isNotEmpty(targets, title)
    }
    assert.strictEqual(places.size, panels.length, "no panel covers another")
    assert.strictEqual(new Set(rules.map(({ alert }) => alert)).size, rules.length)
    for (const rule of rules) {
      assert.match(rule.alert, /^Tarang[A-Z][A-Za-z]+$/)
      assert.match(rule.for, /^\d+m$/)
      assert.include(["critical", "warning"], rule.labels.severity)
      assert.isNotEmpty(rule.annotations.summary, rule.alert)
      assert.isNotEmpty(rule.annotations.description, rule.alert)
    }
  })

  it("the rules name only metrics that the sources declare", () => {
    const wrong = rules.flatMap(({ alert, expr }) => {
      const names = namesIn(expr).map((name) => name.replace(/_bucket$/, ""))
      return names.length > 0 ? names.filter((name) => !sources.includes(`"${name}"`)).map((name) => `${alert}: ${name}`) : [alert]
    })
    assert.deepStrictEqual(wrong, [])
  })

  it.scopedLive(
    "each metric of the dashboard is on /metrics of a running platform",
    () =>
      Effect.gen(function* () {
        const { config } = yield* world({ mode: "synthetic", rate: 2, strikesEachSide: 2 })
        const running = yield* start({ ...config, SEED_USER: "demo" })
        const missing = Effect.map(ask(running, "/metrics"), ({ body }) => {
          const there = new Set(
            String(body)
              .split("\n")
              .map((line) => line.split(/[{ ]/, 1)[0])
          )
          return shown.filter((name) => !there.has(name))
        })
        assert.isAbove(shown.length, 12)
        yield* eventually("every metric is there", missing, (names) => names.length === 0)
      }),
    300_000
  )
})
