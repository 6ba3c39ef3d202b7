import { Clock, Effect } from "effect"
import type { ExecutorStatus } from "../../domain/ExecutorStatus.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"

/** Publishes the state of the account's executor on `sys.executor.<account>`. /health shows it. */
export const make = (account: string) =>
  Effect.map(
    JetStream,
    (jetStream) => (state: ExecutorStatus["state"], detail: string | null) =>
      Effect.flatMap(Clock.currentTimeMillis, (nowMs) =>
        jetStream.notify(
          Subjects.Executor.at({ account }),
          Subjects.Executor.encode({ v: 1, as_of: IndiaTime.isoTime(nowMs), account_id: account, state, detail })
        )
      )
  )
