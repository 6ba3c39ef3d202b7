import { type Api, textOf } from "../gateway/Api.ts"
import { el, labelled } from "../view/Element.ts"

const input = (name: string, type: "text" | "password", hint: string) => {
  const field = el("input", { type, required: true, autocomplete: "off", spellcheck: false, placeholder: hint, ariaLabel: name })
  return { field, element: labelled(name, field) }
}

/** Links an account of the user at the broker. Key and secret go to the gateway once, and are in no answer. */
export const make = (api: Api, onLinked: (accountId: string) => void): HTMLElement => {
  const id = input("Name", "text", "a name here")
  const user = input("User id", "text", "AB1234")
  const key = input("API key", "text", "of your Kite app")
  const secret = input("API secret", "password", "of your Kite app")
  const problem = el("p", { className: "problem", hidden: true, attrs: { role: "alert" } })
  const button = el("button", { type: "submit", className: "primary" }, "Link account")
  const form = el(
    "form",
    { className: "link" },
    ...[id, user, key, secret].map(({ element }) => element),
    problem,
    el("div", { className: "row end" }, button)
  )
  const details = el("details", { className: "addbox linkbox" }, el("summary", {}, "Link an account"), form)
  form.onsubmit = async (event) => {
    event.preventDefault()
    button.disabled = true
    problem.hidden = true
    const payload = {
      account_id: id.field.value.trim(),
      user_id: user.field.value.trim(),
      api_key: key.field.value.trim(),
      api_secret: secret.field.value.trim()
    }
    try {
      const { account_id } = await api.accounts.link({ payload })
      form.reset()
      details.open = false
      onLinked(account_id)
    } catch (error) {
      problem.hidden = false
      problem.textContent = textOf(error)
    } finally {
      button.disabled = false
    }
  }
  return details
}
