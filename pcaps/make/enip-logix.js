// What ethernet-ip (npm) is made to say to the target: unconnected sends through the backplane.
// NODE_PATH points to the folder with the packages.  node enip-logix.js ADDRESS
const { Controller, Tag, TagGroup, EthernetIP } = require("ethernet-ip");

const { DINT, BOOL } = EthernetIP.CIP.DataTypes.Types;

async function main() {
  const plc = new Controller();
  await plc.connect(process.argv[2], 2);
  const speed = new Tag("Speed", null, DINT);
  const flag = new Tag("Flags.1", null, DINT);
  const group = new TagGroup();
  await plc.readTag(speed);
  await plc.writeTag(speed, 1475);
  await plc.writeTag(new Tag("Running", null, BOOL), false);
  await plc.readTag(flag);
  await plc.writeTag(flag, true);
  for (const name of ["Speed", "Count", "Total2", "Recipe[1]"]) group.add(new Tag(name));
  await plc.readTagGroup(group).catch((e) => console.error("refused:", e.message || JSON.stringify(e)));
  plc.subscribe(new Tag("Count"));
  plc.subscribe(new Tag("Temperature"));
  plc.scan_rate = 100;
  plc.scan();
  setTimeout(() => {
    plc.destroy();
    process.exit(0);
  }, 600);
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
