import { Clock, Effect, type Scope } from "effect"
import * as Backpressure from "../../domain/market/Backpressure.ts"
import type { BackpressureStatus } from "../../domain/market/TickerStatus.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as ActorGroups from "./ActorGroups.ts"
import * as Placement from "./Placement.ts"

/** Pause between two reports while no level changes. */
export const reportEvery = "1 second"

const worst = (accounts: Iterable<BackpressureStatus>): Backpressure.Level =>
  [...accounts].reduce<Backpressure.Level>((level, one) => Backpressure.worseOf(level, one.level), "HEALTHY")

/** Publishes on `sys.health.<process>` how far the record is behind the accounts that this process streams. /health shows it. */
export class HealthReport extends Effect.Service<HealthReport>()("actors/placement/HealthReport", {
  scoped: Effect.gen(function* () {
    const { notify } = yield* JetStream
    const actors = yield* ActorGroups.here
    const process = yield* Placement.processName
    const followed = new Map<string, () => BackpressureStatus>()
    const changed = yield* Effect.makeLatch(false)

    const publish = Effect.gen(function* () {
      const accounts = Object.fromEntries(Array.from(followed, ([account, status]) => [account, status()]))
      const as_of = new Date(yield* Clock.currentTimeMillis).toISOString()
      const body = { v: 1, as_of, process, actors, level: worst(Object.values(accounts)), accounts } as const
      yield* notify(Subjects.ProcessHealth.at({ process }), Subjects.ProcessHealth.encode(body))
    })
    yield* publish.pipe(
      Effect.catchTag("NatsError", (error) => Effect.logDebug("health of the process not published", error.message)),
      Effect.zipRight(Effect.timeoutOption(changed.await, reportEvery)),
      Effect.zipRight(changed.close),
      Effect.forever,
      Effect.forkScoped
    )
    return {
      /** Includes an account in the reports until the scope closes. */
      follow: (account: string, status: () => BackpressureStatus): Effect.Effect<void, never, Scope.Scope> =>
        Effect.acquireRelease(
          Effect.sync(() => void followed.set(account, status)),
          () => Effect.sync(() => void (followed.get(account) === status && followed.delete(account)))
        ),
      /** Publishes a report at once, because an account's level has changed. */
      changed: (): void => void changed.unsafeOpen()
    } as const
  })
}) {}
