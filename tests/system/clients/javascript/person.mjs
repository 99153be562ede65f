// A person with a browser that runs no scripts: signs in where asked, chooses p1, and allows what an app asks for.
import assert from "node:assert/strict";

const PAGES_MAX = 10;

export class Person {
  #cookies = new Map();

  constructor(username, password) {
    this.typed = { username, password, patient: "p1" };
  }

  /** Where the app is answered, once every page is behind us. */
  async follows(address, redirectUri) {
    let answer = await this.#ask(new URL(address));
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const location = answer.headers.get("location");
      if (location?.startsWith(redirectUri)) return new URL(location);
      answer = location ? await this.#ask(new URL(location, answer.url)) : await this.#fills(answer);
    }
    return assert.fail(`no way back to the app within ${PAGES_MAX} pages`);
  }

  async #fills(answer) {
    const page = await answer.text();
    const action = page.match(/<form method="post" action="([^"]+)"/)?.[1];
    assert.ok(action, `a page without a form: ${answer.status} ${page.slice(0, 2000)}`);
    const form = new URLSearchParams(this.typed);
    for (const [, name, value] of page.matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g)) form.set(name, value);
    for (const [, value] of page.matchAll(/name="scope" value="([^"]+)" checked/g)) {
      form.append("scope", value.replaceAll("&amp;", "&").replaceAll("&#39;", "'"));
    }
    form.append("decision", "allow");
    return this.#ask(new URL(action, answer.url), form);
  }

  async #ask(url, body) {
    const cookie = [...this.#cookies].map((pair) => pair.join("=")).join("; ");
    const method = body ? "POST" : "GET";
    const answer = await fetch(url, { method, body, headers: { cookie }, redirect: "manual" });
    for (const set of answer.headers.getSetCookie()) {
      const [, name, value] = set.match(/^([^=]+)=([^;]*)/);
      this.#cookies.set(name, value);
    }
    return answer;
  }
}

export const physician = () => new Person(process.env.PERSON, process.env.PASSWORD);
