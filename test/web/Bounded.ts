import { waitMsMax } from "../Patience.ts"

/** Whether a value is an object of Playwright that can be waited for: a tab, a locator, a keyboard, ... */
const isHandle = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype

const spelled = (args: ReadonlyArray<unknown>): string =>
  args
    .map((one) => (typeof one === "function" || isHandle(one) ? "…" : (JSON.stringify(one)?.slice(0, 200) ?? "")))
    .filter((text) => text !== "")
    .join(", ")

/** A wait that has a limit of its own ends before this one, because its message says more. */
const silentMsMax = waitMsMax + 5_000

/** The answer of `promise`. After `msMax` it fails, with a message that names what was awaited. */
export const answerOf = <A>(what: string, promise: Promise<A>, msMax = silentMsMax): Promise<A> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${msMax / 1_000} s: ${what}`)), msMax)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })

/**
 * The same tab, locator or keyboard, on which every wait ends. Playwright bounds only some of its waits: a tab whose program hangs answers
 * no `evaluate`, no key, no change of its size, and never closes. `name` is what a failure calls it.
 */
export const bounded = <A extends object>(target: A, name: string, msMax = silentMsMax): A =>
  new Proxy(target, {
    get: (_, key) => {
      const value: unknown = Reflect.get(target, key, target)
      const what = `${name}.${String(key)}`
      if (typeof key === "symbol" || what.includes("._")) return value
      if (typeof value !== "function") return isHandle(value) ? bounded(value, what, msMax) : value
      return (...args: ReadonlyArray<unknown>) => {
        const answer: unknown = Reflect.apply(value, target, args)
        const call = `${what}(${spelled(args)})`
        if (answer instanceof Promise) return answerOf(call, answer, msMax)
        return isHandle(answer) && answer !== target ? bounded(answer, call, msMax) : answer
      }
    }
  })
