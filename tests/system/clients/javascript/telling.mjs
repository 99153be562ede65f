// Stories are told one after the other, each with its end, as JSON lines; one that fails does not stop the next.
import { randomBytes } from "node:crypto";

export const unique = randomBytes(6).toString("hex");

export async function story(name, tell) {
  try {
    await tell();
    console.log(JSON.stringify({ story: name, failed: null }));
  } catch (error) {
    const said = error?.response?.data ?? error?.outcome ?? String(error?.message ?? error);
    console.log(JSON.stringify({ story: name, failed: typeof said === "string" ? said : JSON.stringify(said) }));
  }
}
