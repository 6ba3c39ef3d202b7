import { basename } from "node:path"

const day = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Kolkata", day: "numeric", month: "short", year: "numeric" })
const clock = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Kolkata", hour: "2-digit", minute: "2-digit", second: "2-digit" })

const paceOf = (speed) => (speed === null ? "" : speed === "max" ? ", as fast as it can" : `, ${speed} times as fast`)
const phaseOf = (phase) => (phase === null || phase === "closed" ? "" : `, ${phase.replaceAll("_", "-")}`)

/** The market's name in the words of the page's badge. `market` is that of /health. */
export const marketName = ({ mode, state, time, phase, speed }) => {
  const atMs = Date.parse(time)
  const when = `${day.format(atMs)} ${clock.format(atMs)}`
  const end = state === "ended" ? ", ended" : ""
  switch (mode) {
    case "synthetic":
      return "SIMULATED (the simulator's prices, no exchange takes part)"
    case "days":
      return `SIMULATED ${when}${paceOf(speed)}${end}`
    case "recorded":
      return `RECORDED ${when}${paceOf(speed)}${end}`
    default:
      return state === "running" ? `LIVE${phaseOf(phase)}` : `CLOSED${phaseOf(phase)}`
  }
}

const some = (count, text) => (count === 0 ? [] : [text(count.toLocaleString("en-IN"))])

/** Describes a recording's contents. `facts` is the `recording` of the simulator's /market. */
export const recordingName = (file, facts) =>
  [
    `${basename(file)}: ${facts.contracts.toLocaleString("en-IN")} contracts`,
    ...some(facts.not_in_dump, (count) => `${count} of them not in the instruments dump (made-up tokens)`),
    ...some(facts.lines_skipped, (count) => `${count} ${count === "1" ? "line" : "lines"} skipped (simulator.log says why)`),
    facts.counted === "units"
      ? `its open interest is in units${facts.counted_by === "values" ? " (--oi contracts if it is not)" : ""}`
      : `its open interest is in contracts, shown in units${facts.counted_by === "values" ? " (--oi units if it is not)" : ""}`
  ].join("; ")
