import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect } from "effect"
import * as Slices from "../../store/Slices.ts"

/**
 * The contract's body with one long list, and `head` beside it. The list is written in slices: the library would encode tens of thousands of
 * items without a pause, and the streams would wait.
 */
export const listed = <A, B>(name: string, items: ReadonlyArray<A>, write: (item: A, at: number) => B, head: object) =>
  Effect.map(
    Slices.flatMap(items, (slice, from) => Effect.sync(() => [slice.map((one, at) => JSON.stringify(write(one, from + at))).join(",")])),
    (written) => {
      const rest = JSON.stringify(head).slice(1)
      return HttpServerResponse.text(`{${JSON.stringify(name)}:[${written.join(",")}]${rest === "}" ? "}" : `,${rest}`}`, {
        contentType: "application/json"
      })
    }
  )
