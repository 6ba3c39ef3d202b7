import { Metric } from "effect"
import { counter, gauge } from "../../metrics/Labelled.ts"

/** Every metric of the actors, named here and nowhere else; counted per batch, never per tick. */
export const deadLetters = counter("dead_letters_total", "Messages that an actor could not process, by actor", "actor")
export const folded = counter("actor_inputs_total", "Record messages folded", "actor")
export const published = counter("actor_outputs_total", "Messages published by actors", "actor")
export const silenced = counter(
  "actor_outputs_silenced_total",
  "Outputs not published again because an earlier run had published them",
  "actor"
)
export const snapshotFailures = counter("actor_snapshot_failures_total", "Periodic snapshots that could not be saved", "actor")
export const rebuilds = counter("actor_rebuilds_total", "Starts without a usable snapshot", "actor")
export const keyframesFolded = counter("actor_keyframes_total", "Keyframes folded by starts without a usable snapshot", "actor")
export const lag = gauge("actor_lag_messages", "Record messages between the newest one read and the newest one folded", "actor")
export const subscriptionsChanged = counter("subscriptions_changed_total", "Subscriptions that changed by themselves", "why")
export const refusedKeys = Metric.gauge("director_refused_keys", {
  description: "Definitions and actors that the director could not write, each for its own reason"
})
export const accountWell = gauge(
  "account_well",
  "1 while the account streams its instruments itself, 0 while others stand in for it",
  "account"
)
export const instrumentsAway = gauge("account_instruments_away", "Instruments of the account that other accounts stream", "account")
export const ticks = counter("ticks_total", "Packets taken from the broker", "account")
export const unknownTicks = counter("ticks_unknown_total", "Packets of instruments that nobody asked for", "account")
export const packetsUnowned = counter("packets_unowned_total", "Packets that came after the process had lost its lease", "account")
export const packetsUnacknowledged = counter(
  "packets_unacknowledged_total",
  "Packets that were not acknowledged when a ticker ended",
  "account"
)
export const badPackets = counter("bad_packets_total", "Packets that could not be read", "account")
export const undatedPackets = counter(
  "packets_undated_total",
  "Packets of a recording whose time was not known, before one with a time",
  "account"
)
export const candlesSaved = counter("candles_saved_total", "Minute candles, and minutes of chains, written to Postgres", "kind")
export const chainRowsExpired = counter("chain_rows_expired_total", "Rows of stored chains deleted because of their age", "table")
export const indicatorValues = counter("indicator_values_total", "Values of indicators published", "timeframe")
export const labelEventsWaiting = Metric.gauge("label_events_waiting", {
  description: "Events of labels in Postgres that NATS does not have yet, at most one batch of 100"
})
export const barGaps = counter("bar_gaps_total", "Gaps in our bars that the broker's history was asked to fill", "result")
export const alertsWatched = gauge("alerts_watched", "Alerts that can fire, by what they look at", "source").set
export const alertEvents = counter("alert_events_total", "Alerts that fired", "source")
export const alertEventsWaiting = Metric.gauge("alert_events_waiting", {
  description: "Events of alerts in Postgres that NATS does not have yet, at most one batch of 100"
})
const deliveries = counter("alert_deliveries_total", "Attempts to send an event to a webhook, by what became of them", "result")
/** `again`: another attempt follows; `dead`: given up. */
export const alertDeliveries = (result: "delivered" | "again" | "dead"): void => deliveries(result)
const backfillsRefused = counter("backfill_refused_total", "Instruments of a backfill whose bars could not be fetched", "result")
/** `again`: tried again later; `final`: the broker refuses it, or it is no longer listed. */
export const backfillRefused = (result: "again" | "final"): void => backfillsRefused(result)
export const backfillsOpen = Metric.gauge("backfills_open", { description: "Backfills that have not ended" })
export const settlementsSaved = counter("settlements_saved_total", "Final settlement prices written to Postgres", "from")
export const relayed = counter("relayed_messages_total", "Messages repeated outside NATS", "to")
export const relayDropped = counter("relay_dropped_total", "Messages not repeated because the receiver was away", "to")
