import type { Health } from "../gateway/Contract.ts"
import * as Format from "../view/Format.ts"

type Market = Health["market"]

export interface MarketName {
  readonly kind: "simulated" | "recorded" | "live" | "closed"
  readonly text: string
  readonly title: string
}

const paceOf = (speed: Market["speed"]): string => (speed === null ? "" : speed === "max" ? " · as fast as it can" : ` · ${speed}×`)
/** "pre_open" as "pre-open". A phase that adds nothing to the badge is omitted. */
const phaseOf = (phase: string | null): string => (phase === null || phase === "closed" ? "" : ` · ${phase.replaceAll("_", "-")}`)

/** Names the market that the page shows, so that no user takes a simulation for the exchange. */
export const of = ({ mode, state, time, speed, phase }: Market): MarketName => {
  const day = Format.longDay(Date.parse(time))
  switch (mode) {
    case "days":
      return { kind: "simulated", text: `SIMULATED ${day}${paceOf(speed)}`, title: "Days of the simulator: no exchange takes part" }
    case "synthetic":
      return { kind: "simulated", text: "SIMULATED", title: "Prices of the simulator: no exchange takes part" }
    case "recorded": {
      const end = state === "ended" ? " · ended" : ""
      return { kind: "recorded", text: `RECORDED ${day}${paceOf(speed)}${end}`, title: `A recording of ${day} is played` }
    }
    case "live":
      return state === "running"
        ? { kind: "live", text: `LIVE${phaseOf(phase)}`, title: "Prices of the exchange" }
        : { kind: "closed", text: `CLOSED${phaseOf(phase)}`, title: "The market is closed: the last values are shown" }
  }
}
