import { el } from "../view/Element.ts"
import * as Facts from "../view/Facts.ts"
import * as Format from "../view/Format.ts"
import type { Head } from "./ChainModel.ts"

const changeFrom = {
  previous_session: { text: "last session", title: "Changes are against the previous session's last values" },
  first_seen: { text: "first seen", title: "No previous session is known: changes are against the first values seen today" }
} as const

const daysText = (days: number): string => (days <= 0 ? "today" : days === 1 ? "1 day" : `${days} days`)

const coverText = (coverage: Head["oi_coverage"] | undefined): string =>
  coverage ? `${coverage.counted} of ${coverage.listed ?? "?"}` : Format.none

export interface ChainHead {
  readonly element: HTMLElement
  /** `lotSize` is the underlying's lot size, or undefined until it is known. */
  readonly draw: (head: Head | undefined, lotSize: number | undefined) => void
}

/** The values of the chain as a whole. */
export const make = (): ChainHead => {
  const forward = Facts.make("Forward", "Forward of this expiry, from put-call parity")
  const atm = Facts.make("ATM", "Strike at the money")
  const atmIv = Facts.make("ATM IV", "Implied volatility at the money, per cent")
  const days = Facts.make("Expiry", "Calendar days to expiry")
  const lot = Facts.make("Lot", "Lot size")
  const pain = Facts.make("Max pain", "Strike at which options pay their holders least")
  const pcr = Facts.make("PCR", "Put-call ratio of open interest")
  const pcrVolume = Facts.make("PCR vol", "Put-call ratio of volume")
  const callOi = Facts.make("Call OI", "Open interest of all calls")
  const putOi = Facts.make("Put OI", "Open interest of all puts")
  const covers = Facts.make("OI of", "Options whose open interest counts in max pain and PCR, and how many are listed")
  const from = Facts.make("Change since", "What changes of open interest and of prices are against")
  const all = [forward, atm, atmIv, days, lot, pain, pcr, pcrVolume, callOi, putOi, covers, from]
  return {
    element: el("dl", { className: "facts inline" }, ...all.map(({ element }) => element)),
    draw: (head, lotSize) => {
      forward.set(Format.spot(head?.forward))
      atm.set(Format.strike(head?.atm_strike))
      atmIv.set(Format.percent(head?.atm_iv))
      days.set(head?.as_of ? daysText(Format.daysTo(head.expiry, Date.parse(head.as_of))) : Format.none)
      lot.set(lotSize === undefined ? Format.none : String(lotSize))
      pain.set(Format.strike(head?.max_pain))
      pcr.set(Format.fixed(head?.pcr, 2))
      pcrVolume.set(Format.fixed(head?.totals.pcr_volume, 2))
      callOi.set(Format.count(head?.totals.call_oi))
      putOi.set(Format.count(head?.totals.put_oi))
      covers.set(coverText(head?.oi_coverage))
      const since = head?.oi_change_from ? changeFrom[head.oi_change_from] : undefined
      from.set(since?.text ?? Format.none)
      if (since !== undefined && from.element.title !== since.title) from.element.title = since.title
    }
  }
}
