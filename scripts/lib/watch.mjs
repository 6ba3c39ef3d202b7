import { setTimeout as sleep } from "node:timers/promises"
import { marketName } from "./market.mjs"
import { log } from "./paths.mjs"

const everyMs = 1_000
const firstWithinMs = 60_000

const asker =
  ({ gateway_url, token }) =>
  async (path) => {
    const response = await fetch(`${gateway_url}${path}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(2_000)
    })
    return response.ok || path === "/health" ? response.json() : undefined
  }

const side = (name, row) =>
  row?.delta == null
    ? `${name} -`
    : `${name} ${row.last_price ?? "-"} iv ${(row.iv * 100).toFixed(2)} % delta ${row.delta} theta ${row.theta}`

/**
 * The market, the chain at the money and the newest strategy, in up to three lines; undefined if there is nothing to show. Numbers of
 * an earlier run are not shown: if market time is real time, their time is before `sinceMs`.
 */
const look = async (ask, symbol, sinceMs) => {
  const { market } = await ask("/health")
  const isNew = ({ as_of }) => market.mode === "recorded" || market.mode === "days" || Date.parse(as_of) >= sinceMs
  const expiry = (await ask(`/fo/expiries?symbol=${symbol}`))?.expiries?.[0]
  const chain = expiry === undefined ? undefined : await ask(`/fo/strikes?symbol=${symbol}&expiry=${expiry}`)
  const money = chain?.strikes?.find(({ strike }) => strike === chain.atm_strike)
  if (money === undefined || !isNew(chain)) return market.state === "closed" ? [`  ${marketName(market)}`] : undefined
  const listed = (await ask("/strategies?limit=1"))?.strategies?.[0]
  const strategy = listed === undefined ? undefined : await ask(`/strategies/${listed.strategy_id}`)
  const value = strategy?.latest
  return [
    `  ${marketName(market)}`,
    `  ${symbol}  ${chain.spot}  ${expiry} ${chain.atm_strike}: ${side("call", money.call)}, ${side("put", money.put)}`,
    ...(value == null || !isNew(value)
      ? []
      : [`  ${strategy.name}  profit ${value.total_pnl ?? "-"}  net premium ${value.m2m ?? "-"}  net delta ${value.net_delta ?? "-"}`])
  ]
}

/** Number of terminal lines that the next look replaces. */
let shown = 0

/** Writes a permanent line above the lines that are replaced every second. */
export const say = (text) => {
  log(text)
  shown = 0
}

/**
 * Shows that the platform works: every second in place on a terminal, once if output goes to a file. There a market counts as closed only
 * when it sent nothing for all of `firstWithinMs`, because its first tick comes after the start. An error here never stops the start.
 */
export const watch = async (facts, { symbol, sinceMs }) => {
  if (facts.token === null) return
  const ask = asker(facts)
  let hasShown = false
  let closed = []
  for (const endMs = Date.now() + firstWithinMs; hasShown || Date.now() < endMs; await sleep(everyMs)) {
    const lines = await look(ask, symbol, sinceMs).catch(() => undefined)
    if (lines === undefined) continue
    if (process.stderr.isTTY) {
      const texts = lines.map((line) => `\x1b[2K${line.slice(0, (process.stderr.columns ?? 160) - 1)}\n`)
      process.stderr.write(`${shown > 0 ? `\x1b[${shown}A\x1b[J` : ""}${texts.join("")}`)
      shown = lines.length
      hasShown = true
    } else if (lines.length > 1) return log(lines.join("\n"))
    else closed = lines
  }
  if (closed.length > 0) log(closed.join("\n"))
}
