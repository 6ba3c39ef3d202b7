import { Effect } from "effect"
import { type Answer, eventually } from "../PlatformWorld.ts"

const hasEnded = ({ body }: Answer): boolean =>
  (body.slices ?? [body]).every(({ status }: { readonly status?: string }) => !["PENDING", "RUNNING", "RETRYING"].includes(status ?? ""))

/**
 * Repeats a request with an idempotency key until its task has ended, because a busy machine may need longer than one request waits. Returns
 * the first status and the last body.
 */
export const untilEnded = (what: string, post: Effect.Effect<Answer>): Effect.Effect<Answer> =>
  Effect.gen(function* () {
    const first = yield* post
    if (hasEnded(first)) return first
    const last = yield* eventually(`the end of ${what}`, post, (answer) => answer.status === 200 && hasEnded(answer))
    return { status: first.status, body: last.body }
  })

/** On a busy machine an order may take longer than the usual deadline. */
export const patient = { deadline_s: 600 } as const
