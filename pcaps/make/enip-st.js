// What st-ethernet-ip (npm) is made to say to the target: discovery, tags, attributes, I/O.
// NODE_PATH points to the folder with the packages.  node enip-st.js ADDRESS
const { Controller, Tag, TagGroup, Browser, IO, EthernetIP } = require("st-ethernet-ip");

const { DINT, REAL } = EthernetIP.CIP.DataTypes.Types;
const address = process.argv[2];
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const attempt = async (what) => {
  try {
    return await what();
  } catch (e) {
    console.error("refused:", e.message || JSON.stringify(e));
    return undefined;
  }
};

async function tags(connected) {
  const plc = new Controller(connected);
  await plc.connect(address, 0);
  const speed = new Tag("Speed", null, DINT);
  const temperature = new Tag("Temperature", null, REAL);
  await plc.readTag(speed);
  await plc.readTag(temperature);
  await plc.writeTag(speed, 1500);
  await plc.writeTag(temperature, 62.25);
  const recipe = new Tag("Recipe[3]", null, DINT);
  await plc.readTag(recipe);
  await plc.writeTag(recipe, 999);
  const bit = new Tag("Flags.3", null, DINT);
  await plc.readTag(bit);
  await plc.writeTag(bit, 1);
  const group = new TagGroup();
  for (const name of ["Speed", "Running", "Count", "Temperature", "Recipe[4]", "Program:Main.Step"])
    group.add(new Tag(name));
  await plc.readTagGroup(group);
  group.add(speed);
  speed.value = 1525;
  await plc.writeTagGroup(group);
  await attempt(() => plc.readTag(new Tag("NoSuchTag")));
  await attempt(() => plc.getAttributeSingle(1, 1, 7));
  await attempt(() => plc.setAttributeSingle(4, 100, 3, Buffer.from([1, 2, 3, 4])));
  await attempt(() => plc.setAttributeSingle(4, 100, 3, Buffer.from([1])));
  await attempt(() => plc.disconnect());
}

async function main() {
  const browser = new Browser(51687, "0.0.0.0", true, 300);
  browser.on("New Device", (d) => console.log("found", d.EncapsulationVersion, d.productName));
  await wait(1000);
  browser.stop();
  browser.socket.close();
  await attempt(() => tags(true));
  await attempt(() => tags(false));
  const scanner = new IO.Scanner();
  const conn = scanner.addConnection(
    {
      configInstance: { assembly: 100, size: 0 },
      outputInstance: { assembly: 102, size: 4 },
      inputInstance: { assembly: 101, size: 4 },
    },
    100,
    address,
  );
  await wait(1500);
  conn.outputData = Buffer.from([9, 8, 7, 6]);
  await wait(1000);
  await attempt(() => conn.tcpController.forwardClose());
  process.exit(0);
}

main();
