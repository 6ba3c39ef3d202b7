import { createReadStream, statSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { extname, join, normalize } from "node:path"
import { WebSocketServer } from "ws"
import type { OptionRow } from "../../src/contract/chains/ChainsApi.ts"
import type { Health } from "../../src/contract/service/HealthReport.ts"
import type { ChainUpdate } from "../../src/contract/sockets/SocketMessages.ts"

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml"
}
const expiry = "2026-11-24"
const firstStrike = 15_000
const strikeStep = 50
/** Number of different messages. They are made once and sent in a cycle. */
const rounds = 24

const madeAt = "2026-11-24T03:45:00.000Z"
const subscription = { status: "active", requested_mode: "FULL", account_id: null, created_at: madeAt, updated_at: madeAt }
const underlying = {
  symbol: "NIFTY",
  exchange: "NSE",
  instrument_token: 256_265,
  tradingsymbol: "NIFTY 50",
  name: "NIFTY 50",
  lot_size: 75,
  expiries: [expiry],
  future_expiries: []
}
const health: typeof Health.Encoded = {
  status: "ok",
  reason: null,
  environment: "bench",
  writers: {},
  executors: {},
  processes: {},
  restarts: [],
  interruptions: [],
  ticker: { running: true, active_subscriptions: 2, accounts: {} },
  dependencies: {
    redis: "not configured",
    database: "ok",
    nats: "ok",
    instrument_registry: { status: "ok", instruments: 2, trade_date: null }
  },
  market: { mode: "synthetic", state: "running", time: madeAt, phase: null, speed: null }
}
const answers: Readonly<Record<string, unknown>> = {
  "/auth/test": { user_id: "bench", email: null, name: "bench", role: "user" },
  "/instruments/fo-enabled": { underlyings: [underlying], total: 1, limit: 1000, offset: 0 },
  "/fo/expiries": { symbol: "NIFTY", expiries: [expiry] },
  "/strategies": { strategies: [], total: 0, limit: 100, offset: 0 },
  "/subscriptions": {
    subscriptions: [
      { instrument_token: 1, tradingsymbol: "NIFTY26NOV24500CE", segment: "NFO-OPT", ...subscription },
      { instrument_token: 256_265, tradingsymbol: "NIFTY 50", segment: "INDICES", ...subscription }
    ],
    total: 2,
    limit: 1000,
    offset: 0
  },
  "/health": health
}

/** No two neighbouring options in a round are equal in any of the nine columns. */
const option = (token: number, distance: number, round: number): typeof OptionRow.Encoded => {
  const last = Math.max(0.05, 400 - Math.abs(distance) / 12 + ((token * 7 + round * 13) % 97) * 0.05)
  return {
    instrument_token: token,
    tradingsymbol: `NIFTY26N24${token}`,
    last_price: last,
    bid: last - 0.05,
    ask: last + 0.05,
    volume: 1_000_000 + token * 100 + round * 15_000,
    oi: 5_000_000 + ((token * 31) % 100) * 40_000 + round * 75_000,
    oi_change: (round - 12) * 65_000 + token,
    price_change: last - 100,
    iv: 0.12 + ((token + round) % 50) / 1000,
    delta: ((token + round * 7) % 100) / 100,
    gamma: 0.001,
    theta: -5 - ((token + round * 3) % 100) / 10,
    vega: 12.5,
    rho: 3.25,
    as_of: new Date().toISOString(),
    quality: "live",
    age_ms: 0,
    priced_at: madeAt
  }
}

/** The form of /fo/stream: the whole chain, then deltas in which everything changed. */
const update = (rows: number, kind: "chain" | "delta", round: number): string => {
  const spot = firstStrike + (rows / 2) * strikeStep + (round % 5)
  const strikes = Array.from({ length: rows }, (_, at) => {
    const strike = firstStrike + at * strikeStep
    return { strike, call: option(at, strike - spot, round), put: option(rows + at, spot - strike, round) }
  })
  const message: typeof ChainUpdate.Encoded = {
    type: "update",
    symbol: "NIFTY",
    expiry,
    kind,
    epoch: 1,
    seq: 0,
    as_of: new Date().toISOString(),
    valued_at: new Date().toISOString(),
    spot,
    spot_change: round - 12,
    forward: spot + 40 + round / 10,
    atm_strike: firstStrike + (rows / 2) * strikeStep,
    atm_iv: 0.12 + round / 1000,
    max_pain: firstStrike + (rows / 2) * strikeStep,
    pcr: 1 + round / 100,
    totals: { call_oi: 10_000_000 + round * 100_000, put_oi: 9_000_000 + round * 90_000, pcr_volume: 0.9 + round / 100 },
    oi_coverage: { counted: 2 * rows, listed: 2 * rows },
    oi_change_from: "previous_session",
    strikes
  }
  return JSON.stringify(message)
}

/** A message is made once and sent many times, each time with a different position in the stream. */
const placed = (text: string, seq: number): string => text.replace('"seq":0', `"seq":${seq}`)

const serve = (folder: string) => (request: IncomingMessage, response: ServerResponse) => {
  const path = (request.url ?? "/").split("?", 1)[0] ?? "/"
  const answer = answers[path]
  if (answer !== undefined) return response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer))
  const file = join(folder, normalize(path === "/" ? "/index.html" : path))
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return response.writeHead(404).end("{}")
  response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream" })
  return createReadStream(file).pipe(response)
}

/**
 * Serves the built page and its requests, and a chain in which every number changes `perSecond` times. No gateway affects the
 * measurement.
 */
export const start = async (folder: string, { rows, perSecond }: { readonly rows: number; readonly perSecond: number }) => {
  const deltas = Array.from({ length: rounds }, (_, round) => update(rows, "delta", round))
  const server = createServer(serve(folder))
  const sockets = new WebSocketServer({ server, handleProtocols: () => "tarang.v1" })
  let sent = 0
  sockets.on("connection", (socket, request) => {
    const isChain = request.url?.startsWith("/fo/stream") === true
    let timer: ReturnType<typeof setInterval> | undefined
    socket.on("message", (text) => {
      const { action } = JSON.parse(String(text)) as { readonly action: string }
      if (action === "ping") socket.send('{"type":"pong"}')
      if (!isChain || action !== "subscribe" || timer !== undefined) return
      socket.send(placed(update(rows, "chain", 0), ++sent))
      timer = setInterval(() => socket.send(placed(deltas[++sent % rounds] ?? "", sent)), 1000 / perSecond)
    })
    socket.on("close", () => clearInterval(timer))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/#token=bench`,
    stop: () => {
      for (const socket of sockets.clients) socket.terminate()
      server.closeAllConnections()
      server.close()
    }
  }
}
