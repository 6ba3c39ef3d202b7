import type { Api } from "./Api.ts"
import type { Health as Report } from "./Contract.ts"

const askEveryMs = 2_000

/** /health answers with the same body whether all is well or not, and as an error when it is not. */
const isReport = (error: unknown): error is Report => typeof error === "object" && error !== null && "market" in error

/** Asks for the gateway's health every two seconds. A gateway that does not answer changes nothing here: the streams notice that. */
export const watch = (api: Api, onReport: (report: Report) => void): { readonly first: Promise<void>; readonly stop: () => void } => {
  let isStopped = false
  const ask = async (): Promise<void> => {
    const report = await api.health().catch((error: unknown) => (isReport(error) ? error : undefined))
    if (report !== undefined && !isStopped) onReport(report)
  }
  const timer = setInterval(() => void ask(), askEveryMs)
  return {
    first: ask(),
    stop: () => {
      isStopped = true
      clearInterval(timer)
    }
  }
}
