import { Effect } from "effect"
import type * as LabelMessage from "../../domain/labels/LabelMessage.ts"
import { EventLog } from "../sockets/EventLog.ts"
import { Hub } from "../sockets/Hub.ts"

/** Changes of labels for their owner's connections on /labels/stream. */
export class LabelFeed extends Effect.Service<LabelFeed>()("gateway/labels/LabelFeed", {
  effect: Effect.gen(function* () {
    const hub = yield* Hub
    const log = new EventLog()
    /** An owner's name may hold any character, so the parts are quoted. */
    const topic = (owner: string, exchange: string, tradingsymbol: string) => `labels ${JSON.stringify([owner, exchange, tradingsymbol])}`
    return {
      topic,
      log,
      reached: () => ({ epoch: log.epoch, seq: log.seq }),
      /** `seq` is the event's sequence in LABEL. */
      publish: ({ owner, change, label }: LabelMessage.LabelEvent, seq: number): void => {
        const at = topic(owner, label.exchange, label.tradingsymbol)
        const text = JSON.stringify({ type: "label", change, label, epoch: log.epoch, seq })
        log.add({ topic: at, seq, text })
        hub.event(at, text)
      }
    } as const
  })
}) {}
