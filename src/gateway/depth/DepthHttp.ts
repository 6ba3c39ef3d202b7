import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import * as Books from "../../domain/market/depth/Books.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { found, instrumentsLoaded } from "../shared/Lookup.ts"
import { Views } from "../views/Views.ts"
import * as DepthView from "./DepthView.ts"

export const DepthHttp = HttpApiBuilder.group(
  Api,
  "depth",
  Effect.fnUntraced(function* (handlers) {
    const registry = yield* InstrumentRegistry
    const { books } = yield* Views
    return handlers.handle("get", ({ path: { token }, urlParams }) =>
      Effect.gen(function* () {
        yield* instrumentsLoaded(registry)
        const instrument = yield* found("Instrument", registry.byToken(token))
        const size = urlParams.size ?? Math.max(1, instrument.lotSize)
        // On an earlier day a contract's token may have named another contract.
        const sinceMs = Books.sinceMs(instrument, registry.current()?.tradeDate ?? "")
        return DepthView.of(instrument, books.find(token, sinceMs), {
          size,
          reference_size: urlParams.reference_size ?? DepthView.referenceLots * Math.max(1, instrument.lotSize)
        })
      })
    )
  })
)
