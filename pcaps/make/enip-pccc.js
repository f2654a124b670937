// What nodepccc (npm) is made to say to the target: reads, writes, a masked bit, an error.
// NODE_PATH points to the folder with the packages.  node enip-pccc.js ADDRESS
const PCCC = require("nodepccc");

const plc = new PCCC({ silent: true });
const read = () => new Promise((done) => plc.readAllItems((bad, values) => done(console.log(bad, values))));
const write = (name, value) => new Promise((done) => plc.writeItems(name, value, (bad) => done(bad)));

plc.initiateConnection({ port: 44818, host: process.argv[2] }, async (err) => {
  if (err) {
    console.error(err);
    process.exit(1);
  }
  plc.addItems(["N7:0,4", "F8:1", "B3:2", "N7:9"]);
  await read();
  await write("N7:1,2", [321, -5]);
  await write("F8:1", 12.5);
  await write("B3:2/4", true);
  await read();
  plc.addItems(["N77:1"]);
  await read();
  process.exit(0);
});
setTimeout(() => process.exit(0), 15000);
