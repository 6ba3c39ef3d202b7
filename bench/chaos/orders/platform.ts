/** The platform's program. It kills itself with SIGKILL when an order task reaches a step for the nth time: CHAOS_KILL_AT=saved:2. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Effect, Layer, Logger, LogLevel } from "effect"
import * as Steps from "../../../src/actors/orders/Steps.ts"
import * as Platform from "../../../src/Platform.ts"

const killing = Effect.map(Config.string("CHAOS_KILL_AT").pipe(Config.withDefault("")), (text) => {
  const [step = "", times = "1"] = text.split(":")
  let left = Number(times)
  return (at: Steps.Step) =>
    Effect.sync(() => {
      if (at === step && --left === 0) process.kill(process.pid, "SIGKILL")
    })
})

Layer.launch(Platform.layer(["actors", "gateway"]).pipe(Layer.provide(Layer.effect(Steps.Steps, killing)))).pipe(
  Logger.withMinimumLogLevel(LogLevel.Warning),
  NodeRuntime.runMain
)
