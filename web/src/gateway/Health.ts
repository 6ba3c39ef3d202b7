import type { Api } from "./Api.ts"
import type { Health as Report } from "./Contract.ts"

const askEveryMs = 2_000

/** /health has the same body for all states, but as an HTTP error if the platform is down. */
const isReport = (error: unknown): error is Report => typeof error === "object" && error !== null && "market" in error

/** Requests the gateway's health every two seconds. A missing answer has no effect here, because the streams notice it. */
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
