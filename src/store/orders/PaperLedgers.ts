import { Cache, Config, Duration, Effect, SynchronizedRef } from "effect"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as PaperLedger from "../../domain/orders/PaperLedger.ts"
import type { RuleSet } from "../../domain/rules/RuleSet.ts"
import { counter } from "../../metrics/Labelled.ts"
import { CorporateActionRepo } from "../calendar/CorporateActionRepo.ts"
import { SettlementRepo } from "../settlements/SettlementRepo.ts"
import { PaperRepo } from "./PaperRepo.ts"

/** The cash that every paper account begins with, rupees. */
const startCash = Config.integer("PAPER_CASH").pipe(Config.withDefault(1_000_000))

/** The most accounts whose ledgers are in memory. A further one evicts another, which is folded again when it is needed. */
const accountsMax = 200

const folded = counter(
  "paper_fills_folded_total",
  "Fills folded into the ledgers of paper accounts: only the new ones, or all again",
  "what"
)

type Actions = ReadonlyArray<CorporateActionRepo.Action>
/** A ledger, and the corporate actions that it was folded with. */
interface Kept {
  readonly ledger: PaperLedger.Ledger
  readonly actions: Actions
}

const shareOf = ({ exchange, tradingsymbol: symbol }: Instrument.Instrument) => ({ exchange, symbol })
const groundOf = (rules: RuleSet, actions: Actions): PaperLedger.Ground => ({
  rules,
  actionsOf: (instrument) => actions.filter((it) => it.exchange === instrument.exchange && it.symbol === instrument.tradingsymbol)
})
const isSame = (one: Actions, other: Actions): boolean => JSON.stringify(one) === JSON.stringify(other)

/** The shares of a ledger. Only they have corporate actions, because the exchange replaces contracts on a share by new contracts. */
const sharesOf = (ledger: PaperLedger.Ledger, today: string) =>
  PaperLedger.lines(ledger, today)
    .filter(({ instrument }) => instrument.instrumentType === "EQ")
    .map(({ instrument }) => shareOf(instrument))

/**
 * The ledgers of paper accounts. Each is kept in memory and adds only the new fills from Postgres, which holds the authoritative state.
 * After a start, and when rules or corporate actions have changed, all fills are folded again.
 */
export class PaperLedgers extends Effect.Service<PaperLedgers>()("store/orders/PaperLedgers", {
  effect: Effect.gen(function* () {
    const repo = yield* PaperRepo
    const settlements = yield* SettlementRepo
    const corporateActions = yield* CorporateActionRepo
    const openingCash = new Money.Decimal(yield* startCash)

    const whole = (accountId: string, ground: PaperLedger.Ground) =>
      Effect.map(repo.trades(accountId), (trades) => {
        folded("all", trades.length)
        return trades.reduce(PaperLedger.add, PaperLedger.make(ground))
      })

    /** The ledger with the fills since the last reading. The count of fills shows if a fill was committed after one with a greater id. */
    const caughtUp = (accountId: string, { actions, ledger }: Kept, rules: RuleSet) =>
      Effect.gen(function* () {
        if (ledger.ground.rules !== rules) return yield* whole(accountId, groundOf(rules, actions))
        const trades = yield* repo.trades(accountId, ledger.newestTradeId)
        folded("new", trades.length)
        const next = trades.reduce(PaperLedger.add, ledger)
        return (yield* repo.tradeCount(accountId)) === next.trades ? next : yield* whole(accountId, ledger.ground)
      })

    const read = (accountId: string, kept: Kept, rules: RuleSet, today: string) =>
      Effect.gen(function* () {
        const ledger = yield* caughtUp(accountId, kept, rules)
        const shares = sharesOf(ledger, today)
        const actions = shares.length === 0 ? [] : yield* corporateActions.ofShares(shares)
        return { ledger: isSame(actions, kept.actions) ? ledger : yield* whole(accountId, groundOf(rules, actions)), actions }
      })

    const accounts = yield* Cache.make({
      capacity: accountsMax,
      timeToLive: Duration.infinity,
      // Each account has one reference, so that two readings of it do not run at the same time.
      lookup: (_accountId: string) => SynchronizedRef.make<Kept | null>(null)
    })

    /** Final prices of the expired contracts of a ledger, in the instrument's units; null if unknown. */
    const settlementOf = (ledger: PaperLedger.Ledger, today: string) =>
      Effect.gen(function* () {
        const expired = PaperLedger.lines(ledger, today).filter(({ instrument: { expiry } }) => expiry !== null && expiry < today)
        const names = [...new Set(expired.map(({ instrument }) => instrument.tradingsymbol))]
        const settled = names.length === 0 ? [] : yield* settlements.ofSymbols(names)
        return ({ exchange, expiry, token, tradingsymbol }: Instrument.Instrument) => {
          const found = settled.find((it) => it.exchange === exchange && it.tradingsymbol === tradingsymbol && it.expiry === expiry)
          return found === undefined ? null : found.price.times(Instrument.priceScale(token)).round().toNumber()
        }
      })

    return {
      openingCash,
      /** An account's ledger with all saved fills, and its prices: the given marks, and the final prices of its expired contracts. */
      of: (accountId: string, rules: RuleSet, today: string, mark: PaperLedger.Prices["mark"]) =>
        Effect.gen(function* () {
          const account = yield* accounts.get(accountId)
          const ledger = yield* SynchronizedRef.modifyEffect(account, (kept) =>
            Effect.map(
              read(accountId, kept ?? { ledger: PaperLedger.make(groundOf(rules, [])), actions: [] }, rules, today),
              (next) => [next.ledger, next] as const
            )
          )
          const at: PaperLedger.At = { today, prices: { mark, settlement: yield* settlementOf(ledger, today) } }
          return { ledger, at }
        }).pipe(Effect.withSpan("PaperLedgers.of"))
    } as const
  })
}) {}
