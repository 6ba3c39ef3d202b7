import { accountFields } from "./AccountTexts.ts"

export interface Text {
  readonly summary: string
  readonly description: string
}

const of = (summary: string, description: string): Text => ({ summary, description })

/** Summary and description of each operation, by its id in /openapi.json. */
export const operations: Readonly<Record<string, Text>> = {
  health: of("Health of the platform", "Answers from probes that run each second. `reason` lists every problem. No credentials."),
  live: of("Whether the process lives", "An orchestrator restarts the process when this does not answer. No credentials."),
  ready: of(
    "Whether users may be sent here",
    "503 until the database has answered, NATS is connected and the streams are read. No credentials."
  ),
  metrics: of("Metrics", "Prometheus text. No credentials: keep it on a private network."),
  authTest: of("Who is asking", "The user of the credentials that were sent."),
  "subscriptions.list": of("List subscriptions", "All users' subscriptions, by token."),
  "subscriptions.save": of(
    "Subscribe to an instrument",
    "Starts its market data, or raises the mode of an active subscription. Without `account_id` the platform chooses the account."
  ),
  "subscriptions.saveAll": of("Subscribe to many instruments", "Each entry is saved or refused by itself; `refused` says why."),
  "subscriptions.get": of("One subscription", "By the instrument's token."),
  "subscriptions.change": of("Change a subscription", "Its creator or an administrator may change mode, status and account."),
  "subscriptions.deactivate": of("End a subscription", "Its creator or an administrator; 409 while a strategy's leg needs it."),
  "subscriptions.reload": of(
    "Read subscriptions again",
    "Asks the engine to compare what it streams with the database now. The answer does not wait for the comparison."
  ),
  "windows.list": of("List windows", "Every user's windows that follow the money, by id."),
  "windows.create": of(
    "Stream an underlying around the money",
    "The window subscribes the underlying, its nearest future and the strikes around the money. It follows the money and rolls to the next expiry by itself."
  ),
  "windows.remove": of("End a window", "Its creator or an administrator. What only this window asked for ends with it."),
  "strategies.list": of("List your strategies", "In the order of their ids."),
  "strategies.create": of("Create a strategy", "Stores the strategy with all of its legs, or nothing."),
  "strategies.get": of("One strategy", "With its legs and its newest mark."),
  "strategies.change": of("Change a strategy", "Name, description, tags or status; what is left out stays."),
  "strategies.remove": of("Delete a strategy", "With its legs, fills and candles."),
  "strategies.legs": of("Legs of a strategy", "In the order of their ids."),
  "strategies.addLeg": of("Add a leg", "Its instrument is subscribed while the leg exists."),
  "strategies.addLegs": of("Add several legs", "Adds all of them or none, so that no value of the strategy counts only some of them."),
  "strategies.changeLeg": of("Change a leg", "Direction, quantity or entry price; what is left out stays."),
  "strategies.removeLeg": of("Remove a leg", "The subscription of its instrument may end with it."),
  "strategies.m2m": of("Candles of a strategy's value", "Open, high, low and close of `m2m` over the interval, ascending."),
  "positions.record": of("Record fills", "Imports trades of a strategy. A fill whose `external_id` is known is not recorded twice."),
  "positions.pnl": of("Profit and loss", "Realised and unrealised, first in first out and by average cost."),
  "positions.greeks": of("Greeks of a strategy", "By leg and net, of what is held now."),
  "positions.scenario": of(
    "A strategy under many scenarios",
    "Profit and Greeks of the open holdings in each combination of date, volatility shift and spot shift."
  ),
  "positions.payoff": of("Payoff of a strategy", "At expiry and at a date under shifts of spot and volatility."),
  "fo.expiries": of("Expiries of an underlying", "Those that have not expired at market time, ascending."),
  "fo.strikes": of("Option chain", "Every strike with prices, open interest, volatility and Greeks of its call and put."),
  "fo.maxPain": of("Max pain", "The strike at which all open options together would pay their buyers least at expiry."),
  "fo.pcr": of("Put-call ratios", "By open interest and by volume."),
  "foInstruments.indicators": of(
    "Metrics on offer",
    "The columns of a chain that /fo/strike-distribution and the series over time take as `metric`."
  ),
  "foInstruments.instruments": of(
    "Options and futures of an underlying",
    "Those that have not expired, by expiry, the future before the options, then by strike."
  ),
  "instruments.search": of("Search instruments", "By symbol or name, and by exchange, segment, underlying and expiry."),
  "instruments.foEnabled": of("Underlyings with derivatives", "By name, with their expiries."),
  "instruments.bySymbol": of("One instrument by symbol", "By exchange and tradingsymbol."),
  "instruments.get": of("One instrument by token", "Of the day's instruments."),
  "instruments.refresh": of("Load instruments again", "From the broker, at most once a minute. It happens by itself each morning."),
  "history.history": of(
    "Candles of an instrument",
    "Our own minutes where they are complete, and the broker's history for the rest. Options have Greeks at each close."
  ),
  "history.historical": of("Candles by symbol", "The same candles for a symbol, without Greeks."),
  "udf.config": of("TradingView configuration", "What the datafeed supports, for a charting front end."),
  "udf.time": of("TradingView server time", "Market time, UNIX seconds, as text."),
  "udf.symbols": of("TradingView symbol", "How a chart shows a symbol."),
  "udf.search": of("TradingView symbol search", "Symbols that match a text."),
  "udf.history": of("TradingView bars", "Columns of one length. `countback` takes precedence over `from`."),
  "udf.quotes": of("TradingView quotes", "Prices of up to 100 symbols."),
  "calendar.status": of(
    "Phase of an exchange now",
    "By the rulebook at market time: whether it trades, today's session and the next opening."
  ),
  "calendar.hours": of("Hours of a day", "The session of an exchange on a day and its phases, by the rulebook."),
  "calendar.tradingDays": of("Trading days", "Days of a span on which an exchange trades, ascending."),
  "calendar.nextTradingDay": of("Next trading day", "The first day after a day on which an exchange trades."),
  "calendar.holidays": of("Holidays", "Days on which exchanges are closed or trade in a special session, each with its source."),
  "calendar.addEntry": of(
    "Add a calendar entry",
    "For administrators. Adds a day, a complete list (`known`) or new hours to the shipped rules. The entry is in force when the answer arrives, and in other processes a moment later. It changes no other day."
  ),
  "calendar.changeEntry": of("Change a calendar entry", "For administrators. The new entry replaces the old one."),
  "calendar.removeEntry": of("Delete a calendar entry", "For administrators. The shipped rules apply again."),
  "calendar.importEntries": of(
    "Import calendar entries",
    "For administrators. Saves all entries or none. An entry that exists already stays; one of the same day and calendars is replaced."
  ),
  "calendar.changes": of("Changes of the calendar", "For administrators. Who changed which entry when, newest first."),
  "corporateActions.list": of(
    "Corporate actions",
    "Splits, bonus and rights issues and dividends with their factors and sources, newest first."
  ),
  "corporateActions.importAll": of(
    "Import corporate actions",
    "For administrators. Saves all actions or none. An existing action of the same share, day and kind is corrected."
  ),
  "corporateActions.remove": of("Delete a corporate action", "For administrators."),
  "calendar.expiries": of(
    "Expiries with labels",
    "Expiries of an underlying with their instants and labels: current week, next month, ..."
  ),
  "settlements.list": of("Settlement prices", "Final prices of expired contracts and where each is from; the newest expiry first."),
  "settlements.enter": of(
    "Enter a settlement price by hand",
    "For administrators. `reference` says where the price is from. It replaces a computed price, and every strategy that held the contract realises its profit at it."
  ),
  "orders.submit": of(
    "Place, modify or cancel an order",
    "Makes one order task for each Idempotency-Key. 202 for a new task, also once it has ended within `wait_ms`; 200 with the same task for a key that was used before with the same body. 409 for a key with another body. 422 names each rule that refuses the order. `mode` of the task is `paper` where the platform itself carries it out. With `slice` an order above the freeze quantity is cut into tasks that are sent one after the other."
  ),
  "orders.basket": of(
    "Place orders one after the other",
    "Makes one task for each order, all or none. Each is sent when the one before it is completed. The first that ends without its order stops the rest, which end as CANCELLED. Orders that were placed stay, or are taken back where `on_failure` is `compensate`: what is open is cancelled, and what was traded is closed by an order of the opposite side at the market. 200 for a key that was used before with the same body."
  ),
  "orders.basketOf": of(
    "One basket",
    "The basket's tasks and, with `on_failure` `compensate`, what was taken back. 404 for a basket of an account that the caller may not use."
  ),
  "orders.tasks": of("List order tasks", "Of the accounts that the caller may use, newest first."),
  "orders.task": of("One order task", "With every attempt and what the broker answered."),
  "orders.cancelTask": of("Cancel an order task", "Only before it was sent; 409 afterwards: cancel its order instead."),
  "orders.deadLetters": of(
    "List failed order tasks",
    "Dead letters, and parked tasks whose outcome nobody knows. `error` filters by a part of the error."
  ),
  "orders.retry": of(
    "Retry a failed order task",
    "A new task with the same request and a key of its own. A parked task needs a newer reading of the order book that does not show its order; 409 until then, and for a task of another mode than the account's."
  ),
  "accounts.list": of("List your accounts", "Accounts that the caller linked or owns by ACCOUNTS_FILE; an administrator sees all."),
  "accounts.link": of(
    "Link an account",
    "The caller owns it. Its key and secret are stored encrypted, and no answer contains them. It begins in paper mode and streams once somebody signs in at /kite/login."
  ),
  "accounts.get": of("One account", "With its mode and its session at the broker."),
  "accounts.remove": of(
    "Remove an account",
    "Its streams end at once, and its secrets are deleted. 409 for an account of ACCOUNTS_FILE, and while order tasks run."
  ),
  "kite.login": of(
    "Sign in at the broker",
    "Redirects to the broker's login page. The login has to come back to /kite/callback within ten minutes. With `redirect=false` the answer is the page's address instead."
  ),
  "kite.callback": of(
    "The broker's answer to a login",
    "The address to register with the broker's app. Takes a login that /kite/login began, once. No credentials: `state` is the proof."
  ),
  "strategyLimits.limits": of(
    "Limits of a strategy's orders",
    "The limits; and the stop, if one is not released yet, with how far it has closed the strategy's positions in each account."
  ),
  "strategyLimits.setLimits": of(
    "Set the limits of a strategy's orders",
    "Replaces all limits; null removes one. A stop stays until it is released. For the strategy's owner."
  ),
  "strategyLimits.removeLimits": of(
    "Remove the limits of a strategy's orders",
    "A stopped strategy has to be released first. For the strategy's owner."
  ),
  "strategyLimits.release": of(
    "Release a stopped strategy",
    "Its orders may open positions again, and no more closing orders are made. If its loss still reaches the limit, the next mark stops it again: raise the limit first. For the strategy's owner."
  ),
  "accounts.limits": of(
    "Limits of an account's orders",
    "A limit of null does not apply. `stop` is the stop by the day's loss, if it is not released yet, with how far it has closed the account's positions."
  ),
  "accounts.setLimits": of(
    "Set the limits of an account's orders",
    "Replaces all limits; null removes one. `max_total_lots` and `loss_action` count as null when they are left out. A stop stays until it is released."
  ),
  "accounts.releaseLimits": of(
    "Release an account that its loss stopped",
    "Two steps: a request without `release_token` answers a token that is valid for a minute. A request with the token releases the account: its orders may open positions again, and no more closing orders are made. If the loss still reaches the limit, the account is stopped again: raise the limit first."
  ),
  "accounts.mode": of(
    "Mode of an account",
    "A new account is in paper mode: the platform matches its orders with the live books itself, and nothing reaches the broker."
  ),
  "accounts.setMode": of("Set the mode of an account", "`live` needs `confirm` with the account's id."),
  "accounts.stop": of("Whether an account's orders are stopped", "The newest stop, of this account or of all accounts, with its reason."),
  "accounts.kill": of(
    "Stop an account's orders",
    "Refuses new orders, and cancels the tasks that were not sent and the open orders at the broker. The answer waits a few seconds for the broker; the cancellations go on after it."
  ),
  "accounts.release": of(
    "Release an account's orders",
    "Two steps: a request without `release_token` answers a token that is valid for a minute. A request with the token allows orders again."
  ),
  "accounts.killAll": of(
    "Stop the orders of all accounts",
    "For administrators. Refuses new orders, and cancels the tasks that were not sent and the open orders of every account."
  ),
  "accounts.releaseAll": of("Release the orders of all accounts", "For administrators, in two steps as for one account."),
  "portfolio.sync": of(
    "Compare an account with the broker",
    "Reads orders, trades, positions, holdings and funds from the broker, answers what differed from what was held, and keeps the broker's figures. `state` is `asked` if the broker did not answer in time: the comparison goes on."
  ),
  "portfolio.orders": of(
    "Orders of an account",
    "Today's orders, in the order of their ids, also those that were placed elsewhere. Kite's fields."
  ),
  "portfolio.trades": of("Trades of an account", "Today's trades, oldest first. Kite's fields."),
  "portfolio.positions": of(
    "Positions of an account",
    "`net` is what is held with what was carried from earlier days, `day` what was traded today. Kite's fields."
  ),
  "portfolio.holdings": of("Holdings of an account", "Delivered shares. Kite's fields."),
  "portfolio.funds": of(
    "Funds of an account",
    "Cash and margins of both segments; null: the account does not have the segment. Kite's fields."
  ),
  "postback.take": of(
    "Take a postback of the broker",
    "What became of an order, as Kite posts it to the app's postback address. No credentials but the checksum: SHA-256 of order_id, order_timestamp and the app's secret."
  ),
  "orders.charges": of(
    "Charges of hypothetical orders",
    "By today's rates and Kite's rounding, for each order and in total. An order without a price gets the last one. Nothing is sent to the broker."
  ),
  "orders.gtt": of(
    "List good-till-triggered orders",
    "The account's triggers as its broker lists them, also those that were made elsewhere. 503 if the broker cannot be asked. A paper account has none."
  ),
  "orders.placeGtt": of(
    "Make a good-till-triggered order",
    "The broker keeps it until a price is reached, and then places its order. Makes an order task of the Idempotency-Key, as POST /orders does; `order_id` of the completed task is the trigger's id. 422 names each rule that refuses it, and a paper account."
  ),
  "orders.changeGtt": of(
    "Change a good-till-triggered order",
    "Replaces all terms of an active trigger, by an order task of the Idempotency-Key."
  ),
  "orders.removeGtt": of(
    "Delete a good-till-triggered order",
    "By an order task of the Idempotency-Key. It is allowed while orders are stopped, because it only lowers the risk."
  ),
  "orders.margins": of(
    "Margins of hypothetical orders",
    "What each order blocks, what all of them block together beside the account's positions, and their charges by today's rates. A live account's broker answers; 503 if it cannot be asked, and 422 with its words if it refuses the orders. For a paper account the public rule answers: a bought option blocks its premium and shares for delivery their value. For anything else the account's broker is asked, and the margin is null where it does not answer. Nothing is ordered."
  ),
  "monitor.snapshot": of(
    "An underlying at a glance",
    "Price, futures, forward, volatility at the money, straddle and open interest. NIFTY by default, at the nearest expiry that is streamed."
  ),
  "monitor.history": of(
    "An underlying over time",
    "From stored bars, fetched from the broker where they are missing: the underlying's, and the closes of its nearest future and of the call and put of one strike, which is that at the money now by default. Volatilities and Greeks are not in it."
  ),
  "monitor.greeks": of(
    "Greeks at the money",
    "Of the call, the put and their straddle; and of each side's whole open interest, which is Σ open interest x Greek of the streamed options."
  ),
  "monitor.straddle": of(
    "Straddle and strangles",
    "The straddle at the money and the strangles around it, with break-evens, implied move and Greeks."
  ),
  "monitor.iv": of(
    "Volatility of an underlying",
    "At the money, with the move it implies until expiry, the skew between the wings at delta 0.25, and the term structure over the expiries."
  ),
  "monitor.oi": of("Open interest of an expiry", "Totals, put-call ratios, max pain, and the strikes with the most open interest."),
  "monitor.movers": of(
    "Options that moved most",
    "By price in percent and by open interest, up and down, and the most traded ones. Changes are relative to the base that `oi_change_from` names."
  ),
  "monitor.health": of(
    "Freshness of an underlying",
    "`stale` when the spot price or the chain is older than `stale_after_ms` by market time, `no_data` before anything is published; `reasons` says what."
  ),
  "backfills.list": of("List backfills", "Those of all users, the newest first. Ended ones are kept for a while."),
  "backfills.create": of(
    "Fetch missing bars",
    "Finds the days of the span whose bars are missing or incomplete, by each exchange's sessions, and fetches them from the broker within its limits, one instrument after the other. A repeated request answers the open backfill of the same days and instruments; a later one fetches only what is still missing."
  ),
  "backfills.get": of(
    "Progress of a backfill",
    "How many instruments are done or failed, requests and bars so far. It goes on after a restart."
  ),
  "backfills.instruments": of("Instruments of a backfill", "In the order of the request, each with its bars and its last error."),
  "backfills.cancel": of("Cancel a backfill", "Its creator or an administrator; 409 once it has ended. Bars that were fetched stay."),
  "alerts.list": of("List your alerts", "By id, including those that have fired and will not fire again."),
  "alerts.create": of(
    "Create an alert",
    "Looks at one value of an instrument, a chain, a strategy or an account's market data, and fires when it reaches the threshold: once, or again each time it has come back by the hysteresis. Its events are published on `alert.evt.<owner>`, listed by /alerts/{id}/events, and sent to its webhook, signed with a secret that only this answer shows."
  ),
  "alerts.get": of("One alert", "With its state and the time of its newest event."),
  "alerts.change": of(
    "Change an alert",
    "What is left out stays. A changed rule begins again, as a new alert would. A new webhook address gets a new secret; null removes it."
  ),
  "alerts.remove": of("Delete an alert", "With its events."),
  "alerts.events": of("Events of an alert", "The newest first, each with its delivery to the webhook. They are kept for 90 days."),
  "mcp.message": of(
    "Tools for assistants",
    "One message of the Model Context Protocol as JSON-RPC 2.0. Its tools are the GETs of this document, with the caller's rights; nothing changes state. 202 without a body for a notification."
  ),
  "labels.list": of("List your labels", "Ascending by time; of one instrument and a span where they are named."),
  "labels.create": of("Create a label", "A note on an instrument at an instant. Charts show it as a mark, and /labels/stream sends it."),
  "labels.change": of("Change a label", "What is left out stays."),
  "labels.remove": of("Delete a label", "Charts no longer show it."),
  "labels.marks": of("Marks of a chart", "Your labels at bars, as TradingView's getMarks expects them; the newest 1,000 of the span."),
  "labels.timescaleMarks": of(
    "Marks below a chart",
    "Your labels with `place` timescale, as TradingView's getTimescaleMarks expects them; the newest 1,000 of the span."
  ),
  "udf.marks": of("Marks at bars", "The caller's labels in the protocol's columns; none for an unknown symbol, or without a sign-in."),
  "udf.timescaleMarks": of(
    "Marks on the time scale",
    "The caller's labels with `place` timescale; none for an unknown symbol, or without a sign-in."
  ),
  "apiKeys.list": of("List your API keys", "By id, including ended ones. The texts of the keys are not stored."),
  "apiKeys.create": of(
    "Create an API key",
    "The answer shows its text, which nobody can read again. A scope is `<group>:read` or `<group>:write`, where the group is the first part of a path, or `*`. A key may do no more than its maker."
  ),
  "apiKeys.get": of("One API key", "With its scopes, its end and its last use."),
  "apiKeys.revoke": of("Revoke an API key", "Every gateway refuses it at once, and closes its WebSockets."),
  "apiKeys.rotate": of(
    "Replace an API key",
    "The new key has the same name, role, scopes and length of life. The old one is accepted for `overlap_s` more seconds."
  ),
  "depth.get": of(
    "Order book of an instrument",
    "Five levels of each side with spread, imbalance, weighted mid, the slippage of a size and a liquidity score. Empty until a packet in full mode came."
  ),
  "futures.positionSignals": of(
    "Positions in futures",
    "Long and short build-up, covering and unwinding of each future, by change of price and open interest, with its basis and carry."
  ),
  "futures.rollover": of(
    "Roll into the next month",
    "How much open interest has rolled and what the roll costs. With `adjustment` also one series over the contracts, expired ones of the last ten trade dates too."
  ),
  "futures.rolloverPnl": of(
    "Profit and loss of a roll",
    "Of a position that is closed in the near month and opened again in the next. Prices that are left out are the last ones; what needs an unknown price is null."
  ),
  "indicators.available": of(
    "Indicators on offer",
    "With their settings, the permitted values of each setting, and the names of their outputs."
  ),
  "indicators.current": of(
    "Indicators at the newest bar",
    "The newest bar may still be open: `closed` is false then. Write several indicators with commas between them, such as `rsi(period=21),macd`."
  ),
  "indicators.atOffset": of("Indicators at an earlier bar", "`offset` counts bars back from the newest one."),
  "indicators.history": of(
    "An indicator over time",
    "One point for each bar, ascending; by default today's bars. The computation begins before `from`, so that the first point is as exact as the last."
  ),
  "indicators.batch": of(
    "Indicators of many instruments",
    "Each item is answered or refused by itself, as by /indicators/current; `refused` says why."
  ),
  "indicators.subscribe": of(
    "Stream indicators",
    "Adds them to your set, which stays until you unsubscribe: their values come on `ind.>` and /indicators/stream while the market moves. A set has at most 200."
  ),
  "indicators.unsubscribe": of(
    "End indicators",
    "Removes them from your set. The platform stops computing those that nobody else has subscribed to."
  ),
  "indicators.subscriptions": of(
    "Your set of indicators",
    "In the order of instrument, timeframe and id. The sets of single connections (/indicators/stream/session) are not included."
  ),
  "indicators.clearCache": of(
    "Forget computed indicators",
    "Answers are kept for a second. Streams are not affected. `removed` is the number of answers that were dropped."
  ),
  "exports.barsCsv": of(
    "Candles as CSV",
    "The candles of /history without Greeks, with their source and whether ticks may be missing (`complete` is 0 then). The file is streamed."
  ),
  "exports.barsParquet": of(
    "Candles as Parquet",
    "The candles of /history without Greeks, with their source and whether ticks may be missing (`complete` is 0 then). The file is streamed."
  ),
  "exports.chainsCsv": of(
    "Totals of a chain as CSV",
    "Spot, forward, volatility at the money, max pain, ratios and open interest of each stored minute. The file is streamed."
  ),
  "exports.chainsParquet": of(
    "Totals of a chain as Parquet",
    "Spot, forward, volatility at the money, max pain, ratios and open interest of each stored minute. The file is streamed."
  ),
  "exports.strikesCsv": of(
    "Options of a chain as CSV",
    "A row for each option of each stored minute; `strikes` chooses some. The file is streamed."
  ),
  "exports.strikesParquet": of(
    "Options of a chain as Parquet",
    "A row for each option of each stored minute; `strikes` chooses some. The file is streamed."
  ),
  "exports.moneynessCsv": of("A metric by distance from the money as CSV", "A row for each minute and bucket. The file is streamed."),
  "exports.moneynessParquet": of(
    "A metric by distance from the money as Parquet",
    "A row for each minute and bucket. The file is streamed."
  ),
  "exports.decayCsv": of("Decay of a straddle or strangle as CSV", "A row for each minute. The file is streamed."),
  "exports.decayParquet": of("Decay of a straddle or strangle as Parquet", "A row for each minute. The file is streamed."),
  "exports.distributionCsv": of("A metric over the strikes, over time as CSV", "A row for each minute. The file is streamed."),
  "exports.distributionParquet": of("A metric over the strikes, over time as Parquet", "A row for each minute. The file is streamed."),
  "replay.replay": of(
    "Stored messages",
    "Messages of one subject of the catalogue as they were published, for as long as their stream keeps them. Send `next` as `after` to get the next page."
  ),
  "foHistory.strikesHistory": of(
    "Strikes over time",
    "Calls and puts of some strikes as they were stored each minute: prices, open interest, volatility and Greeks. An interval has the values of its last stored minute. `total`, `limit` and `offset` count minutes or intervals."
  ),
  "foHistory.moneynessSeries": of(
    "A metric by distance from the money",
    "One metric in each minute, at the money or a number of strikes out of or in the money. The forward of each minute says where the money is."
  ),
  "foHistory.premiumDecay": of(
    "Decay of a straddle or strangle",
    "The premium of a call and a put, its change since the first minute of the span, the part of it that theta explains, and the rest. The strikes stay those of the first minute."
  ),
  "foHistory.strikeDistributionHistory": of(
    "A metric over the strikes, over time",
    "Sums, peaks and centre of one metric of the whole chain in each minute."
  ),
  "foHistory.ivRank": of(
    "Rank of volatility",
    "Today's volatility of a constant time to expiry among the closes of past days, and the term structure with the expected move of each expiry."
  ),
  "foAnalysis.gex": of("Gamma exposure", "Dealers' gamma by strike and the level at which it changes sign."),
  "foAnalysis.strikeDistribution": of("A metric over the strikes", "One metric of calls and puts by strike, with their sums and peaks."),
  "foAnalysis.oiAnalysis": of(
    "Build-up of open interest",
    "Long and short build-up, covering and unwinding, by change of price and open interest."
  ),
  "foAnalysis.ivSurface": of(
    "Volatility surface",
    "A smile for each expiry, fitted so that its prices allow no arbitrage, with the evidence of an independent check."
  ),
  "foAnalysis.scenario": of(
    "Legs under many scenarios",
    "Profit and Greeks of legs that are given, in each combination of date, volatility shift and spot shift."
  ),
  "foAnalysis.payoff": of(
    "Payoff of legs",
    "Of legs that are given: curve, break-evens, largest profit and loss, probability of profit and Greeks."
  )
}

