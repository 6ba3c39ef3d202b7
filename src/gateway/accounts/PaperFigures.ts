import { Clock, Effect, Either } from "effect"
import type * as Figures from "../../domain/accounts/Figures.ts"
import type * as Margins from "../../domain/accounts/Margins.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Money from "../../domain/Money.ts"
import * as Books from "../../domain/market/depth/Books.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as PaperLedger from "../../domain/orders/PaperLedger.ts"
import * as PaperMargin from "../../domain/orders/PaperMargin.ts"
import * as PaperOrder from "../../domain/orders/PaperOrder.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { PaperLedgers } from "../../store/orders/PaperLedgers.ts"
import { PaperRepo } from "../../store/orders/PaperRepo.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { type Paging, pageOf } from "../shared/Paging.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import { Views } from "../views/Views.ts"

/** Fields that only a broker can fill. */
const orderOf = (paper: PaperOrder.PaperOrder): Figures.Order => {
  const { mode: _mode, strategy_id: _strategy, ...row } = PaperOrder.row(paper)
  return {
    ...row,
    exchange_order_id: null,
    parent_order_id: null,
    placed_by: null,
    exchange_timestamp: null,
    disclosed_quantity: 0,
    market_protection: Money.zero,
    guid: null
  }
}
const tradeOf = ({ atMs, instrument, orderId, price, product, quantity, side, tradeId }: PaperLedger.Trade): Figures.Trade => ({
  trade_id: `paper-${tradeId}`,
  order_id: orderId,
  exchange_order_id: null,
  exchange: instrument.exchange,
  tradingsymbol: instrument.tradingsymbol,
  instrument_token: instrument.token,
  product,
  average_price: Money.toDecimal(price, Instrument.priceScale(instrument.token)),
  quantity,
  transaction_type: side,
  fill_timestamp: IndiaTime.isoTime(atMs),
  order_timestamp: null,
  exchange_timestamp: null
})
const holdingOf = (it: PaperLedger.Portfolio["holdings"][number]): Figures.Holding => {
  const isKnown = !it.close_price.isZero()
  return {
    ...it,
    isin: "",
    price: Money.zero,
    t1_quantity: 0,
    realised_quantity: it.quantity,
    authorised_quantity: 0,
    authorised_date: null,
    opening_quantity: it.quantity,
    short_quantity: 0,
    collateral_quantity: 0,
    collateral_type: null,
    discrepancy: false,
    day_change_percentage: isKnown ? it.day_change.div(it.close_price).times(100).toDecimalPlaces(4).toNumber() : 0
  }
}
const fundsOf = (now: PaperLedger.Funds, morning: PaperLedger.Funds, blocked: Margins.Margin): NonNullable<Figures.Funds["equity"]> => {
  const none = Money.zero
  return {
    enabled: true,
    net: now.cash.minus(blocked.total),
    available: {
      adhoc_margin: none,
      cash: now.cash,
      opening_balance: morning.cash,
      live_balance: now.cash.minus(blocked.total),
      collateral: none,
      intraday_payin: none
    },
    // What the open orders block. Positions block nothing: their margin is the broker's own.
    utilised: {
      debits: blocked.total,
      exposure: none,
      m2m_realised: none,
      m2m_unrealised: none,
      option_premium: blocked.option_premium,
      payout: none,
      span: none,
      holding_sales: none,
      turnover: none,
      liquid_collateral: none,
      stock_collateral: none,
      delivery: none
    }
  }
}

/** Orders, trades, positions, holdings and funds of a paper account, computed from its fills and the live books. */
export const make = Effect.gen(function* () {
  const repo = yield* PaperRepo
  const ledgers = yield* PaperLedgers
  const marketClock = yield* MarketClock
  const rules = yield* RuleBook
  const { books } = yield* Views
  const of = (account_id: string) => ({ account_id, source: "paper" as const, as_of: IndiaTime.isoTime(marketClock.unsafeNow()) })
  const today = () => IndiaTime.istDate(marketClock.unsafeNow())
  const isToday = (atMs: number) => IndiaTime.istDate(atMs) === today()

  const mark = (instrument: Instrument.Instrument) =>
    PaperLedger.markOf(books.find(instrument.token, Books.sinceMs(instrument, today()))?.packet)
  const known = (id: string) => Effect.suspend(() => orProblem(ledgers.of(id, rules.current(), today(), mark)))
  /** The rates are known here: without them the order had no fill. */
  const ratesKnown = Either.getOrThrowWith((unknown: unknown) => unknown)

  return {
    orders: (id: string, paging: Paging) =>
      Effect.gen(function* () {
        const nowMs = yield* Clock.currentTimeMillis
        const all = (yield* orProblem(repo.since(id, nowMs - 2 * IndiaTime.dayMs))).map(({ paper }) => paper)
        const rows = all.filter((paper) => PaperOrder.isWorking(paper) || isToday(paper.placedAtMs) || isToday(paper.updatedAtMs))
        return { ...of(id), orders: pageOf(rows, paging).map(orderOf), total: rows.length, ...paging }
      }),
    trades: (id: string, paging: Paging) =>
      Effect.map(orProblem(repo.trades(id)), (all) => {
        const rows = all.filter(({ atMs }) => isToday(atMs))
        return { ...of(id), trades: pageOf(rows, paging).map(tradeOf), total: rows.length, ...paging }
      }),
    positions: (id: string) =>
      Effect.map(known(id), ({ at, ledger }) => {
        const { day, net } = PaperLedger.portfolio(ledger, at)
        return { ...of(id), net, day }
      }),
    holdings: (id: string, paging: Paging) =>
      Effect.map(known(id), ({ at, ledger }) => {
        const { holdings } = PaperLedger.portfolio(ledger, at)
        return { ...of(id), holdings: pageOf(holdings, paging).map(holdingOf), total: holdings.length, ...paging }
      }),
    funds: (id: string) =>
      Effect.gen(function* () {
        // The working orders are read first: one that fills in between counts twice, and is never left out.
        const working = (yield* orProblem(repo.working(id))).map(({ paper }) => paper)
        const { at, ledger } = yield* known(id)
        const blocked = PaperMargin.blocked(working, rules.current(), at)
        const now = ratesKnown(PaperLedger.funds(ledger, ledgers.openingCash, at))
        const morning = ratesKnown(PaperLedger.morningFunds(ledger, ledgers.openingCash, at))
        return { ...of(id), equity: fundsOf(now, morning, blocked), commodity: null, charges: now.charges }
      })
  } as const
})
