import { Effect, Schema } from "effect"
import { AlertUpdate } from "../../contract/sockets/SocketMessages.ts"
import type { AlertEvent } from "../../domain/alerts/AlertMessage.ts"
import { EventLog } from "../sockets/EventLog.ts"
import { Hub } from "../sockets/Hub.ts"

const encode = Schema.encodeSync(AlertUpdate)

/** Events of alerts for their owner's connections on /alerts/stream. */
export class AlertFeed extends Effect.Service<AlertFeed>()("gateway/alerts/AlertFeed", {
  effect: Effect.gen(function* () {
    const hub = yield* Hub
    const log = new EventLog()
    const topic = (owner: string) => `alerts ${owner}`
    return {
      topic,
      log,
      reached: () => ({ epoch: log.epoch, seq: log.seq }),
      /** `seq` is the event's sequence in ALERT. */
      publish: ({ owner, v: _, seq: __, ...data }: AlertEvent, seq: number): void => {
        const at = topic(owner)
        const text = JSON.stringify(encode({ type: "alert", data, epoch: log.epoch, seq }))
        log.add({ topic: at, seq, text })
        hub.event(at, text)
      }
    } as const
  })
}) {}
