import { Effect, Schema } from "effect"
import * as Problem from "../../contract/shared/Problem.ts"
import { ReplayFaster, ReplayPlay, ReplaySeek } from "../../contract/sockets/SocketMessages.ts"
import type { Connection } from "../sockets/Connection.ts"
import { action, type Endpoint, userView } from "../sockets/Endpoint.ts"
import { type Playback, Playbacks, playbacksMax, reanchor } from "./Playbacks.ts"
import * as ReplayRights from "./ReplayRights.ts"

const Nothing = Schema.Struct({})

/** /replay: one playback for each connection, of what the caller may see. */
export const make = Effect.gen(function* () {
  const playbacks = yield* Playbacks
  const rights = yield* ReplayRights.make

  const open = (connection: Connection) => {
    let present: Playback | undefined

    const show = (playback: Playback): void =>
      connection.reply({
        type: "playing",
        stream: playback.found.name,
        key: playback.found.key,
        speed: playback.speed,
        paused: playback.isPaused
      })
    const begin = (playback: Playback) =>
      Effect.gen(function* () {
        yield* playbacks.end(connection)
        present = undefined
        show(playback)
        if (yield* playbacks.begin(playback)) present = playback
        else connection.refuse("unavailable", `This gateway runs ${playbacksMax} playbacks already`)
      })
    const withPresent = (change: (playback: Playback) => Effect.Effect<void>): Effect.Effect<void> =>
      present !== undefined && playbacks.isRunning(connection)
        ? change(present)
        : Effect.sync(() => connection.refuse("validation_error", "Nothing is playing"))
    /** Pauses, resumes or changes the speed of the present playback. */
    const changed = (change: (playback: Playback) => void) =>
      withPresent((playback) =>
        Effect.sync(() => {
          change(playback)
          show(playback)
        })
      )

    const play = action(connection, ReplayPlay, ({ stream, key, from, to, speed, paused }) =>
      rights.subjectOf(stream, key, connection.user).pipe(
        Effect.filterOrFail(() => to === undefined || from <= to, Problem.reversedSpan),
        Effect.flatMap((found) =>
          begin({ connection, found, fromMs: from, toMs: to, speed, isPaused: paused, anchor: undefined, lastSeq: 0, lastMs: 0 })
        ),
        Effect.catchAll(({ code, detail }) => Effect.sync(() => connection.refuse(code, detail)))
      )
    )
    return {
      welcome: { type: "welcome", connection_id: connection.id, user: userView(connection.user) },
      actions: {
        play,
        pause: action(connection, Nothing, () =>
          changed((playback) => {
            reanchor(playback)
            playback.isPaused = true
          })
        ),
        resume: action(connection, Nothing, () =>
          changed((playback) => {
            // The stream did not move during the pause, so the pause does not count.
            if (playback.isPaused && playback.anchor !== undefined) playback.anchor = { ...playback.anchor, atMs: performance.now() }
            playback.isPaused = false
          })
        ),
        speed: action(connection, ReplayFaster, ({ speed }) =>
          changed((playback) => {
            if (!playback.isPaused) reanchor(playback)
            playback.speed = speed
          })
        ),
        seek: action(connection, ReplaySeek, ({ to }) => withPresent((playback) => begin({ ...playback, fromMs: to, anchor: undefined }))),
        stop: action(connection, Nothing, () =>
          withPresent(({ lastSeq }) =>
            Effect.zipRight(
              playbacks.end(connection),
              Effect.sync(() => {
                present = undefined
                connection.replayed("ended", JSON.stringify({ type: "ended", seq: lastSeq }))
                connection.flush(performance.now())
              })
            )
          )
        )
      },
      end: () => playbacks.cut(connection)
    }
  }
  return { path: "/replay", open } satisfies Endpoint
})
