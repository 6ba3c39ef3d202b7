import * as Desk from "./desk/Desk.ts"
import * as Session from "./session/Session.ts"
import * as SignIn from "./session/SignIn.ts"

const app = document.getElementById("app") ?? document.body
let close = (): void => undefined

const askForToken = (problem: string): void => {
  close()
  close = () => undefined
  Session.forget()
  app.replaceChildren(
    SignIn.make(problem, (token) => {
      Session.keep(token)
      void open(token)
    })
  )
}

const open = async (token: string): Promise<void> => {
  // If the gateway does not answer, nothing is known about the token.
  const user = await SignIn.check(token).catch(() => null)
  if (user === undefined) return askForToken("The gateway does not accept this token, or it has expired.")
  close()
  const id = user?.user_id ?? Session.userId(token)
  const desk = Desk.make(token, { id, name: user?.name ?? id, role: user?.role ?? "trader" }, { onSignOut: askForToken })
  close = desk.close
  app.replaceChildren(desk.element)
}

const start = (): void => {
  const token = Session.token()
  if (token === undefined) askForToken("")
  else void open(token)
}
// The user may put a new token into the address while the page is open.
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#token=")) start()
})
start()
