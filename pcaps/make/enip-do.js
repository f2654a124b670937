// st-ethernet-ip (npm) as a hand tool: each word is one request, in order.
//
//   node enip-do.js ADDRESS WORD...
//     read:TAG  write:TAG=VALUE  (DINT; REAL when the value has a dot; reads it first)
//     list                                    the tag list
//     attr:CLASS,INSTANCE,ATTRIBUTE           Get Attribute Single
//     set:CLASS,INSTANCE,ATTRIBUTE,HEX        Set Attribute Single
//     cip:SERVICE,CLASS,INSTANCE[,HEX]        any service, in hexadecimal
//     identity                                ListIdentity by UDP broadcast
//     wait:MS    connected / unconnected (default), before the first request
//     every:MS,TIMES,TAG                      cyclic reading
// NODE_PATH points to the folder with the package.
const { Controller, Tag, Browser, EthernetIP } = require("st-ethernet-ip");

const { DINT, REAL } = EthernetIP.CIP.DataTypes.Types;
const [address, ...words] = process.argv.slice(2);
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
let plc = null;

async function controller() {
  if (!plc) {
    plc = new Controller(words.includes("connected"));
    await plc.connect(address, 0);
  }
  return plc;
}

function path(cls, instance) {
  const segment = (kind, n) => (n < 256 ? [kind, n] : [kind + 1, 0, n & 255, n >> 8]);
  return Buffer.from([...segment(0x20, cls), ...segment(0x24, instance)]);
}

async function step(word) {
  const [what, rest = ""] = word.split(/:(.*)/s);
  const part = rest.split(",");
  if (what === "connected" || what === "unconnected") return;
  if (what === "wait") return wait(Number(rest));
  if (what === "identity") {
    const browser = new Browser(51687, "0.0.0.0", true, 300);
    await wait(700);
    browser.stop();
    browser.socket.close();
    return;
  }
  const c = await controller();
  if (what === "read") await c.readTag(new Tag(rest));
  else if (what === "every") {
    for (let n = 0; n < Number(part[1]); n++) {
      await c.readTag(new Tag(part[2]));
      await wait(Number(part[0]));
    }
  } else if (what === "write") {
    const [tag, value] = rest.split("=");
    const known = new Tag(tag, null, value.includes(".") ? REAL : DINT);
    await c.readTag(known); // the library writes what it has read
    await c.writeTag(known, Number(value));
  } else if (what === "list") await c.getControllerTagList(c.state.tagList || { tags: [] });
  else if (what === "attr") await c.getAttributeSingle(...part.map(Number));
  else if (what === "set") await c.setAttributeSingle(...part.slice(0, 3).map(Number), Buffer.from(part[3], "hex"));
  else if (what === "cip") {
    const [service, cls, instance] = part.slice(0, 3).map((n) => parseInt(n, 16));
    const data = Buffer.from(part[3] || "", "hex");
    const request = EthernetIP.CIP.MessageRouter.build(service, path(cls, instance), data);
    c.write_cip(request, words.includes("connected"));
    await wait(150);
  } else throw new Error(`what is ${word}?`);
}

async function main() {
  for (const word of words)
    try {
      await step(word);
    } catch (e) {
      console.error(word, e instanceof TypeError ? "broken:" : "refused:", e.message || JSON.stringify(e));
    }
  if (plc) await plc.disconnect().catch(() => {});
  process.exit(0);
}

setTimeout(() => process.exit(0), 30000);
main();
