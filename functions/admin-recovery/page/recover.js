"use strict";

const token = location.hash.slice(1);
// Out of the address bar, the history, and what somebody copies from there.
history.replaceState(null, "", location.pathname);

// Paths are relative to /admin/recover, so that they also hold below a stage's prefix.
const forms = {
  forgot: ["password/forgot", "If there is such an account, a mail is under way."],
  reset: ["password/reset", "The new password is set. Log in with it."],
  confirm: ["email/confirm", "The email address is confirmed."],
};
const kind = token.startsWith("omsp_") ? "reset" : token.startsWith("omsc_") ? "confirm" : "forgot";
const form = document.getElementById(kind);
const said = document.getElementById("said");

form.hidden = false;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const [path, done] = forms[kind];
  const body = Object.fromEntries(new FormData(form));
  if (kind !== "forgot") body.token = token;
  try {
    const answer = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    const problem = answer.ok ? null : await answer.json();
    form.hidden = answer.ok;
    said.textContent = answer.ok ? done : problem.errors?.[0]?.detail || problem.detail || problem.message;
  } catch {
    said.textContent = "There was no answer. Try again.";
  }
});
