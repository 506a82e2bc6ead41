//! Signatures as another program makes them: node's Web Crypto, by what the format says (reactor format §1.2).

use snapctl::model::operation::Action;
use snapctl::verify::signature::{Mismatch, Signature, check};

use crate::support::tools::{self, Workshop};

/// Prints a document's id, a tab and a signed action, a line each.
const SIGN: &str = r#"
const { subtle } = globalThis.crypto ?? require("node:crypto").webcrypto;
const { createHash } = require("node:crypto");

const stable = (value) => {
  if (Array.isArray(value)) return `[${value.map(stable).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${stable(value[key])}`).join(",")}}`;
};

const base58 = (bytes) => {
  const digits = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  let number = BigInt("0x" + Buffer.from(bytes).toString("hex"));
  let text = "";
  for (; number > 0n; number /= 58n) text = digits[Number(number % 58n)] + text;
  return text;
};

const sign = async (keys, document, action) => {
  const [, ...point] = new Uint8Array(await subtle.exportKey("raw", keys.publicKey));
  const key = "did:key:z" + base58([0x80, 0x24, 2 | (point[63] & 1), ...point.slice(0, 32)]);
  const { scope, type, input } = action;
  const payload = createHash("sha1").update([document, scope, type, stable(input)].join("")).digest("base64");
  const texts = ["1772370247", key, payload, "vyGp6PvFo4RvsFtPoIWeCReyIC8="];
  const message = texts.join("");
  const bytes = new TextEncoder().encode("\u0019Signed Operation:\n" + message.length + message);
  const signature = await subtle.sign({ name: "ECDSA", hash: "SHA-256" }, keys.privateKey, bytes);
  texts.push("0x" + Buffer.from(signature).toString("hex"));
  const signer = { user: {}, app: { name: "node", key }, signatures: [texts] };
  console.log(document + "\t" + JSON.stringify({ ...action, context: { signer } }));
};

const inputs = [{}, null, undefined, 0, -0, 1e21, [3, 1, 2], "x", { b: 1, a: { d: 5e-324, c: [] }, "": "é🐦\u2028\n" },
  { "\ud83d": 1, "\uffff": 2, "😀": 3 }, { text: "a\ud800b" }];
(async () => {
  for (const input of inputs) {
    const keys = await subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
    await sign(keys, "döc-😀", { id: "a", type: "SET", scope: "global", timestampUtcMs: "", input });
    await sign(keys, "d", { id: "a", type: "ÄNDERN", scope: "local", timestampUtcMs: "", input });
  }
})();
"#;

#[test]
fn what_web_crypto_signs_is_valid() {
    if !tools::has("node") {
        return;
    }
    let output = Workshop::new().command("node").args(["-e", SIGN]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().count(), 22);
    for line in said.lines() {
        let (document, text) = line.split_once('\t').unwrap();
        let action = Action::parse(text.as_bytes()).unwrap();
        assert_eq!(check(document, &action), Signature::Valid { n: 1 }, "{text}");
        let elsewhere = check("another", &action);
        assert!(matches!(elsewhere, Signature::Invalid { nth: 0, reason: Mismatch::Payload { .. } }), "{text}");
        let later = text.replace("\"1772370247\"", "\"1772370248\"");
        let later = check(document, &Action::parse(later.as_bytes()).unwrap());
        assert_eq!(later, Signature::Invalid { nth: 0, reason: Mismatch::Forged }, "{text}");
    }
}
