"use strict";

const form = document.getElementById("credentials");
const { appid, secret } = form.elements;
const said = form.querySelector("output");

const ui = SwaggerUIBundle({
  url: form.dataset.document,
  domNode: document.getElementById("calls"),
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});

function say(text, failed) {
  said.value = text;
  said.toggleAttribute("data-failed", failed);
}

async function getToken(event) {
  event.preventDefault();
  const credentials = { grant_type: "client_credential", appid: appid.value, secret: secret.value };
  try {
    const response = await fetch("cgi-bin/stable_token", { method: "POST", body: JSON.stringify(credentials) });
    const answer = await response.json();
    if (!answer.access_token) {
      say(`${answer.errcode} ${answer.errmsg}`, true);
      return;
    }
    ui.preauthorizeApiKey("access_token", answer.access_token);
    say(form.dataset.done, false);
  } catch {
    say(form.dataset.failed, true);
  }
}

// an emulator gives its accounts to programs and pages of its own machine
async function offerAccounts(address) {
  const response = await fetch(address);
  if (!response.ok) return;
  const { accounts } = await response.json();
  const secrets = new Map(accounts.map((account) => [account.appid, account.secret]));
  for (const account of accounts) {
    document.getElementById("appids").append(new Option(account.name, account.appid));
  }
  const choose = () => { secret.value = secrets.get(appid.value) ?? secret.value; };
  appid.addEventListener("input", choose);
  appid.value = accounts[0].appid;
  choose();
}

form.addEventListener("submit", getToken);
if (form.dataset.accounts) offerAccounts(form.dataset.accounts).catch(() => {});
