import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as Turn from "../../loop/Turn.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import type * as Catalogue from "./Catalogue.ts"
import * as ReplayRights from "./ReplayRights.ts"
import { storedText, streamAway } from "./StoredText.ts"

/** Bytes of one answer; a page may have fewer messages than its limit. */
const bytesMax = 4 * 1024 * 1024
/** Messages that wait in this process while a page is put together. */
const bufferMax = 100
/** The longest wait for the next message while the server has more of them to deliver. */
const silenceMax = "5 seconds"

interface Asked {
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly after?: number | undefined
  readonly limit: number
}

/** One page of a subject's messages as JSON texts, and the sequence behind which the next page begins. */
const page = (js: JetStream, found: Catalogue.Found, { from, to, after, limit }: Asked) =>
  Effect.gen(function* () {
    const start = after === undefined ? ({ _tag: "Since", storedMs: from ?? 0 } as const) : ({ _tag: "After", seq: after } as const)
    const read = yield* OrderedRead.make({ stream: found.stream, filters: [found.subject], start, bufferMax })
    const texts: Array<string> = []
    let [bytes, last, left] = [0, after ?? 0, read.pendingAtStart]
    const isFull = () => texts.length >= limit || bytes >= bytesMax
    while (left > 0 && !isFull()) {
      const items = yield* Turn.inTime(read.takeAll, silenceMax, () => streamAway)
      for (const item of items) {
        if (item._tag === "Gap" || isFull()) continue
        if (to !== undefined && item.timeMs > to) return { texts, next: null }
        left = Math.min(left - 1, item.pending)
        last = item.seq
        const text = storedText(found.name, item)
        if (text === undefined) continue
        texts.push(`{${text}}`)
        bytes += text.length
      }
    }
    return { texts, next: left > 0 ? last : null }
  }).pipe(Effect.scoped, Effect.provideService(JetStream, js))

export const ReplayHttp = HttpApiBuilder.group(
  Api,
  "replay",
  Effect.fnUntraced(function* (handlers) {
    const js = yield* JetStream
    const rights = yield* ReplayRights.make
    return handlers.handle("replay", ({ urlParams }) =>
      Effect.gen(function* () {
        const { stream, key, from, to, after } = urlParams
        const user = yield* CurrentUser
        const found = yield* rights.subjectOf(stream, key, user)
        if (from !== undefined && to !== undefined && from > to) return yield* Problem.reversedSpan()
        const answer = yield* Effect.gen(function* () {
          const { createdMs, lastSeq } = yield* js.info(found.stream)
          // The position is behind the end of the stream, so no message follows yet.
          const nothing = { texts: [], next: null }
          return { epoch: createdMs, ...(after !== undefined && after >= lastSeq ? nothing : yield* page(js, found, urlParams)) }
        }).pipe(Effect.catchTag("NatsError", (error) => Effect.zipRight(Effect.logWarning("replay not possible", error), streamAway)))
        const head = JSON.stringify({ stream, key, epoch: answer.epoch, next: answer.next }).slice(0, -1)
        return HttpServerResponse.text(`${head},"messages":[${answer.texts.join(",")}]}`, { contentType: "application/json" })
      })
    )
  })
)
