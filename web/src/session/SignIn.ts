import { Forbidden, Unauthorized } from "../../../src/client/Client.ts"
import { type Api, connect, textOf } from "../gateway/Api.ts"
import { el } from "../view/Element.ts"

type Who = Awaited<ReturnType<Api["authTest"]>>

/** The user of the token; undefined if the gateway does not accept it. */
export const check = (token: string): Promise<Who | undefined> =>
  connect(token)
    .rest.authTest()
    .catch((error: unknown): undefined => {
      if (error instanceof Unauthorized || error instanceof Forbidden) return undefined
      throw error
    })

/** Asks for a token until the gateway accepts one. */
export const make = (problem: string, onSignedIn: (token: string) => void): HTMLElement => {
  const input = el("input", {
    type: "password",
    id: "token",
    required: true,
    autocomplete: "off",
    spellcheck: false,
    attrs: { "aria-describedby": "token-hint" }
  })
  const alert = el("p", { className: "problem", attrs: { role: "alert" } }, problem)
  const button = el("button", { type: "submit", className: "primary" }, "Sign in")
  const form = el(
    "form",
    { className: "panel signin" },
    el("h1", {}, "Tarang"),
    el("p", { className: "muted" }, "Live option chains and strategies"),
    el("label", { htmlFor: "token" }, "Access token"),
    input,
    alert,
    button,
    el("p", { id: "token-hint", className: "hint" }, "npm start prints one; npm run token makes another. It stays in this tab.")
  )
  form.onsubmit = async (event) => {
    event.preventDefault()
    const token = input.value.trim()
    button.disabled = true
    try {
      if ((await check(token)) !== undefined) return onSignedIn(token)
      alert.textContent = "The gateway does not accept this token, or it has expired."
    } catch (error) {
      alert.textContent = textOf(error)
    } finally {
      button.disabled = false
    }
  }
  queueMicrotask(() => input.focus())
  return el("main", { className: "gate" }, form)
}