/** The meaning of a field or parameter, by name, wherever it appears. */
export const fields: Readonly<Record<string, string>> = {
  background: "Such as #2962ff",
  border: "Such as #2962ff",
  butterfly: "Mean volatility of both wings less that at the money",
  call_close: "Close of the call's bar, rupees",
  call_iv: "Volatility of calls at delta 0.25",
  call_price: "Last price of the call, rupees",
  call_strike: "Rupees",
  chain_age_ms: "Age of the newest published chain",
  change_percent: "Change of the price, percent",
  color: "Such as #2962ff",
  count: "Number of contracts in each list",
  expected_move: "One standard deviation of the forward until expiry, rupees",
  expires_in_days: "After so many days the key ends",
  falling: "Largest decreases first",
  future: "Tradingsymbol of the nearest future",
  future_close: "Close of the future's bar, rupees",
  key_id: "Number of the key",
  keys: "By id",
  label: "Short text inside the mark",
  labelFontColor: "Colour of the short text",
  label_id: "Number of the label",
  last_used_at: "Within a minute; null before the first use",
  lower_break_even: "The put's strike less the price of both",
  market_time: "Market time of the answer",
  minSize: "Smallest size on the screen, pixels",
  move_percent: "The price of both as percent of the spot",
  open_interest: "Each side's Greeks times open interest, summed over the streamed strikes",
  overlap_s: "Seconds for which the old key is still accepted",
  pairs: "The straddle first, then the strangles outwards",
  place: "Where a chart shows it: at a bar or below the time scale",
  prefix: "Beginning of its text, by which its owner recognises it",
  put_close: "Close of the put's bar, rupees",
  put_iv: "Volatility of puts at delta -0.25",
  put_price: "Last price of the put, rupees",
  put_strike: "Rupees",
  reasons: "What is stale or missing",
  replaced_by: "Number of the key that replaces it; null if none does",
  revoked_at: "When it was revoked; null if it was not",
  rising: "Largest increases first",
  risk_reversal: "Volatility of the call wing less that of the put wing",
  rows: "Number of options by quality",
  scopes: "What the key may do: `<group>:read` or `<group>:write`",
  skew: "Volatilities at delta 0.25, and what they say about the smile",
  spot_age_ms: "Age of the spot price by market time; it does not grow during the closing auction",
  spot_change_percent: "Change of the spot since the previous close, percent",
  spot_time: "When the spot price was made, by the exchange's time",
  stale_after_ms: "Values older than this are stale",
  state_age_ms: "Age of the underlying's newest published state",
  steps: "Strikes out of the money on both sides; 0 is the straddle",
  straddle: "One call and one put at the money; null where the chain has none",
  term: "Volatility at the money of every live expiry, ascending",
  text: "What the label says",
  tooltip: "Lines of text shown at the mark",
  upper_break_even: "The call's strike plus the price of both",
  epoch: "When the stream was created, UNIX ms: sequences of different epochs cannot be compared",
  key: "The names of the subject in their order, with colons between them and without the owner, who is the caller",
  messages: "Ascending by sequence",
  stream: "Subject of the catalogue without its names",
  bucket: "Distance from the money: ATM, OTM1, ITM1, ...; in a query a list with commas",
  premium: "Call price plus put price, rupees",
  expected: "The change that theta explains, rupees",
  residual: "change less expected: moves of the underlying and of volatility, rupees",
  percentile: "Share of past days whose volatility was lower than now",
  rank: "0 at the lowest volatility of the past days and now, 1 at the highest",
  days: "Calendar days to look back",
  days_counted: "Past days that have a volatility",
  tenor_days: "The constant time to expiry of the volatility, calendar days",
  term_structure: "One entry for each expiry that has not passed, ascending",
  expected_move_percent: "expected_move in percent of the forward",
  request_token: "The broker's token, which can be exchanged for a session once",
  redirect: "`false`: answer the address instead of redirecting",
  owners: "Users who may use the account",
  origin: "`file`: from ACCOUNTS_FILE; `linked`: by a user",
  login_url: "The broker's login page for this login",
  login_failure: "Why the newest login at /kite/login failed; null if it did not",
  api_secret: "The secret of the broker's app",
  api_key: "The key of the broker's app",
  account: "The account's id",
  ...accountFields,
  wait_ms: "How long the answer may wait for the end of the task, ms",
  validity_ttl: "Minutes of validity TTL",
  validity: "DAY, IOC, or TTL with its minutes",
  valid_until: "Until when the release can be confirmed, ISO 8601",
  tasks: "Order tasks, newest first",
  task_id: "The order task's number",
  tag: "The order's tag at the broker, a hash of account, user and key",
  started_at: "ISO 8601",
  revision: "Grows with each change: the copy with the greater one is the newer one",
  retries: "The task that this one tries again; null if none",
  request: "What the broker is asked for",
  release_token: "Confirms the release in a second request",
  price_band_percent: "Percent from the last price beyond which a price is refused; null: no limit",
  outcome: "done, refused (nothing was carried out) or unknown; null while the answer is awaited",
  order_id: "The broker's id of the order; null until it is known",
  number: "Number of the attempt, from 1",
  max_orders_per_day: "Requests of a day; null: the broker's limit alone",
  max_order_value: "Rupees; larger orders are refused; null: no limit",
  max_daily_loss: "Rupees of loss of a day at which orders are refused; null: no limit",
  market_protection: "Percent by which a market order may move, or -1: the broker chooses",
  idempotency_key: "The key that the caller sent",
  iceberg_legs: "Parts of an iceberg order, 2 to 50, each of whole lots",
  iceberg_quantity: "Quantity of each leg of an iceberg order but the last, which takes the rest",
  http_status: "The broker's answer; null without one",
  error_type: "The broker's error_type, or our word for a failure below HTTP",
  error: "Why the task failed; as a filter: part of it",
  duplicate_window_s: "Within so many seconds the same order is refused; null: never",
  slices: "With slice: the tasks of all parts, in their order",
  slice: "Whether an order above the freeze quantity is cut into several; without it such an order is refused",
  disclosed_quantity: "The part of the quantity that the market sees",
  deadline_s: "Seconds after which a task that was not sent is given up",
  deadline_at: "After this time a task that was not sent is given up, ISO 8601",
  confirm: "The account's id once more, for mode `live`",
  cancelled: "Ids of the orders that the broker cancelled",
  not_cancelled: "Ids of open orders whose cancellation goes on or failed; see their tasks",
  accounts_unread: "Accounts whose order book was not read yet; their open orders are cancelled once it is",
  cancelled_tasks: "Tasks that were not sent and never will be",
  max_position_lots: "The largest position of one instrument with its open orders, in lots; null: no limit",
  on_failure: "`stop`: the first failure stops the rest, and placed orders stay. `compensate`: placed orders are taken back too",
  undoes: "The task of a basket whose order this one takes back; null for any other",
  basket_id: "A basket's id; of a task the basket that it belongs to, null for a single order",
  attempts: "Each request that was made for the task, with what the broker answered",
  at: "When it happened, ISO 8601",
  age_ms: "Age of the price at `as_of` of the chain, null without a price",
  brokerage: "The broker's fee",
  unsubscribed: "The ids that were in the set",
  choices: "The permitted values of a setting with names; null for a number",
  closed: "False while trades may still change the bar",
  default: "The value when it is left out",
  indicator: "An indicator with its settings in brackets, such as rsi(period=14)",
  indicators: "Indicators, each with its settings in brackets; in a query with commas between them",
  max: "The largest permitted value",
  min: "The smallest permitted value; null where it is any number above 0",
  outputs: "The names of its values, in the order to show them",
  removed: "How many were removed",
  requests: "Each with symbol, timeframe and indicators",
  results: "The answered items, in the order of the request",
  settings: "What can be set, with default and permitted values",
  timeframes: "Lengths of bars: 1m to 1h, and 1d",
  title: "Its name in words",
  values: "Each output by name; null until enough bars were seen",
  cause: "Why packets are missing: `connection`, `room`, `lease` or `stopped`",
  counted: "Options whose open interest is known",
  interruptions: "Times in which packets of an account are missing from the record, oldest first",
  listed: "Options of the expiry that the exchange lists, null while unknown",
  order_type: "Kite's order types; LIMIT and SL need a price",
  orders: "Of a level: orders at its price; of a request: in the order of the request",
  packets: "Packets known to be lost; null where nobody can count them",
  priced_at: "Exchange's time of the oldest price behind the numbers, ISO 8601",
  valued_at: "The instant from which option time is counted: `as_of` while the options trade, their close afterwards",
  product: "NRML and MIS for derivatives; CNC and MIS for shares",
  stt: "Transaction tax",
  transaction_type: "BUY or SELL",
  trigger_price: "The price that makes a stop order active, rupees",
  variety: "Kite's varieties",
  settlements: "Final settlement prices, the newest expiry first",
  reference: "Where a price that was entered by hand is from",
  account_id: "A broker account",
  adjustment:
    "none: prices as traded; back_difference, back_ratio: older contracts are shifted or scaled; forward_difference: newer ones are shifted",
  ask_units: "Units offered over all levels",
  asks: "Offers, the lowest price first",
  average_price: "Mean price of the filled units, null without any",
  bars: "Ascending by time",
  basis: "Future less spot, rupees",
  bid_units: "Units wanted over all levels",
  bids: "Bids, the highest price first",
  buy: "A market order that buys `size`",
  carry: "Yearly carry that the prices imply, continuously compounded, a fraction",
  change_from: "The base of the changes",
  close_price: "Price at which the near month is closed, decimal text; its last price unless given",
  continuous: "One series over the contracts; null unless `adjustment` is given",
  contract: "The contract that the bar is from",
  contracts: "Contracts, ascending by expiry",
  cost_percent: "Spread in percent of the near month's price",
  filled: "Units that the visible levels fill",
  futures: "Futures that have not expired, ascending by expiry",
  imbalance: "Bid units less ask units over all units, -1 to 1",
  liquidity: "How well a size can be traded",
  mid: "Mean of best bid and best ask, null without both",
  multiplier: "Units of the underlying per unit of quantity, from the rulebook",
  near: "The future that expires first",
  next: "The future after it",
  oi_share: "Part of the open interest of all months, 0 to 1",
  percent: "Open interest beyond the near month in percent of all months'",
  reference_size: "Units that one side must show for full depth in the score; ten lots unless given",
  roll_cost: "(open - close) x signed quantity, decimal text; not a loss by itself",
  score: "0 to 100; 0 for a crossed or one-sided book, null without a book",
  sell: "A market order that sells `size`",
  shape: "Whether both sides are there, and whether they cross; null before the first packet",
  signal: "What price and open interest together show",
  slippage: "Mean price against the best one, rupees per unit",
  slippage_to_mid: "Mean price against the mid, rupees per unit",
  spread_bps: "Spread over mid x 10,000",
  unfilled: "Units beyond the visible depth",
  unjoined: "Two contracts without a common bar, so that their prices cannot be joined",
  weighted_mid: "Nearer to the side that is used up first, null without both",
  accounts: "By account id",
  action: "What was done",
  actions: "Corporate actions",
  adjusted: "True for prices in the newest shares; otherwise the prices that were traded",
  changed: "How many were replaced",
  changed_at: "ISO 8601 UTC",
  changed_by: "The subject of the administrator's token",
  changes: "Newest first",
  close_before: "Close of the day before, rupees, decimal text; null where the factor needs none",
  corporate_actions: "Newest first",
  denominator: "Of the ratio",
  entry: "What the entry is: a day, a complete list (known), or new hours",
  ex_date: "The first day at the new price",
  imported_at: "ISO 8601 UTC",
  imported_by: "The subject of the administrator's token",
  note: "What a reader should know besides",
  numerator: "Of the ratio",
  price_factor: "A price before the day times this is comparable with prices from it on",
  rules: "The rules in force: the last day of the shipped circulars and the newest change",
  saved: "How many were new or corrected",
  security: "Of cash: shares of the closing auction (cas), or all others",
  shares_after: "So many shares the holder has after it",
  shares_before: "So many shares the holder had before it",
  summer_close: "Close while America is on summer time, IST",
  version: "Number of the change",
  active_subscriptions: "Subscriptions with status active",
  after: "The search begins behind this: a day, or a sequence",
  arbitrage: "Result of the check of the fitted prices",
  as_of: "Market time of the answer, ISO 8601 UTC",
  ask: "Best ask, null without a book",
  at_date: "Value at the date asked for, under the scenario",
  at_expiry: "Value at expiry",
  atm_iv: "At-the-money volatility as a fraction",
  atm_strike: "The strike nearest to the forward",
  average: "By average cost",
  bid: "Best bid, null without a book",
  break_evens: "Prices of the underlying at which the payoff at the horizon is zero",
  build_up: "Which build-up price and open interest show",
  c: "Closes",
  calendars: "The calendars it holds for",
  call: "The call of the strike, null if the chain has no call there",
  call_oi: "Open interest of all calls",
  call_oi_change: "Change of the calls' open interest",
  call_peak: "The strike with the calls' largest value",
  call_total: "Sum over the calls",
  candles: "Ascending by time",
  cells: "One cell for each date, volatility shift and spot shift, in this order",
  centre: "The spot the curve is drawn around",
  ch: "Change against the previous close",
  change: "What is to change",
  chp: "The same in percent",
  close: "Last price of the interval",
  closes_at: "End of trading, ISO 8601",
  code: "A word for programs: validation_error, not_found, ...",
  complete: "False while a price or Greek it needs is missing or stale; of a candle, if ticks or minutes may be missing in it",
  confidence: "How well the day is established",
  convention: "Names the model and its choices; docs/conventions.md has the formulas",
  countback: "So many bars before `to`; wins over `from`",
  created: "How many are new",
  created_at: "ISO 8601 UTC",
  crossed: "Strikes whose bid is above their ask",
  currency_code: "ISO 4217",
  curve: "Points of the payoff, ascending by spot",
  d: "One entry for each symbol",
  data_status: "TradingView's word for data that changes",
  database: "Postgres",
  date: "ISO 8601",
  dates: "Moments of the scenarios, now unless given; a day is the moment when its contracts end",
  delta: "Per 1.00 of the forward",
  dependencies: "The backends",
  desc: "For people",
  description: "For people",
  detail: "What is wrong, for people; null where nothing is",
  direction: "BUY or SELL",
  duplicates: "How many were known already",
  earlier_expiry: "The expiry before, of a calendar; null otherwise",
  email: "As the token has it",
  ended_reason: "Why the subscription ended by itself: expired, or no longer listed",
  ends_at: "End of the phase, ISO 8601",
  entry_price: "Rupees, decimal text",
  environment: "ENVIRONMENT of the process",
  errmsg: "What is wrong",
  errors: "Every wrong field",
  "exchange-listed": "The same as `exchange`",
  "exchange-traded": "The same as `exchange`",
  exchange: "NSE, NFO, BSE, BFO, MCX, CDS, ...",
  exchange_token: "The exchange's own number",
  exchanges: "Exchanges a search may name",
  executed_at: "When the fill happened, ISO 8601",
  expiration_date: "UNIX seconds",
  expired: "True once the contract has expired",
  expires_at: "Instant of expiry, ISO 8601 UTC",
  expiries: "Days, ascending",
  expiry: "Day of expiry, YYYY-MM-DD",
  external_id: "The trade's id where it comes from; the same id is recorded once",
  far: "Strikes more than four deviations from the forward",
  field: "Path of the wrong field",
  fifo: "First in, first out",
  fills: "Trades of the strategy",
  fitted_iv: "Volatility of the fitted smile; null without a fit",
  format: "How TradingView formats prices",
  formula: "How the figure is computed",
  forward: "Forward price for the expiry",
  alerts: "By id",
  backfills: "The newest first",
  condition: "`above` and `below` include the threshold; `crosses_above` and `crosses_below` first need a value on the other side",
  cooldown_s: "Least time between two events, seconds of market time",
  events: "The newest first",
  hysteresis: "How far the value has to come back behind the threshold before the alert may fire again, in the value's unit",
  on: "The value that the alert looks at",
  repeat: "Whether it fires again after the value has come back",
  threshold: "The value at which it fires, itself included; money as decimal text",
  webhook_url: "Where its events are sent by POST",
  from: "Begin of the span",
  full_name: "Exchange and symbol",
  future_expiries: "Days of its futures, ascending",
  gamma: "Per 1.00 of the forward, squared",
  greeks: "Of an option, null for everything else",
  greeks_reason: "Why an option's candle has no Greeks",
  h: "Highs",
  has_daily: "TradingView: daily bars are served",
  has_intraday: "TradingView: intraday bars are served",
  has_no_volume: "True for an index",
  has_weekly_and_monthly: "TradingView: built by the front end from days",
  high: "Highest price of the interval",
  high_price: "Highest price of the day",
  holidays: "Days, ascending",
  horizon: "The earliest expiry of the legs, to which break-evens, extremes and probability refer",
  id: "The number of what the path names; of an account, its name",
  instrument_registry: "The day's instruments",
  instrument_token: "The instrument's number for the day",
  instrument_type: "EQ, FUT, CE or PE",
  instruments: "Instruments or legs, in a stable order",
  interval: "Length of a candle; upper case is taken too",
  intraday_multipliers: "Minutes of the resolutions",
  is_trading_day: "True when the exchange trades on the day",
  iv: "Implied volatility as a fraction (0.142); null with the reason in `quality`",
  kind: "What it is",
  l: "Lows",
  labels: "What the expiry is called: current_week, next_month, ...",
  last_price: "Last traded price",
  last_tick_at: "When the newest tick came, null before the first",
  connections: "The account's connections to the broker that carry instruments",
  connection: "Number of the connection, from 1",
  last_data_at: "When the connection's last packet was received; null before the first one",
  latest: "The newest mark, null until there is one",
  least_density: "Smallest second difference of call prices by strike; below 0 a butterfly pays",
  least_growth: "Smallest growth of total variance from one expiry to the next; below 0 a calendar pays",
  left_out: "Strikes without a usable quote, by reason",
  leg_id: "The leg's number",
  leg_ids: "Numbers of legs",
  legs: "Legs, in the order of their ids",
  limit: "Entries in one answer",
  listed_exchange: "The same as `exchange`",
  log_moneyness: "ln(strike / forward)",
  long_build_up: "Price and open interest rise",
  long_unwinding: "Price and open interest fall",
  lot_size: "Units of one lot",
  low: "Lowest price of the interval",
  low_price: "Lowest price of the day",
  lp: "Last price",
  m2m: "Net premium of the legs, decimal text: BUY counts -1, SELL +1; not a profit",
  market: "State of the market",
  max_error: "Largest difference between fitted and quoted volatility",
  max_loss: "Smallest profit at the horizon, below zero for a loss; `unbounded` if there is no bound",
  max_pain: "The strike, null without open interest",
  max_profit: "Largest profit at the horizon; `unbounded` if there is no bound",
  message: "For people",
  metric: "Which figure of the chain",
  minmov: "Smallest move in units of 1/pricescale",
  minmov2: "TradingView: zero for decimal prices",
  minmovement: "The same as `minmov`",
  missing: "Legs without a fresh price",
  mode: "Of a subscription: depth of the market data; of orders: `paper` or `live`; of the market: what it plays",
  n: "The symbol as it was asked for",
  name: "For people",
  nats: "NATS",
  net: "Sum over the legs",
  net_delta: "Sum over what is held",
  net_gamma: "Sum over what is held",
  net_premium: "Premium paid (above zero) or received (below zero), decimal text: the opposite sign of m2m",
  net_quantity: "Signed quantity that is open",
  net_theta: "Sum over what is held, per calendar day",
  net_vega: "Sum over what is held, per volatility point",
  nextTime: "UNIX seconds of the last bar before the span",
  next_open: "When trading opens next, ISO 8601",
  next_trading_day: "The first trading day after it",
  no_price: "Strikes without a price",
  no_volatility: "Strikes whose price no volatility gives",
  o: "Opens",
  offset: "Entries to skip",
  oi: "Open interest; null where it does not apply",
  oi_change: "Open interest less that of the base, which `oi_change_from` or `change_from` names",
  oi_change_from: "The base of `oi_change` and `price_change`",
  oi_coverage: "Options whose open interest counts, and how many are listed; null before anything was published",
  old: "Strikes without a recent price",
  open: "First price of the interval",
  open_average: "Average price of what is open, decimal text",
  open_price: "First price of the day; of a roll: price at which the next month is opened, decimal text",
  opens_at: "Begin of trading, ISO 8601",
  original_name: "Exchange and symbol",
  parameters: "Parameters of the model; null without a fit",
  pcr_oi: "Puts' open interest over calls', null without calls",
  pcr_volume: "Puts' volume over calls', null without calls",
  phase: "Phase of the exchange's day by the rulebook",
  phases: "Phases of the day, ascending",
  points: "Points of the curve",
  pointvalue: "TradingView: value of one point",
  position: "What the strategy holds",
  prev_close_price: "Close of the session before",
  price: "Rupees, decimal text",
  price_change: "Last price less that of the base, which `oi_change_from` or `change_from` names",
  pricescale: "Units of one rupee",
  probability_of_profit: "Of a profit at the horizon, 0 to 1",
  profit: "Rupees, decimal text",
  put: "The put of the strike, null if the chain has no put there",
  put_oi: "Open interest of all puts",
  put_oi_change: "Change of the puts' open interest",
  put_peak: "The strike with the puts' largest value",
  put_total: "Sum over the puts",
  quality: "Whether a volatility was computed from a fresh price, or the reason why it is null",
  quantity: "Units, not lots",
  query: "Text to search for",
  realised: "Profit of what is closed, decimal text",
  realised_pnl: "Profit of what is closed, decimal text",
  reason: "Why it is not ok, null when it is",
  recorded: "How many were recorded",
  redis: "The optional cache",
  refused: "What was not taken, and why",
  request_id: "The request's id, also in the x-request-id header and in the logs",
  requested_mode: "Depth of the market data",
  resolution: "1, 3, 5, 10, 15, 30, 60 or 1D",
  rho: "Per rate point (0.01)",
  rms_error: "Root of the mean squared difference between fitted and quoted volatility",
  role: "viewer, trader or admin",
  running: "True while an account streams",
  s: "TradingView's status",
  scenario: "The shifts that were applied",
  search: "Part of a symbol or name",
  segment: "The broker's segment",
  seq: "Sequence of the record message from which the answer was computed",
  session: "Trading hours, Indian time",
  sessions: "Special sessions of the day",
  share: "Part of the whole, 0 to 1",
  short_build_up: "Price falls and open interest rises",
  short_covering: "Price rises and open interest falls",
  short_name: "The symbol",
  side: "CE or PE",
  size: "Of an order: units, one lot unless given; of a violation: how far the rule is missed",
  source: "Where it comes from; of a candle, `live` for our own ticks or `broker` for the broker's history",
  sources: "True to name the source of each candle",
  speed: "How fast a recording runs; null for other markets",
  spot: "Price of the underlying",
  spot_change: "Against the previous close",
  spot_shift: "Relative shift of the spot (0.05 is 5 % up)",
  spot_shifts: "Shifts of the spot as fractions",
  spread: "Ask less bid",
  starts_at: "Begin of the phase, ISO 8601",
  state: "Its present state",
  status: "Its present status",
  strategies: "Strategies, in a stable order",
  strategy_id: "The strategy's number",
  strike: "Rupees",
  strikes: "Ascending",
  subscribed: "Of an account: the instruments it streams; of indicators: their ids with all settings",
  login: "The account's login at the broker; null for a ticker of an earlier version",
  backpressure: "How far the record lags behind the packets of this account; null for a ticker of an earlier version",
  level:
    "HEALTHY; WARNING while packets wait for acknowledgements or one is a second late; CRITICAL when half of the buffer is full or an acknowledgement is five seconds late; OVERLOAD when packets are dropped",
  buffered_bytes: "Bytes of packets that wait to be written to the record",
  lag_ms:
    "Age of the oldest frame that NATS has not acknowledged, or of the lost connection to NATS if anything waits, in milliseconds; absent for a ticker of an earlier version",
  dropped: "Packets dropped since the ticker started; each is in a break of the record",
  limited_for_ms:
    "How long the broker's answer 429 still counts, in milliseconds: until then other accounts do its work; absent if it does not count",
  local_address: "The machine's address from which the account's requests and connections leave; absent where any may be used",
  is_automatic: "Whether the account signs in without a person",
  token_dies_at: "When the access token dies, ISO 8601 UTC; null without a token",
  required_since: "Since when a new login is required, ISO 8601 UTC; null in the other states",
  subscriptions: "Subscriptions, in a stable order",
  summary: "Totals",
  supported_resolutions: "Resolutions of bars",
  supports_group_request: "TradingView: symbols are asked for one by one",
  supports_marks: "TradingView: marks are served",
  supports_search: "TradingView: search is served",
  supports_time: "TradingView: server time is served",
  supports_timescale_marks: "TradingView: timescale marks are served",
  symbol: "An underlying or a tradingsymbol, `NSE:INFY` too",
  symbols: "Symbols with commas",
  symbols_types: "Types a search may name",
  t: "Times, UNIX seconds; a day's is its date at midnight UTC",
  tags: "Words of the owner",
  theta: "Per calendar day",
  tick_size: "Smallest price step, rupees",
  ticker: "The name to ask by",
  ticks: "Ticks since the ticker started",
  time: "Market time, ISO 8601 UTC",
  timeframe: "Length of a candle; upper case is taken too",
  timestamp: "Start of the interval, ISO 8601 UTC",
  timezone: "Of the session",
  to: "End of the span",
  token: "The instrument's number for the day",
  total: "Entries in all",
  total_pnl: "Realised and unrealised, decimal text; null while a price is missing",
  trade_date: "Day of the instruments, null without any",
  trades: "True while orders trade in the phase",
  trading_days: "Days, ascending",
  order_result: "What came of the order: its id, or why the broker refused it",
  rejection_reason: "Why the broker refused the order; empty if it did not",
  trigger_id: "Id of a good-till-triggered order at the broker",
  trigger_values: "Prices at which the orders are placed, rupees; of two, the lower first",
  triggered_at: "Price that reached the trigger, rupees",
  tradingsymbol: "The broker's symbol",
  type: "What it is",
  unchanged: "How many needed no change",
  uncounted: "What the figure leaves out",
  underlying: "NIFTY, BANKNIFTY, a share, ...",
  underlyings: "Underlyings, by name",
  unit: "Unit of the figures",
  unknown: "What could not be found",
  unrealised: "Profit of what is open, decimal text",
  unrealised_pnl: "Profit of what is open, decimal text; null while a price is missing",
  updated: "How many were changed",
  updated_at: "ISO 8601 UTC",
  user_id: "The token's subject",
  v: "Version of the form, or volumes in columns",
  value: "The value, or what a search sends",
  vega: "Per volatility point (0.01)",
  violations: "Prices that break a rule; empty for every fitted surface",
  visible_plots_set: "TradingView: what a bar has",
  vol_shift: "Shift of volatility as a fraction (0.01 is one point)",
  vol_shifts: "Shifts of volatility as fractions (0.01 is one point)",
  volume: "Units traded",
  volume_factor: "A volume before the day times this is comparable with volumes from it on",
  volume_precision: "TradingView: decimals of volume",
  waiting: "Messages that are not saved yet",
  warning: "What the broker could not deliver; absent when nothing is missing",
  wide: "Strikes whose bid and ask lie more than five volatility points apart",
  window_id: "The window's id",
  windows: "Windows, by id",
  restarts: "Programs that `npm start` started again in this run, newest last",
  executors: "The executors of orders, by account. While one is not ready, `reason` is `order_executor_unavailable`",
  processes:
    "The processes of actors that have reported within ten seconds, by name (`sys.health`): what each runs, and how far the record lags behind its accounts",
  actors: "The groups of actors that the process runs: `market`, `orders` or both",
  ended_at: "When the program ended",
  up_at: "Since when it runs again; null until then",
  winter_close: "Close while America is on winter time, IST",
  writers: "The writers that save streams to the database, by name",
  years: "Time to expiry, Act/365",
  zero_level: "Price of the underlying at which the exposure is zero, null without one"
}
